from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ollama
import pytest

from runtime.api.settings import ServerSettings, UiConfig
from runtime.engine.core import GenerationRequest
from runtime.engine.fake import FakeBehaviour
from tests.api.running import MODEL, Running, running
from tests.api.test_tools import OSLO, ROME, TEMPLATE, WEATHER, Heard, heard, saying

__all__ = ["heard"]  # a fixture

HELLO = [{"role": "user", "content": "Hello"}]
THINKING = f"<think>\nHm.\n</think>\n\nLet me look.\n{ROME}\n{OSLO}"


def chat(server: Running, **fields: Any) -> Any:
    return server.http.post("/api/chat", json={"model": MODEL, "messages": HELLO, **fields})


def lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_chat_streams_lines_unless_told_not_to() -> None:
    with saying("one two three") as server:
        answer = chat(server)
        assert answer.headers["content-type"] == "application/x-ndjson"
        *told, last = lines(answer.text)
        assert "".join(line["message"]["content"] for line in told) == "one two three"
        assert not any(line["done"] for line in told)
        assert (last["done"], last["done_reason"]) == (True, "stop")
        assert last["eval_count"] > 0
        whole = chat(server, stream=False).json()
        assert whole["message"]["content"] == "one two three"
        assert whole["done"] is True
        assert chat(server, stream=False, options={"num_predict": 2}).json()["done_reason"] == "length"


def test_thinking_and_calls_are_told_apart() -> None:
    with saying(THINKING) as server:
        message = chat(server, tools=[WEATHER], stream=False).json()["message"]
        assert (message["thinking"], message["content"]) == ("Hm.", "Let me look.")
        cities = [call["function"]["arguments"] for call in message["tool_calls"]]
        assert cities == [{"city": "Rome"}, {"city": "Oslo"}]
        told = [line["message"] for line in lines(chat(server, tools=[WEATHER]).text)]
    assert "".join(one.get("thinking", "") for one in told) == "Hm."
    calls = [call for one in told for call in one.get("tool_calls", [])]
    assert [call["function"]["arguments"] for call in calls] == cities


def test_a_prompt_is_answered_through_the_template_or_raw(heard: Heard) -> None:
    with saying(heard) as server:

        def generate(**fields: Any) -> Any:
            return server.http.post("/api/generate", json={"model": "any", "stream": False, **fields}).json()

        assert generate(prompt="Hi", system="Be kind.")["response"] == "fine"
        assert heard.prompt.startswith("<|im_start|>system \nBe kind.")
        assert generate(prompt="Once", raw=True)["response"] == "fine"
        assert heard.prompt == "Once"
        assert generate()["done_reason"] == "load"


def test_options_format_and_results_reach_the_engine(heard: Heard) -> None:
    messages = [
        *HELLO,
        {"role": "assistant", "tool_calls": [{"function": {"name": "get_weather", "arguments": {"city": "Rome"}}}]},
        {"role": "tool", "tool_name": "get_weather", "content": "Sun"},
    ]
    options = {"seed": 3, "temperature": 0.1, "num_ctx": 8192, "stop": ["#"], "num_predict": -2}
    with saying(heard) as server:
        assert chat(server, messages=messages, options=options, think=True).status_code == 200
        assert (heard[-1].sampling.seed, heard[-1].sampling.temperature) == (3, 0.1)
        assert (heard[-1].stop, heard[-1].max_tokens) == (("#",), None)
        assert "<|im_start|>tool get_weather\nSun<|im_end|>" in heard.prompt
        assert heard.prompt.endswith("<think>\n")
        chat(server, format="json")
        assert heard.follows({"type": "object"})
        chat(server, format={"type": "array"})
        assert heard.follows({"type": "array"})


def test_the_one_model_is_told_of_as_ollama_does() -> None:
    with running(FakeBehaviour(chat_template=TEMPLATE), ui=UiConfig(license="MIT")) as server:
        assert [one["name"] for one in server.http.get("/api/tags").json()["models"]] == [MODEL]
        assert [one["name"] for one in server.http.get("/api/ps").json()["models"]] == [MODEL]
        shown = server.http.post("/api/show", json={"model": "any"}).json()
        assert shown["capabilities"] == ["completion", "tools", "thinking"]
        assert shown["license"] == "MIT"
        assert shown["model_info"]["general.architecture"] == "fake"
        assert server.http.get("/api/version").json()["version"].count(".") == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": "x"},
        {"messages": [{"role": "user", "content": "x", "images": ["aGk="]}]},
        {"format": "xml"},
        {"think": "huge"},
        {"think": True},
        {"options": {"tfs_z": 0.5}},
        {"options": {"mood": 1}},
        {"options": {"num_predict": 0}},
        {"tools": [WEATHER], "format": "json"},
        {"top_logprobs": 2},
        {"mood": 1},
    ],
)
def test_an_invalid_request_has_ollamas_shape(server: Running, fields: dict[str, Any]) -> None:
    answer = chat(server, **fields)
    assert answer.status_code == 400
    assert set(answer.json()) == {"error"}
    assert isinstance(answer.json()["error"], str)


def test_errors_at_the_door_and_in_a_stream_have_it_too() -> None:
    with running(settings=ServerSettings(MODEL, api_keys=("k",))) as server:
        assert isinstance(chat(server).json()["error"], str)
    with running(FakeBehaviour(die_at_token=2, deaths=2, answer="a b c d")) as server:
        assert "second time" in lines(chat(server).text)[-1]["error"]


@contextmanager
def official(answer: str) -> Iterator[ollama.Client]:
    with running(FakeBehaviour(answer=answer, chat_template=TEMPLATE)) as server:
        client = ollama.Client(server.url, trust_env=False)
        yield client
        client._client.close()


def test_the_official_client_chats_streams_and_uses_tools() -> None:
    with official(THINKING) as client:
        answer = client.chat(MODEL, messages=HELLO, tools=[WEATHER], think=False)
        assert answer.message.content == "Let me look."
        assert answer.message.tool_calls
        assert [call.function.arguments["city"] for call in answer.message.tool_calls] == ["Rome", "Oslo"]
        turns: list[Any] = [*HELLO, answer.message, {"role": "tool", "tool_name": "get_weather", "content": "Sun"}]
        chunks = list(client.chat(MODEL, messages=turns, tools=[WEATHER], stream=True))
        assert "".join(chunk.message.content or "" for chunk in chunks) == "Let me look."
        assert chunks[-1].done


def test_the_official_client_generates_lists_and_shows() -> None:
    with official("upon a time") as client:
        assert client.generate(MODEL, "Once").response == "upon a time"
        assert [model.model for model in client.list().models] == [MODEL]
        assert client.show(MODEL).capabilities == ["completion", "tools", "thinking"]
        assert [model.model for model in client.ps().models] == [MODEL]
        with pytest.raises(ollama.ResponseError, match="cannot see"):
            client.chat(MODEL, messages=[{"role": "user", "content": "x", "images": [b"image"]}])


def test_log_probabilities_are_told_with_the_text_they_are_of() -> None:
    paths: dict[str, Any] = {"chat": {"messages": [{"role": "user", "content": "x"}]}, "generate": {"prompt": "x"}}
    with running(FakeBehaviour(answer="one two")) as server:
        for path, body in paths.items():
            asked = {**body, "logprobs": True, "top_logprobs": 2}
            whole = server.http.post(f"/api/{path}", json={**asked, "stream": False}).json()["logprobs"]
            assert "".join(one["token"] for one in whole) == "one two"
            assert {len(one["top_logprobs"]) for one in whole} == {2}
            lines = [json.loads(line) for line in server.http.post(f"/api/{path}", json=asked).text.splitlines()]
            assert [chance for line in lines for chance in line.get("logprobs", [])] == whole


def test_text_is_written_between_a_prompt_and_a_suffix() -> None:
    heard: list[GenerationRequest] = []

    def answer(request: GenerationRequest) -> str:
        heard.append(request)
        return "b"

    asked = {"model": MODEL, "prompt": "a", "suffix": "c", "stream": False}
    with running(FakeBehaviour(answer=answer, fill_in=(1, 2, 3))) as server:
        assert server.http.post("/api/generate", json=asked).json()["response"] == "b"
    assert heard[0].prompt == (1, ord("a"), 2, ord("c"), 3)
    with running(FakeBehaviour()) as server:
        refused = server.http.post("/api/generate", json=asked)
    assert refused.status_code == 400
    assert "no tokens to fill in" in refused.json()["error"]
