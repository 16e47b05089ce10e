from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from runtime.engine.fake import FakeBehaviour
from tests.api.running import MODEL, Running, running

QUERY = "who opens the door"
DOCUMENTS = ["nobody", "the teacher opens it", {"text": "who knows the door"}]


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    """A model that was made to rank: by the words that are in both, but for one."""
    with running(FakeBehaviour(ranks=True)) as started:
        yield started


@pytest.mark.parametrize("path", ["/rerank", "/reranking", "/v1/rerank", "/v1/reranking"])
def test_the_best_document_comes_first_with_the_models_own_score(server: Running, path: str) -> None:
    answer = server.http.post(path, json={"model": "any", "query": QUERY, "documents": DOCUMENTS}).json()
    assert answer["results"] == [
        {"index": 2, "relevance_score": 2.0},
        {"index": 1, "relevance_score": 1.0},
        {"index": 0, "relevance_score": -1.0},
    ]
    assert (answer["object"], answer["model"]) == ("list", MODEL)
    assert answer["usage"]["prompt_tokens"] == answer["usage"]["total_tokens"] > len(DOCUMENTS)


def test_only_so_many_are_told_and_with_their_documents_if_that_is_wished(server: Running) -> None:
    asked = {"query": QUERY, "documents": DOCUMENTS, "top_n": 2, "return_documents": True}
    results = server.http.post("/v1/rerank", json=asked).json()["results"]
    assert [one["document"] for one in results] == [{"text": "who knows the door"}, {"text": "the teacher opens it"}]
    assert len(server.http.post("/v1/rerank", json={**asked, "top_n": 99}).json()["results"]) == 3


def test_who_asks_with_texts_gets_the_plain_list(server: Running) -> None:
    asked: dict[str, Any] = {"query": QUERY, "texts": ["nobody", "who opens it"]}
    plain = server.http.post("/rerank", json=asked).json()
    assert plain == [{"index": 1, "score": 1.0}, {"index": 0, "score": -1.0}]
    told = server.http.post(
        "/rerank", json={**asked, "return_text": True, "raw_scores": True, "truncate": False}
    ).json()
    assert [one["text"] for one in told] == ["who opens it", "nobody"]


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "documents"),
        ({"documents": []}, "documents"),
        ({"documents": "x"}, "documents"),
        ({"documents": [{"title": "x"}]}, "documents[0].text"),
        ({"documents": [7]}, "documents[0]"),
        ({"documents": ["x"], "texts": ["x"]}, "texts"),
        ({"documents": ["x"], "top_n": 0}, "top_n"),
        ({"documents": ["x"], "mood": 1}, "mood"),
        ({"texts": ["x"], "raw_scores": False}, "raw_scores"),
        ({"texts": ["x"], "truncate": True}, "truncate"),
        ({"documents": ["x"] * 3000}, "documents"),
    ],
)
def test_an_invalid_field_is_named(server: Running, fields: dict[str, Any], word: str) -> None:
    answer = server.http.post("/v1/rerank", json={"query": QUERY, **fields})
    assert answer.status_code == 400
    assert word in answer.json()["error"]["message"]


def test_who_ranks_makes_no_vectors_and_says_where_to_ask(server: Running) -> None:
    for path, body in (
        ("/v1/embeddings", {"input": "x"}),
        ("/embedding", {"content": "x"}),
        ("/api/embed", {"input": "x"}),
    ):
        answer = server.http.post(path, json=body)
        assert answer.status_code == 400
        assert "/v1/rerank" in answer.text


@pytest.mark.parametrize(
    ("path", "body", "ranks"),
    [
        ("/v1/rerank", {"query": QUERY, "documents": DOCUMENTS}, True),
        ("/v1/embeddings", {"input": "x"}, False),
        ("/embedding", {"content": "x"}, False),
        ("/api/embed", {"input": "x"}, False),
        ("/api/embeddings", {"prompt": "x"}, False),
    ],
)
def test_a_client_that_leaves_is_not_worked_for(path: str, body: dict[str, Any], ranks: bool) -> None:
    with running(FakeBehaviour(ranks=ranks, steps=2, step_seconds=20.0)) as server:
        with pytest.raises(httpx.ReadTimeout):
            server.http.post(path, json=body, timeout=0.5)
        assert server.wait_cancelled(5) == ["rank" if ranks else "embed"]
