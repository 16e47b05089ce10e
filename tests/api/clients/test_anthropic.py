"""Anthropic's own client against the built demonstration."""

from __future__ import annotations

from typing import Any

import anthropic
import pytest

from tests.api.clients.conftest import QUESTION, RESULT, WEATHER

COLD = {"temperature": 0}  # the client does not know it any more
HELLO: Any = [{"role": "user", "content": "Hello"}]
TOOL: Any = {
    "name": "get_weather",
    "description": "Get the weather in a city",
    "input_schema": WEATHER["function"]["parameters"],  # type: ignore[index]
}


def test_it_answers_in_both_forms_alike(claude: anthropic.Anthropic) -> None:
    whole = claude.messages.create(model="any", max_tokens=60, messages=HELLO, system="Be kind.", extra_body=COLD)
    assert whole.content[0].type == "text"
    assert whole.stop_reason == "end_turn"
    assert whole.usage.output_tokens > 0
    with claude.messages.stream(
        model="any", max_tokens=60, messages=HELLO, system="Be kind.", extra_body=COLD
    ) as stream:
        assert "".join(stream.text_stream) == whole.content[0].text
        assert stream.get_final_message().stop_reason == "end_turn"


def test_two_tools_are_used_at_once_and_the_answer_is_made_from_their_results(claude: anthropic.Anthropic) -> None:
    said: Any = [{"role": "user", "content": QUESTION}]
    with claude.messages.stream(model="any", max_tokens=200, messages=said, tools=[TOOL], extra_body=COLD) as stream:
        first = stream.get_final_message()
    assert first.stop_reason == "tool_use"
    uses = [block for block in first.content if block.type == "tool_use"]
    assert [use.input for use in uses] == [{"city": "Rome"}, {"city": "Oslo"}]
    said.append({"role": "assistant", "content": first.content})
    results = [{"type": "tool_result", "tool_use_id": use.id, "content": RESULT} for use in uses]
    said.append({"role": "user", "content": results})
    last = claude.messages.create(model="any", max_tokens=100, messages=said, tools=[TOOL], extra_body=COLD)
    assert last.content[0].type == "text"
    assert "21" in last.content[0].text


def test_a_named_tool_is_used(claude: anthropic.Anthropic) -> None:
    choice: Any = {"type": "tool", "name": "get_weather"}
    answer = claude.messages.create(model="any", max_tokens=200, messages=HELLO, tools=[TOOL], tool_choice=choice)
    assert answer.stop_reason in ("tool_use", "max_tokens")
    assert answer.content[0].type == "tool_use"


def test_thinking_stop_sequences_and_counting(claude: anthropic.Anthropic) -> None:
    thought = claude.messages.create(
        model="any", max_tokens=1500, messages=HELLO, thinking={"type": "enabled", "budget_tokens": 1024}
    )
    assert thought.content[0].type == "thinking"
    stopped = claude.messages.create(model="any", max_tokens=60, messages=HELLO, stop_sequences=["!"], extra_body=COLD)
    assert stopped.stop_reason in ("stop_sequence", "end_turn")
    counted = claude.messages.count_tokens(model="any", messages=HELLO)
    used = claude.messages.create(model="any", max_tokens=1, messages=HELLO).usage
    assert counted.input_tokens == used.input_tokens + (used.cache_read_input_tokens or 0)


def test_errors_and_models_are_the_clients_own(claude: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.BadRequestError, match="max_tokens"):
        claude.messages.create(model="any", max_tokens=0, messages=HELLO)
    with pytest.raises(anthropic.AuthenticationError):
        claude.with_options(api_key="wrong").messages.create(model="any", max_tokens=5, messages=HELLO)
    assert [model.id for model in claude.models.list()]
