"""What a request may say of the drawing, the cache and the future, and what of it reaches the engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from runtime.engine.core import SAMPLERS, GenerationRequest
from runtime.engine.fake import FakeBehaviour
from tests.api.running import Running, running
from tests.api.test_chat import events
from tests.api.test_tools import Heard

CHAT = {"messages": [{"role": "user", "content": "Hi"}]}
PATHS: list[tuple[str, dict[str, Any], str]] = [
    ("/v1/chat/completions", CHAT, "max_tokens"),
    ("/v1/completions", {"prompt": "x"}, "max_tokens"),
    ("/v1/responses", {"input": "x"}, "max_output_tokens"),
    ("/completion", {"prompt": "x"}, "n_predict"),
    ("/v1/messages", CHAT, "max_tokens"),
]
EACH = pytest.mark.parametrize(("path", "body", "limit"), PATHS, ids=[path for path, _, _ in PATHS])


@pytest.fixture(scope="module")
def heard() -> Heard:
    return Heard()


@pytest.fixture(scope="module")
def server(heard: Heard) -> Iterator[Running]:
    with running(FakeBehaviour(answer=heard, fill_in=(1, 2, 3))) as started:
        yield started


@EACH
def test_the_samplers_and_their_order_reach_the_engine(
    server: Running, heard: Heard, path: str, body: dict[str, Any], limit: str
) -> None:
    for given, meant in (
        (["top_k", "top_p", "infill"], ("top_k", "top_p", "infill")),
        (["Temp", "min-p", "typical_p", "topk", "nucleus"], ("temperature", "min_p", "typ_p", "top_k", "top_p")),
        ("edskypmxt", SAMPLERS),
        ("kpi", ("top_k", "top_p", "infill")),
        ([], ()),
        (None, SAMPLERS),
    ):
        assert server.http.post(path, json={**body, limit: 5, "samplers": given}).status_code == 200
        assert heard[-1].sampling.samplers == meant


@EACH
def test_what_of_the_prompt_is_kept_beyond_the_context_reaches_the_engine_where_there_is_a_limit(
    server: Running, heard: Heard, path: str, body: dict[str, Any], limit: str
) -> None:
    for keep, shift in ((7, 7), (-1, -1), (0, None), (None, None)):
        assert server.http.post(path, json={**body, limit: 5, "n_keep": keep, "id_slot": 3}).status_code == 200
        assert heard[-1].shift == shift
    if path != "/v1/messages":  # it always has one
        assert server.http.post(path, json={**body, "n_keep": 7}).status_code == 200
        assert heard[-1].shift is None


def test_ollama_has_its_own_name_for_what_is_kept(server: Running, heard: Heard) -> None:
    for path, body in (
        ("/api/chat", CHAT),
        ("/api/generate", {"prompt": "x"}),
        ("/api/generate", {"prompt": "x", "raw": True}),
    ):
        server.http.post(path, json={**body, "options": {"num_keep": 4, "num_predict": 9}}).raise_for_status()
        assert heard[-1].shift == 4


def test_an_answer_beyond_the_context_says_that_something_was_cut() -> None:
    def long(_: GenerationRequest) -> str:
        return "x" * 200

    with running(FakeBehaviour(answer=long, context_size=100)) as server:
        asked = {"prompt": "x" * 50, "n_predict": 150}
        whole = server.http.post("/completion", json={**asked, "n_keep": -1}).json()
        short = server.http.post("/completion", json=asked).json()
    assert (whole["tokens_predicted"], whole["truncated"]) == (150, True)
    assert (short["tokens_predicted"], short["truncated"]) == (50, False)


@pytest.mark.parametrize(
    "content", ["The answer.", [{"type": "text", "text": "The "}, {"type": "text", "text": "answer."}]]
)
def test_a_prediction_reaches_the_engine_and_its_worth_is_told(server: Running, heard: Heard, content: Any) -> None:
    asked = {"prediction": {"type": "content", "content": content}}
    whole = server.chat(**asked).json()["usage"]["completion_tokens_details"]
    assert heard[-1].prediction == "The answer."
    told = events(server.chat(**asked, stream=True, stream_options={"include_usage": True}).text)[-2]
    assert told["usage"]["completion_tokens_details"] == whole
    assert whole == {"reasoning_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}
    assert "accepted_prediction_tokens" not in server.chat().json()["usage"]["completion_tokens_details"]
