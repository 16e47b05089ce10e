from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anthropic
import httpx2
import pytest

from runtime.api.settings import ServerSettings
from runtime.engine.fake import FakeBehaviour
from tests.api.running import MODEL, Running, running
from tests.api.test_responses import told
from tests.api.test_tools import OSLO, ROME, TEMPLATE, Heard, heard, saying

__all__ = ["heard"]  # a fixture

WEATHER = {
    "name": "get_weather",
    "description": "Weather now",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
THINKING = f"<think>\nHm.\n</think>\n\nLet me look.\n{ROME}\n{OSLO}"


def ask(server: Running, **fields: Any) -> Any:
    body = {"model": MODEL, "max_tokens": 500, "messages": [{"role": "user", "content": "Hello"}], **fields}
    return server.http.post("/v1/messages", json=body)


def test_thinking_words_and_calls_are_blocks() -> None:
    with saying(THINKING) as server:
        answer = ask(server, tools=[WEATHER]).json()
    assert (answer["type"], answer["role"], answer["stop_reason"]) == ("message", "assistant", "tool_use")
    thinking, text, rome, oslo = answer["content"]
    assert thinking["thinking"] == "Hm."
    assert text == {"type": "text", "text": "Let me look."}
    assert [block["input"] for block in (rome, oslo)] == [{"city": "Rome"}, {"city": "Oslo"}]
    assert rome["id"] != oslo["id"]
    assert answer["usage"]["output_tokens"] > 0


def test_a_stream_opens_and_closes_every_block() -> None:
    with saying(THINKING) as server:
        steps = told(ask(server, tools=[WEATHER], stream=True).text)
    assert steps[0]["type"] == "message_start"
    assert [step["type"] for step in steps[-2:]] == ["message_delta", "message_stop"]
    assert steps[-2]["delta"] == {"stop_reason": "tool_use", "stop_sequence": None}
    open_block = None
    for step in steps[1:-2]:
        if step["type"] == "content_block_start":
            assert open_block is None
            open_block = step["index"]
        else:
            assert step["index"] == open_block
            if step["type"] == "content_block_stop":
                open_block = None
    kinds = [step["content_block"]["type"] for step in steps if step["type"] == "content_block_start"]
    assert kinds == ["thinking", "text", "tool_use", "tool_use"]
    parts = [step["delta"].get("partial_json", "") for step in steps if step.get("index") == 2 and "delta" in step]
    assert json.loads("".join(parts)) == {"city": "Rome"}


def test_a_stop_sequence_and_a_limit_are_told() -> None:
    with saying("one two three") as server:
        stopped = ask(server, stop_sequences=["two"]).json()
        assert (stopped["stop_reason"], stopped["stop_sequence"]) == ("stop_sequence", "two")
        assert ask(server, max_tokens=1).json()["stop_reason"] == "max_tokens"
        assert ask(server).json()["stop_reason"] == "end_turn"


def test_blocks_become_messages(heard: Heard) -> None:
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "Weather?"}]},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": ""},
            {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Rome"}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "Sun"}]},
            {"type": "text", "text": "And now?"},
        ]},
        {"role": "assistant", "content": "Well,"},
    ]  # fmt: skip
    with saying(heard) as server:
        assert ask(server, messages=messages, system=[{"type": "text", "text": "Be kind."}]).status_code == 200
    assert heard.prompt.startswith("<|im_start|>system \nBe kind.")
    assert '<tool_call>{"name": "get_weather", "arguments": {"city": "Rome"}}</tool_call>' in heard.prompt
    assert "<|im_start|>tool get_weather\nSun<|im_end|>" in heard.prompt
    assert heard.prompt.endswith("And now?<|im_end|>\n<|im_start|>assistant\nWell,")


def test_thinking_and_a_forced_tool_reach_the_model(heard: Heard) -> None:
    with saying(heard) as server:
        assert ask(server, thinking={"type": "enabled", "budget_tokens": 1024}).status_code == 200
        assert heard.prompt.endswith("<think>\n")
        ask(server, tools=[WEATHER], tool_choice={"type": "tool", "name": "get_weather"})
        assert "root ::= tagged" in str(heard[-1].sampling.grammar)
        assert '"\\"get_weather\\""' in str(heard[-1].sampling.grammar)
        ask(server, output_config={"format": {"type": "json_schema", "schema": {"type": "array"}}})
        assert heard.follows({"type": "array"})


@pytest.mark.parametrize(
    "fields",
    [
        {"max_tokens": 0},
        {"messages": []},
        {"messages": [{"role": "user", "content": [{"type": "image", "source": {}}]}]},
        {"messages": [{"role": "user", "content": []}]},
        {"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]},
        {"tools": [{"type": "bash_20250124", "name": "bash"}]},
        {"tools": [{"name": "f", "input_schema": 3}]},
        {"tool_choice": {"type": "any"}},
        {"tools": [WEATHER], "tool_choice": {"type": "tool", "name": "g"}},
        {"mcp_servers": [{"url": "https://example.org"}]},
        {"container": "x"},
        {"mood": 1},
    ],
)
def test_an_invalid_request_has_anthropics_shape(server: Running, fields: dict[str, Any]) -> None:
    answer = ask(server, **fields)
    assert answer.status_code == 400
    assert answer.json()["type"] == "error"
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_errors_at_the_door_and_in_a_stream_have_it_too() -> None:
    with running(settings=ServerSettings(MODEL, api_keys=("k",))) as server:
        assert ask(server).json()["error"]["type"] == "authentication_error"
        assert server.http.get("/v1/messages", headers={"x-api-key": "k"}).json()["type"] == "error"
    with running(FakeBehaviour(never_ready=True), ready=False) as server:
        assert (ask(server).status_code, ask(server).json()["error"]["type"]) == (503, "overloaded_error")
    with running(FakeBehaviour(die_at_token=2, deaths=2, answer="a b c d")) as server:
        last = told(ask(server, stream=True).text)[-1]
        assert last["type"] == "error"
        assert "second time" in last["error"]["message"]


@contextmanager
def official(answer: str) -> Iterator[anthropic.Anthropic]:
    with (
        running(FakeBehaviour(answer=answer, chat_template=TEMPLATE), ServerSettings(MODEL, api_keys=("k",))) as server,
        anthropic.Anthropic(
            base_url=server.url, api_key="k", max_retries=0, http_client=httpx2.Client(trust_env=False)
        ) as client,
    ):
        yield client


MESSAGES: list[Any] = [{"role": "user", "content": "Weather?"}]
TOOLS: list[Any] = [WEATHER]


def test_the_official_client_gets_a_message_and_counts_tokens() -> None:
    with official("Hello to you.") as client:
        message = client.messages.create(model=MODEL, max_tokens=100, messages=MESSAGES, system="Be kind.")
        assert message.content[0].type == "text"
        assert message.content[0].text == "Hello to you."
        counted = client.messages.count_tokens(model=MODEL, messages=MESSAGES, system="Be kind.")
        assert counted.input_tokens == message.usage.input_tokens
        assert [model.id for model in client.models.list()] == [MODEL]


def test_the_official_client_streams_and_uses_tools_over_two_turns() -> None:
    with official(THINKING) as client:
        with client.messages.stream(model=MODEL, max_tokens=500, messages=MESSAGES, tools=TOOLS) as stream:
            text = "".join(stream.text_stream)
            message = stream.get_final_message()
        assert text == "Let me look."
        calls = [block for block in message.content if block.type == "tool_use"]
        assert [call.input for call in calls] == [{"city": "Rome"}, {"city": "Oslo"}]
        results = [{"type": "tool_result", "tool_use_id": call.id, "content": "Sun"} for call in calls]
        turns = [*MESSAGES, {"role": "assistant", "content": message.content}, {"role": "user", "content": results}]
        again = client.messages.create(model=MODEL, max_tokens=500, messages=turns, tools=TOOLS)
        assert again.stop_reason == "tool_use"


def test_the_official_client_raises_its_own_errors() -> None:
    with official("x") as client:
        with pytest.raises(anthropic.BadRequestError, match="max_tokens"):
            client.messages.create(model=MODEL, max_tokens=0, messages=MESSAGES)
        with pytest.raises(anthropic.AuthenticationError):
            client.with_options(api_key="wrong").messages.create(model=MODEL, max_tokens=1, messages=MESSAGES)
