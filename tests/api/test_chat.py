from __future__ import annotations

import json
import socket
import time
from typing import Any

import httpx
import openai
import pytest

from runtime.api import reply
from runtime.api.settings import ServerSettings
from runtime.engine.core import GenerationRequest, SamplingParams, TokenBias
from runtime.engine.fake import FakeBehaviour
from tests.api.running import MODEL, Running, running


def events(text: str) -> list[Any]:
    """What the data lines of a stream say."""
    data = [line.removeprefix("data: ") for line in text.split("\n\n") if line.startswith("data: ")]
    return [one if one == "[DONE]" else json.loads(one) for one in data]


def streamed_text(chunks: list[Any]) -> str:
    return "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks if chunk["choices"])


def test_a_plain_answer_has_the_whole_shape(server: Running) -> None:
    answer = server.chat(seed=1).json()
    assert answer["id"].startswith("chatcmpl-")
    assert answer["object"] == "chat.completion"
    assert answer["model"] == MODEL
    (choice,) = answer["choices"]
    assert choice["index"] == 0
    assert choice["finish_reason"] == "stop"
    assert choice["message"]["role"] == "assistant"
    assert choice["message"]["content"]
    usage = answer["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["prompt_tokens_details"] == {"cached_tokens": 0}
    assert answer["timings"]["predicted_n"] == usage["completion_tokens"]
    assert answer["timings"]["prompt_n"] == usage["prompt_tokens"]


def test_a_stream_says_the_same_as_a_plain_answer(server: Running) -> None:
    plain = server.chat(seed=7).json()["choices"][0]["message"]["content"]
    streamed = server.chat(seed=7, stream=True)
    assert streamed.headers["content-type"] == "text/event-stream; charset=utf-8"
    *chunks, done = events(streamed.text)
    assert done == "[DONE]"
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks[-2:]] == [None, "stop"]
    assert streamed_text(chunks) == plain


@pytest.mark.parametrize("text", ['"quoted" \\ and \n new', "世界 🙂 é \u2028", "a\x00b", "</script>"])
def test_any_text_survives_the_stream(text: str) -> None:
    with running(FakeBehaviour(answer=text)) as server:
        assert streamed_text(events(server.chat(stream=True).text)[:-1]) == text
        assert server.chat().json()["choices"][0]["message"]["content"] == text


def test_usage_ends_a_stream_only_when_asked_for(server: Running) -> None:
    without = events(server.chat(stream=True, seed=1).text)[:-1]
    assert all("usage" not in chunk for chunk in without)
    *chunks, last = events(server.chat(stream=True, seed=1, stream_options={"include_usage": True}).text)[:-1]
    assert all(chunk["usage"] is None for chunk in chunks)
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] > 0


def test_max_tokens_ends_the_answer_with_length(server: Running) -> None:
    for name in ("max_tokens", "max_completion_tokens"):
        answer = server.chat(**{name: 3}).json()
        assert answer["choices"][0]["finish_reason"] == "length"
        assert answer["usage"]["completion_tokens"] == 3
    assert server.chat(max_tokens=-1).json()["choices"][0]["finish_reason"] == "stop"


def test_a_stop_string_ends_the_answer_and_is_not_part_of_it() -> None:
    with running(FakeBehaviour(answer="one two three four")) as server:
        for stop in ("three", ["nothing", "three"]):
            choice = server.chat(stop=stop).json()["choices"][0]
            assert choice["message"]["content"] == "one two "
            assert choice["finish_reason"] == "stop"


def test_every_sampling_field_reaches_the_engine() -> None:
    seen: list[GenerationRequest] = []

    def answer(request: GenerationRequest) -> str:
        seen.append(request)
        return "fine"

    given = {
        "temperature": 0.3, "top_p": 0.5, "top_k": 7, "min_p": 0.1, "repeat_penalty": 1.1,
        "frequency_penalty": 0.2, "presence_penalty": -0.2, "seed": 42, "typical_p": 0.9, "top_n_sigma": 1.5,
        "xtc_probability": 0.2, "xtc_threshold": 0.3, "dynatemp_range": 0.1, "dynatemp_exponent": 2.0,
        "dry_multiplier": 0.8, "dry_base": 1.5, "dry_allowed_length": 3, "dry_penalty_last_n": 9, "mirostat": 2,
        "mirostat_tau": 4.0, "mirostat_eta": 0.2,
    }  # fmt: skip
    with running(FakeBehaviour(answer=answer)) as server:
        more = {"repeat_last_n": 5, "logit_bias": {"7": 1.5}, "dry_sequence_breakers": ["#"]}
        assert server.chat(**given, **more, max_tokens=5, stop=["x"], ignore_eos=True).status_code == 200
        assert server.chat(seed=-1, top_k=-1, temperature=None).status_code == 200
    translated = {"penalty_last_n": 5, "logit_bias": (TokenBias(7, 1.5),), "dry_sequence_breakers": ("#",)}
    assert seen[0].sampling == SamplingParams(**given, **translated)  # type: ignore[arg-type]
    assert (seen[0].max_tokens, seen[0].stop, seen[0].ignore_eos) == (5, ("x",), True)
    assert seen[1].sampling == SamplingParams(top_k=0)


def test_what_a_request_leaves_open_comes_from_the_settings() -> None:
    seen: list[GenerationRequest] = []

    def answer(request: GenerationRequest) -> str:
        seen.append(request)
        return "fine"

    settings = ServerSettings(MODEL, sampling=SamplingParams(temperature=0.1, top_k=3))
    with running(FakeBehaviour(answer=answer), settings) as server:
        server.chat(top_k=9)
    assert seen[0].sampling == SamplingParams(temperature=0.1, top_k=9)


def test_the_prompt_is_the_template_over_the_messages() -> None:
    template = "{% for m in messages %}[{{ m.role }}|{{ m.name }}|{{ m.content }}]{% endfor %}{{ mood }}"
    behaviour = FakeBehaviour(chat_template=template, answer=lambda request: str(request.prompt))
    messages = [
        {"role": "developer", "content": "rules"},
        {"role": "user", "name": "ann", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "assistant", "content": None},
    ]
    with running(behaviour) as server:
        body = {"messages": messages, "chat_template_kwargs": {"mood": "!"}}
        answer = server.http.post("/v1/chat/completions", json=body).json()
    assert answer["choices"][0]["message"]["content"] == "[system||rules][user|ann|ab][assistant||]!"


def test_the_fallback_template_also_stops_at_its_own_marker() -> None:
    behaviour = FakeBehaviour(chat_template=None, answer="hello<|im_end|>\n<|im_start|>user")
    with running(behaviour) as server:
        assert server.chat().json()["choices"][0]["message"]["content"] == "hello"


def test_any_model_name_is_answered_and_told_the_true_one(server: Running) -> None:
    assert server.chat(model="gpt-4o-mini", max_tokens=1).json()["model"] == MODEL


def test_a_body_needs_no_content_type(server: Running) -> None:
    body = b'{"messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}'
    assert server.http.post("/v1/chat/completions", content=body).status_code == 200


def raw_request(server: Running, **fields: object) -> socket.socket:
    """Ask over a socket of our own, which can be closed as rudely as we like."""
    body = json.dumps({"messages": [{"role": "user", "content": "Hello"}], **fields}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=5)
    connection.sendall(head.encode() + body)
    return connection


@pytest.mark.parametrize("stream", [True, False], ids=["streaming", "plain"])
def test_a_client_that_leaves_is_noticed_at_once(stream: bool) -> None:
    with running(FakeBehaviour(token_seconds=0.05, answer="word " * 1000)) as server:
        connection = raw_request(server, stream=stream)
        time.sleep(0.3)
        assert server.engine.cancelled == []
        left = time.monotonic()
        connection.close()
        assert len(server.wait_cancelled()) == 1
        assert time.monotonic() - left < 0.8  # a token takes 0.05 s, the whole answer 250 s


def test_a_client_that_leaves_before_the_first_token_is_noticed_too() -> None:
    with running(FakeBehaviour(token_seconds=30)) as server:
        connection = raw_request(server, stream=True)
        time.sleep(0.2)
        connection.close()
        assert len(server.wait_cancelled()) == 1


def test_a_finished_request_counts_as_finished(server: Running) -> None:
    server.chat()
    server.chat(stream=True)
    assert server.engine.cancelled == []


def test_a_silent_stream_says_that_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reply, "KEEP_ALIVE_SECONDS", 0.05)
    with running(FakeBehaviour(token_seconds=0.3, answer="a")) as server:
        text = server.chat(stream=True).text
    assert text.count(": still here") >= 3
    assert streamed_text(events(text)[:-1]) == "a"


def test_stopping_the_server_takes_a_second_at_most_and_tells_open_requests() -> None:
    with running(FakeBehaviour(token_seconds=0.05, answer="word " * 1000)) as server:
        connections = [raw_request(server, stream=True), raw_request(server, stream=False)]
        time.sleep(0.3)
        assert server.stop() < 1.0
        answers = []
        for connection in connections:
            received = b""
            while piece := connection.recv(65536):
                received += piece
            connection.close()
            answers.append(received.decode())
        assert '"code": "stopped"' in answers[0]
        assert answers[1].startswith("HTTP/1.1 503")


def test_a_client_that_does_not_read_cannot_hold_the_server_up() -> None:
    with (
        running(FakeBehaviour(answer="word", context_size=10**7)) as server,
        raw_request(server, stream=True, ignore_eos=True),
    ):
        time.sleep(2)  # until every buffer on the way is full
        assert server.stop() < 1.0


def test_streams_do_not_wait_for_each_other() -> None:
    with running(FakeBehaviour(token_seconds=0.02, answer="word " * 20)) as server:
        begin = time.monotonic()
        connections = [raw_request(server, stream=True) for _ in range(8)]
        for connection in connections:
            received = b""
            while b"[DONE]" not in received:
                received += connection.recv(65536)
            connection.close()
        alone = 0.02 * 100
        assert time.monotonic() - begin < 4 * alone


def test_the_official_client_sees_an_engine_that_dies_in_the_middle_of_a_stream() -> None:
    with (
        running(FakeBehaviour(answer="one two three four", die_at_token=6, deaths=2)) as server,
        openai.OpenAI(
            base_url=f"{server.url}/v1", api_key="none", max_retries=0, http_client=httpx.Client(trust_env=False)
        ) as client,
    ):
        stream = client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "Hello"}], stream=True
        )
        with pytest.raises(openai.APIError, match="second time"):
            list(stream)
