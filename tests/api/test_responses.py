from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import openai
import pytest

from runtime.engine.fake import FakeBehaviour
from tests.api.running import MODEL, Running, running
from tests.api.test_tools import ROME, TEMPLATE, WEATHER, Heard, heard, saying

__all__ = ["heard"]  # a fixture

FLAT = {"type": "function", "strict": True, **WEATHER["function"]}  # type: ignore[dict-item]
THINKING = f"<think>\nHm.\n</think>\n\nLet me look.\n{ROME}"


def respond(server: Running, given: Any = "Hello", **fields: Any) -> Any:
    return server.http.post("/v1/responses", json={"input": given, **fields})


def told(text: str) -> list[Any]:
    """The events of a stream, their names checked against their data."""
    found = []
    for block in text.strip().split("\n\n"):
        name, data = block.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        found.append(event)
    return found


def test_reasoning_words_and_calls_are_items() -> None:
    with saying(THINKING) as server:
        answer = respond(server, tools=[FLAT]).json()
    assert (answer["object"], answer["status"], answer["model"]) == ("response", "completed", MODEL)
    reasoning, message, call = answer["output"]
    assert reasoning["content"] == [{"type": "reasoning_text", "text": "Hm."}]
    assert message["content"][0]["text"] == "Let me look."
    assert (call["type"], call["name"], call["arguments"]) == ("function_call", "get_weather", '{"city": "Rome"}')
    assert answer["usage"]["total_tokens"] > 0
    assert answer["store"] is False


def test_a_stream_tells_every_step_and_ends_with_the_same_items() -> None:
    with saying(THINKING) as server:
        plain = respond(server, tools=[FLAT], seed=1).json()
        steps = told(respond(server, tools=[FLAT], seed=1, stream=True).text)
    assert [step["sequence_number"] for step in steps] == list(range(len(steps)))
    assert [step["type"] for step in steps[:2]] == ["response.created", "response.in_progress"]
    assert steps[-1]["type"] == "response.completed"
    kinds = [item["type"] for item in steps[-1]["response"]["output"]]
    assert kinds == [item["type"] for item in plain["output"]] == ["reasoning", "message", "function_call"]
    for kind, index in (("output_text", 1), ("function_call_arguments", 2), ("reasoning_text", 0)):
        deltas = [step for step in steps if step["type"] == f"response.{kind}.delta"]
        (done,) = [step for step in steps if step["type"] == f"response.{kind}.done"]
        assert "".join(step["delta"] for step in deltas) == done.get("text", done.get("arguments"))
        assert {step["output_index"] for step in deltas} == {index}
    added = [step["output_index"] for step in steps if step["type"] == "response.output_item.added"]
    assert added == [0, 1, 2]


def test_a_response_that_was_cut_is_incomplete() -> None:
    with saying("one two three") as server:
        answer = respond(server, max_output_tokens=2).json()
        assert answer["status"] == "incomplete"
        assert answer["incomplete_details"] == {"reason": "max_output_tokens"}
        assert told(respond(server, max_output_tokens=2, stream=True).text)[-1]["type"] == "response.incomplete"


def test_items_become_messages(heard: Heard) -> None:
    items = [
        {"role": "user", "content": [{"type": "input_text", "text": "Weather?"}]},
        {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "Hm."}], "summary": []},
        {"type": "function_call", "call_id": "c1", "name": "get_weather", "arguments": '{"city": "Rome"}'},
        {"type": "function_call_output", "call_id": "c1", "output": "Sun"},
    ]
    with saying(heard) as server:
        assert respond(server, items, instructions="Be kind.").status_code == 200
    assert heard.prompt.startswith("<|im_start|>system \nBe kind.")
    assert "Weather?" in heard.prompt
    assert '<tool_call>{"name": "get_weather", "arguments": {"city": "Rome"}}</tool_call>' in heard.prompt
    assert "<|im_start|>tool get_weather\nSun" in heard.prompt


def test_the_form_of_the_text_reaches_the_engine(heard: Heard) -> None:
    form = {"type": "json_schema", "name": "x", "schema": {"type": "array"}, "strict": True}
    with saying(heard) as server:
        respond(server, text={"format": form})
    assert heard.follows({"type": "array"})


def test_a_death_in_the_middle_is_an_event() -> None:
    with running(FakeBehaviour(die_at_token=3, deaths=2, answer="a b c d")) as server:
        steps = told(respond(server, stream=True).text)
    assert [step["type"] for step in steps[-2:]] == ["response.failed", "error"]
    assert steps[-2]["response"]["error"]["code"] == "engine_restarted"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"background": True}, "background"),
        ({"truncation": "auto"}, "truncation"),
        ({"tools": [{"type": "web_search"}]}, "tools[0]"),
        ({"input": []}, "input"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0]"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input[0].content[0]"),
        ({"input": [{"role": "robot", "content": "x"}]}, "input[0].role"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"text": {"verbosity": "high"}}, "text.verbosity"),
        ({"mood": 1}, "mood"),
    ],
)
def test_an_invalid_field_is_named(server: Running, fields: dict[str, Any], param: str) -> None:
    answer = server.http.post("/v1/responses", json={"input": "x", **fields})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


@contextmanager
def official(answer: str) -> Iterator[openai.OpenAI]:
    with (
        running(FakeBehaviour(answer=answer, chat_template=TEMPLATE)) as server,
        openai.OpenAI(
            base_url=f"{server.url}/v1", api_key="none", max_retries=0, http_client=httpx.Client(trust_env=False)
        ) as client,
    ):
        yield client


def test_the_official_client_gets_and_streams_responses() -> None:
    with official(THINKING) as client:
        answer = client.responses.create(model=MODEL, input="Weather?", tools=[FLAT])  # type: ignore[list-item]
        assert answer.output_text == "Let me look."
        assert [item.type for item in answer.output] == ["reasoning", "message", "function_call"]
        with client.responses.stream(model=MODEL, input="Weather?", tools=[FLAT]) as stream:  # type: ignore[list-item]
            kinds = {event.type for event in stream}
            final = stream.get_final_response()
        assert "response.function_call_arguments.delta" in kinds
        assert final.output_text == "Let me look."


def test_the_official_client_uses_tools_over_two_turns() -> None:
    with official(f"Let me look.\n{ROME}\n{ROME.replace('Rome', 'Oslo')}") as client:
        messages: list[Any] = [{"role": "user", "content": "Weather in Rome and Oslo?"}]
        tools: list[Any] = [WEATHER]
        with client.chat.completions.stream(model=MODEL, messages=messages, tools=tools) as stream:
            for _ in stream:
                pass
            message = stream.get_final_completion().choices[0].message
        assert message.tool_calls
        assert [json.loads(call.function.arguments)["city"] for call in message.tool_calls] == ["Rome", "Oslo"]
        messages.append(message.model_dump(exclude={"parsed"}))
        for call in message.tool_calls:
            messages.append({"role": "tool", "tool_call_id": call.id, "content": "Sun"})
        again = client.chat.completions.create(model=MODEL, messages=messages, tools=tools)
        assert again.choices[0].finish_reason == "tool_calls"


def test_the_official_client_completes_text() -> None:
    with official("upon a time") as client:
        assert client.completions.create(model=MODEL, prompt="Once").choices[0].text == "upon a time"
        chunks = client.completions.create(model=MODEL, prompt="Once", stream=True)
        assert "".join(chunk.choices[0].text for chunk in chunks) == "upon a time"


def test_log_probabilities_are_told_with_the_text_and_at_its_end() -> None:
    with running(FakeBehaviour(answer="one two")) as server:
        wishes: tuple[dict[str, Any], ...] = ({"top_logprobs": 2}, {"include": ["message.output_text.logprobs"]})
        for asked in wishes:
            body = {"input": "x", **asked}
            told = server.http.post("/v1/responses", json=body).json()["output"][0]["content"][0]
            assert "".join(one["token"] for one in told["logprobs"]) == told["text"] == "one two"
            assert {len(one["top_logprobs"]) for one in told["logprobs"]} == {asked.get("top_logprobs", 0)}
            stream = server.http.post("/v1/responses", json={**body, "stream": True}).text
            events = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: ")]
            deltas = [one for one in events if one["type"] == "response.output_text.delta"]
            assert [chance for one in deltas for chance in one["logprobs"]] == told["logprobs"]
