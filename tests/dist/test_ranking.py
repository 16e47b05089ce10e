"""A dist of a model that ranks documents answers as llama-server does, and says what it cannot do."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.dist import running
from tests.dist.conftest import build
from tests.rankers import TinyRanker

SPEC = '[dist]\nname = "ranker"\ntargets = ["linux-x86_64"]\n[model]\nsource = "ranker.gguf"\n'


def test_documents_are_ranked_by_a_dist_of_a_model_made_for_it(tmp_path: Path, env: dict[str, str]) -> None:
    TinyRanker().write(tmp_path / "ranker.gguf")
    (tmp_path / "ranker.toml").write_text(SPEC)
    dist = build(tmp_path / "out", spec=tmp_path / "ranker.toml")
    asked = {"query": "who opens the door?", "documents": ["the teacher opens it.", "a river", "nobody"]}
    with (
        running.serving(dist, "--port", "0", env=env) as server,
        httpx.Client(base_url=server.url, trust_env=False) as http,
    ):
        whole = http.post("/v1/rerank", json=asked).json()
        first = http.post("/v1/rerank", json={**asked, "top_n": 1}).json()
        vectors = http.post("/v1/embeddings", json={"input": "x"})
        words = http.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "x"}]})
    scores = [one["relevance_score"] for one in whole["results"]]
    assert sorted(one["index"] for one in whole["results"]) == [0, 1, 2]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == 3
    assert first["results"] == whole["results"][:1]
    assert (vectors.status_code, words.status_code) == (400, 400)
    assert "/v1/rerank" in vectors.json()["error"]["message"]
    assert "does not generate" in words.json()["error"]["message"]
