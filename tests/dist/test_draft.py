"""A dist with a draft, or with a model that guesses ahead itself, says what it would say without, and tells how much of
it was guessed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.dist import running
from tests.dist.conftest import build
from tests.models import TinyModel

SPEC = '[dist]\nname = "drafted"\ntargets = ["linux-x86_64"]\n[model]\nsource = "large.gguf"\ndraft = "small.gguf"\n'


@pytest.mark.parametrize("beside", [False, True])
def test_a_draft_guesses_ahead_unless_it_is_told_not_to(tmp_path: Path, env: dict[str, str], beside: bool) -> None:
    TinyModel(layers=6, width=512).write(tmp_path / "large.gguf")
    TinyModel(layers=1).write(tmp_path / "small.gguf")
    (tmp_path / "drafted.toml").write_text(SPEC)
    dist = build(tmp_path / "out", *(["--sidecar"] if beside else []), spec=tmp_path / "drafted.toml")
    assert "small.gguf, which guesses ahead" in running.run(dist, "info", env=env).stdout
    with_it, without = (answer(dist, env, *flags) for flags in ((), ("--no-draft",)))
    assert with_it["content"] == without["content"]
    assert 0 <= with_it["timings"]["draft_n_accepted"] <= with_it["timings"]["draft_n"] > 0
    assert "draft_n" not in without["timings"]


ITSELF = '[dist]\nname = "seeing"\ntargets = ["linux-x86_64"]\n[model]\nsource = "seeing.gguf"\n'


def test_a_model_with_a_layer_for_that_guesses_ahead_unless_it_is_told_not_to(
    tmp_path: Path, env: dict[str, str]
) -> None:
    TinyModel(ahead=True, faint=0.003, layers=6).write(tmp_path / "seeing.gguf")
    (tmp_path / "seeing.toml").write_text(ITSELF)
    dist = build(tmp_path / "out", spec=tmp_path / "seeing.toml")
    assert "the model's own layer, which guesses ahead" in running.run(dist, "info", env=env).stdout
    with_it, without = (answer(dist, env, *flags) for flags in ((), ("--no-draft",)))
    assert with_it["content"] == without["content"]
    assert 0 < with_it["timings"]["draft_n_accepted"] <= with_it["timings"]["draft_n"]
    assert (with_it["told"], without["told"]) == ("the model's own layer", "")
    assert "draft_n" not in without["timings"]


def test_a_model_whose_layer_for_that_was_left_out_answers_without(tmp_path: Path, env: dict[str, str]) -> None:
    TinyModel(ahead=True, stripped=True).write(tmp_path / "seeing.gguf")
    (tmp_path / "seeing.toml").write_text(ITSELF)
    found = answer(build(tmp_path / "out", spec=tmp_path / "seeing.toml"), env)
    assert found["told"] == ""
    assert found["timings"]["predicted_n"] > 0
    assert "draft_n" not in found["timings"]


def answer(dist: Path, env: dict[str, str], *flags: str) -> dict[str, Any]:
    """An answer, and what the server tells of its draft."""
    with running.serving(dist, "--port", "0", *flags, env=env) as server:
        status, found = server.post("/completion", {"prompt": "The teacher", "n_predict": 100, "temperature": 0})
        _, props = server.get("/props")
    assert status == 200
    return {**dict(found), "told": props["draft"]}
