"""Answers given before the model's bytes were checked say so; once they are known to be wrong, there are none."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

import httpx
import pytest

from runtime.engine.fake import FakeBehaviour
from tests.api.running import running

MESSAGES = [{"role": "user", "content": "Hello"}]
ASKED = {
    "/v1/chat/completions": {"messages": MESSAGES},
    "/v1/completions": {"prompt": "Hello"},
    "/v1/responses": {"input": "Hello"},
    "/v1/messages": {"messages": MESSAGES, "max_tokens": 9},
    "/api/chat": {"messages": MESSAGES, "stream": False},
    "/completion": {"prompt": "Hello"},
}


@dataclass
class Told:
    """A check whose verdict a test changes."""

    verified: str = "pending"
    progress: float = 0.25


@pytest.mark.parametrize("path", ASKED)
def test_every_dialect_marks_its_answers_while_the_model_is_being_checked(path: str) -> None:
    check = Told()
    with running(check=check) as server:
        for verdict in ("pending", "yes"):
            check.verified = verdict
            for stream in (False, True):
                answer = server.http.post(path, json={**ASKED[path], "stream": stream})
                assert (answer.status_code, answer.headers["x-model-verified"]) == (200, verdict)


def test_a_stream_that_is_taken_up_again_is_marked_too() -> None:
    with running(check=Told()) as server:
        body = {"messages": MESSAGES, "stream": True}
        first = server.http.post("/v1/chat/completions", json=body, headers={"X-Stream-Resumable": "true"})
        secret = {"X-Stream-Secret": first.headers["x-stream-secret"]}
        again = server.http.get(f"/v1/streams/{first.headers['x-stream-id']}", headers=secret)
        assert (first.headers["x-model-verified"], again.headers["x-model-verified"]) == ("pending", "pending")


def test_health_and_the_page_tell_how_far_the_check_is() -> None:
    with running(check=Told()) as server:
        assert server.http.get("/health").json() == {"status": "ok", "model_verified": "pending", "model_read": 0.25}
        assert server.http.get("/api/ui").json()["model_verified"] == "pending"


def test_where_nobody_checks_nothing_is_said() -> None:
    with running() as server:
        assert "x-model-verified" not in server.chat().headers


def test_a_wrong_hash_ends_an_answer_with_an_error_and_refuses_the_next() -> None:
    behaviour = FakeBehaviour(token_seconds=0.02, answer="word " * 500)
    with running(behaviour, check=Told()) as server:
        with server.http.stream("POST", "/v1/chat/completions", json={"messages": MESSAGES, "stream": True}) as answer:
            lines = answer.iter_lines()
            next(lines)
            server.condemn("The model is damaged: model.gguf has another SHA-256 than it should.")
            last = [line for line in lines if line.startswith("data: ")][-1]
        error = json.loads(last.removeprefix("data: "))["error"]
        assert error["code"] == "model_damaged"
        assert "another SHA-256" in error["message"]
        refused = server.chat()
        assert (refused.status_code, refused.json()["error"]["code"]) == (500, "model_damaged")


def test_an_answer_that_is_not_streamed_ends_so_too() -> None:
    with running(FakeBehaviour(token_seconds=0.02, answer="word " * 500), check=Told()) as server:
        began = time.monotonic()

        def condemn(request: httpx.Request) -> None:
            server.condemn("The model is damaged.")

        server.http.event_hooks = {"request": [condemn]}
        refused = server.chat()
        assert (refused.status_code, refused.json()["error"]["code"]) == (500, "model_damaged")
        assert time.monotonic() - began < 5
