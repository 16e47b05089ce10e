from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest

from runtime.api import streams
from runtime.engine.fake import FakeBehaviour
from tests.api.running import Running, running
from tests.api.test_chat import streamed_text

BODY = {"messages": [{"role": "user", "content": "Hello"}], "stream": True}
ASKING = {"X-Stream-Resumable": "true"}
SLOW = FakeBehaviour(token_seconds=0.02, answer="one two three four five six seven eight nine ten")


def begin(server: Running, lines: int) -> tuple[httpx.Headers, list[str]]:
    """Read a few lines of a new resumable stream, and drop the connection."""
    read: list[str] = []
    with server.http.stream("POST", "/v1/chat/completions", json=BODY, headers=ASKING) as answer:
        for line in answer.iter_lines():
            read.append(line)
            if len(read) >= lines:
                break
    return answer.headers, read


def resume(server: Running, headers: httpx.Headers, **more: str) -> httpx.Response:
    secret = {"X-Stream-Secret": headers["x-stream-secret"]}
    return server.http.get(f"/v1/streams/{headers['x-stream-id']}", headers={**secret, **more})


def chunks(lines: list[str]) -> list[Any]:
    data = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    return [json.loads(one) for one in data if one != "[DONE]"]


def ids(lines: list[str]) -> list[int]:
    return [int(line.removeprefix("id: ")) for line in lines if line.startswith("id: ")]


def test_a_stream_goes_on_where_the_connection_broke() -> None:
    with running(SLOW) as server:
        headers, first = begin(server, 16)
        whole = [line for line in first if line]
        last = ids(whole)[-1] - 1  # the last one may have come in half
        again = resume(server, headers, **{"Last-Event-ID": str(last)}).text.splitlines()
        assert ids(again)[0] == last + 1
        assert again[-2] == "data: [DONE]"
        kept = whole[: whole.index(f"id: {last + 1}")]
        assert streamed_text(chunks(kept) + chunks(again)) == SLOW.answer
        assert server.engine.cancelled == []


def test_a_stream_is_replayed_from_its_beginning_and_more_than_once() -> None:
    with running(SLOW) as server:
        headers, _ = begin(server, 3)
        texts = {resume(server, headers).text for _ in range(2)}
        assert len(texts) == 1
        assert streamed_text(chunks(texts.pop().splitlines())) == SLOW.answer


def test_without_the_secret_there_is_no_stream() -> None:
    with running(SLOW) as server:
        headers, _ = begin(server, 3)
        for secret in ("", "wrong", "é"):
            answer = server.http.get(
                f"/v1/streams/{headers['x-stream-id']}", headers={"X-Stream-Secret": secret.encode()}
            )
            assert answer.status_code == 404
        missing = server.http.get("/v1/streams/stream_x", headers={"X-Stream-Secret": headers["x-stream-secret"]})
        assert missing.status_code == 404
        assert resume(server, headers, **{"Last-Event-ID": "x"}).status_code == 400
        assert "x-stream-secret" not in resume(server, headers).headers


def test_a_stream_nobody_follows_any_more_is_forgotten_and_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "KEPT_SECONDS", 0.1)
    with running(FakeBehaviour(token_seconds=0.05, answer="word " * 1000)) as server:
        headers, _ = begin(server, 3)
        assert len(server.wait_cancelled(3)) == 1
        time.sleep(0.1)
        assert resume(server, headers).status_code == 404


def test_a_refusal_keeps_its_status_and_leaves_no_stream() -> None:
    with running(FakeBehaviour(context_size=8)) as server:
        answer = server.http.post("/v1/chat/completions", json=BODY, headers=ASKING)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "context_length_exceeded")
        assert "x-stream-id" not in answer.headers


def test_an_idle_stream_gives_way_where_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MAX_STREAMS", 2)
    with running(FakeBehaviour(answer="fine")) as server:
        begun = [begin(server, 100)[0] for _ in range(3)]
        time.sleep(0.1)
        assert [resume(server, headers).status_code for headers in begun] == [404, 200, 200]


def test_the_end_of_the_server_ends_followed_streams() -> None:
    with (
        running(FakeBehaviour(token_seconds=0.05, answer="word " * 1000)) as server,
        server.http.stream("POST", "/v1/chat/completions", json=BODY, headers=ASKING) as answer,
    ):
        lines = answer.iter_lines()
        next(lines)
        assert server.stop() < 1.0
        assert '"code": "stopped"' in "".join(lines)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/completions", {"prompt": "x", "stream": True}),
        ("/v1/responses", {"input": "x", "stream": True}),
        ("/v1/messages", {"max_tokens": 99, "messages": BODY["messages"], "stream": True}),
        ("/completion", {"prompt": "x", "stream": True}),
    ],
)
def test_every_dialect_with_events_has_it(path: str, body: dict[str, Any]) -> None:
    with running(FakeBehaviour(answer="one two")) as server:
        answer = server.http.post(path, json=body, headers=ASKING)
        time.sleep(0.05)
        assert ids(answer.text.splitlines()) == list(range(1, len(ids(answer.text.splitlines())) + 1))
        assert resume(server, answer.headers).text == answer.text


def test_the_place_in_the_queue_is_told_to_whom_asks_for_it() -> None:
    with running(FakeBehaviour(answer="hi", queue=(2, 1))) as server:
        body = {"messages": [{"role": "user", "content": "hello"}], "stream": True}
        told = [
            json.loads(line.removeprefix("data: "))
            for line in server.http.post(
                "/v1/chat/completions", json=body, headers={"X-Stream-Progress": "true"}
            ).text.splitlines()
            if line.startswith("data: {")
        ]
        progress = [chunk["prompt_progress"] for chunk in told if "prompt_progress" in chunk]
        assert progress[:2] == [{"place": 2}, {"place": 1}]
        assert progress[2]["processed"] == 0
        assert progress[2]["total"] > 0
        assert "prompt_progress" not in server.http.post("/v1/chat/completions", json=body).text


def test_how_far_a_prompt_is_read_is_told_step_by_step() -> None:
    body = {"messages": [{"role": "user", "content": "hello " * 50}], "stream": True}
    with running(FakeBehaviour(answer="hi", steps=4)) as server:
        answer = server.http.post("/v1/chat/completions", json=body, headers={"X-Stream-Progress": "true"})
        chunks = [line.removeprefix("data: ") for line in answer.text.splitlines() if "prompt_progress" in line]
        first, *steps = [json.loads(chunk)["prompt_progress"] for chunk in chunks]
        assert [step["processed"] for step in steps] == [first["total"] * part // 4 for part in (1, 2, 3)]
        assert {step["total"] for step in steps} == {first["total"]}
        plain = server.http.post("/v1/chat/completions", json=body)
        assert plain.text.count("data: ") == answer.text.count("data: ") - len(steps)


def test_a_stream_that_is_given_up_is_cancelled_and_forgotten() -> None:
    with running(FakeBehaviour(answer="word " * 500, token_seconds=0.02)) as server:
        body = {"messages": [{"role": "user", "content": "hello"}], "stream": True}
        asked = {"X-Stream-Resumable": "true"}
        with server.http.stream("POST", "/v1/chat/completions", json=body, headers=asked) as answer:
            path, secret = f"/v1/streams/{answer.headers['x-stream-id']}", answer.headers["x-stream-secret"]
            next(answer.iter_lines())
            assert server.http.delete(path, headers={"X-Stream-Secret": "another"}).status_code == 404
            assert server.http.delete(path, headers={"X-Stream-Secret": secret}).status_code == 204
            assert len(server.wait_cancelled(10)) == 1
        assert server.http.get(path, headers={"X-Stream-Secret": secret}).status_code == 404
