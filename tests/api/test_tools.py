"""Tool calls and reasoning, as OpenAI's dialect tells them, over a fake model that says what it is told to."""

# ruff: noqa: E501 - templates and transcripts
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from runtime.engine.core import GenerationRequest, GrammarTrigger
from runtime.engine.fake import FakeBehaviour
from runtime.grammar.schema import grammar_of
from tests.api.running import Running, running
from tests.api.test_chat import events

TEMPLATE = """\
{%- if tools %}<|im_start|>system
{% for tool in tools %}{{ tool | tojson }}
{% endfor %}<|im_end|>
{% endif -%}
{%- for m in messages %}<|im_start|>{{ m.role }} {{ m.name }}
{{ m.content }}{% for call in m.tool_calls or [] %}<tool_call>{{ call.function | tojson }}</tool_call>{% endfor %}<|im_end|>
{% endfor -%}
<|im_start|>assistant
{% if enable_thinking is defined and enable_thinking %}<think>
{% endif %}"""

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather now",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
NOW = {"type": "function", "function": {"name": "now"}}
ROME = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Rome"}}\n</tool_call>'
OSLO = ROME.replace("Rome", "Oslo")


@contextmanager
def saying(answer: str | Callable[[GenerationRequest], str], template: str | None = TEMPLATE) -> Iterator[Running]:
    with running(FakeBehaviour(answer=answer, chat_template=template)) as server:
        yield server


class Heard(list[GenerationRequest]):
    """An answer that keeps what was asked, for the tests to look at."""

    def __call__(self, request: GenerationRequest) -> str:
        self.append(request)
        return "fine"

    @property
    def prompt(self) -> str:
        return str(self[-1].prompt)

    def follows(self, schema: Any) -> bool:
        """Whether the answer was given this form."""
        return self[-1].sampling.grammar == (None if schema is None else grammar_of(schema))


@pytest.fixture
def heard() -> Heard:
    return Heard()


def message(answer: Any) -> dict[str, Any]:
    found: dict[str, Any] = answer.json()["choices"][0]["message"]
    return found


def gathered(chunks: list[Any]) -> dict[str, Any]:
    """What a client makes of the chunks of a stream."""
    whole: dict[str, Any] = {"content": "", "reasoning_content": "", "calls": []}
    for chunk in chunks:
        delta = chunk["choices"][0]["delta"]
        whole["content"] += delta.get("content") or ""
        whole["reasoning_content"] += delta.get("reasoning_content") or ""
        for call in delta.get("tool_calls", []):
            if "id" in call:
                assert call["index"] == len(whole["calls"])
                whole["calls"].append([call["function"]["name"], ""])
            whole["calls"][call["index"]][1] += call["function"]["arguments"]
    return whole


def test_two_calls_are_told_apart_from_the_words_before_them() -> None:
    with saying(f"Let me look.\n{ROME}\n{OSLO}") as server:
        answer = server.chat(tools=[WEATHER])
        said = message(answer)
        assert said["content"] == "Let me look."
        calls = said["tool_calls"]
        assert [call["function"]["arguments"] for call in calls] == ['{"city": "Rome"}', '{"city": "Oslo"}']
        assert {call["type"] for call in calls} == {"function"}
        assert len({call["id"] for call in calls}) == 2
        assert answer.json()["choices"][0]["finish_reason"] == "tool_calls"


def test_a_stream_tells_the_same_and_the_arguments_as_they_come() -> None:
    with saying(f"Let me look.\n{ROME}\n{OSLO}") as server:
        *chunks, done = events(server.chat(tools=[WEATHER], stream=True).text)
    assert done == "[DONE]"
    assert gathered(chunks) == {
        "content": "Let me look.",
        "reasoning_content": "",
        "calls": [["get_weather", '{"city": "Rome"}'], ["get_weather", '{"city": "Oslo"}']],
    }
    assert sum("tool_calls" in chunk["choices"][0]["delta"] for chunk in chunks) > 10
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_an_answer_that_is_only_a_call_has_no_content() -> None:
    with saying(ROME) as server:
        assert message(server.chat(tools=[WEATHER]))["content"] is None


def test_without_tools_a_tag_is_text() -> None:
    with saying(ROME) as server:
        assert message(server.chat())["content"] == ROME
        answer = server.chat(tools=[WEATHER], tool_choice="none")
        assert message(answer)["content"] == ROME
        assert answer.json()["choices"][0]["finish_reason"] == "stop"


def test_one_call_is_told_where_one_is_wanted() -> None:
    with saying(f"{ROME}\n{OSLO}") as server:
        assert len(message(server.chat(tools=[WEATHER], parallel_tool_calls=False))["tool_calls"]) == 1


def test_a_call_that_was_cut_says_length() -> None:
    with saying(ROME) as server:
        answer = server.chat(tools=[WEATHER], max_tokens=70)
        assert answer.json()["choices"][0]["finish_reason"] == "length"
        assert message(answer)["tool_calls"][0]["function"]["arguments"].startswith('{"city"')


def test_reasoning_is_told_apart_in_both_forms() -> None:
    with saying("<think>\nHm.\n</think>\n\nYes.") as server:
        said = message(server.chat())
        assert (said["reasoning_content"], said["content"]) == ("Hm.", "Yes.")
        streamed = gathered(events(server.chat(stream=True).text)[:-1])
        assert (streamed["reasoning_content"], streamed["content"]) == ("Hm.", "Yes.")
        assert "<think>" in message(server.chat(reasoning_format="none"))["content"]


def test_reasoning_that_the_prompt_begins_is_reasoning() -> None:
    with saying("Hm.\n</think>\n\nYes.") as server:
        for asked in ({"chat_template_kwargs": {"enable_thinking": True}}, {"reasoning_effort": "high"}):
            said = message(server.chat(**asked))
            assert (said["reasoning_content"], said["content"]) == ("Hm.", "Yes.")
        assert message(server.chat(reasoning_effort="none"))["content"] == "Hm.\n</think>\n\nYes."


def test_a_tool_that_must_be_called_is_enforced_by_a_grammar(heard: Heard) -> None:
    with saying(heard) as server:
        for choice in ("required", {"type": "function", "function": {"name": "now"}}):
            server.chat(tools=[WEATHER, NOW], tool_choice=choice, reasoning_effort="high")
            assert heard.prompt.endswith("<think>\n\n</think>\n\n")
            sampling = heard[-1].sampling
            assert sampling.grammar is not None
            assert sampling.grammar.startswith("root ::= tagged")
            assert sampling.grammar_triggers == ()
            assert ("get_weather" in sampling.grammar) == (choice == "required")
            assert "now" in sampling.grammar


def test_a_call_that_may_come_is_held_to_its_grammar_from_where_it_begins(heard: Heard) -> None:
    with saying(heard) as server:
        server.chat(tools=[WEATHER, NOW])
        assert heard[-1].sampling.grammar_triggers == (GrammarTrigger("<tool_call>"),)
        assert heard[-1].sampling.grammar
        server.chat(tools=[WEATHER, NOW], reasoning_effort="high")
        assert heard[-1].sampling.grammar_triggers == (GrammarTrigger("<tool_call>", after="</think>"),)
        server.chat(tools=[WEATHER, NOW], tool_choice="none")
        assert heard[-1].sampling.grammar is None
        server.chat(tools=[WEATHER, NOW], ignore_eos=True, max_tokens=3)
        assert heard[-1].sampling.grammar is None


def test_tags_that_are_control_tokens_reach_the_parser(heard: Heard) -> None:
    with saying(heard, "{{ '[TOOL_CALLS]' }}[ARGS]{{ tools }}") as server:
        server.chat(tools=[NOW])
        assert {"[TOOL_CALLS]", "[ARGS]", "[THINK]"} <= set(heard[-1].visible)
        server.chat()
        assert heard[-1].visible == ()


def test_the_answer_of_a_family_with_channels_begins_where_its_form_is_prescribed(heard: Heard) -> None:
    with saying(heard, "{{ tools }}<|channel|>analysis<|message|><|start|>assistant") as server:
        server.chat(response_format={"type": "json_object"})
        assert heard.prompt.endswith("<|start|>assistant<|channel|>final<|message|>")


RESULTS = [
    {"role": "user", "content": "Weather?"},
    {"role": "assistant", "content": None, "tool_calls": [
        {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Rome"}'}}
    ]},
    {"role": "tool", "tool_call_id": "call_1", "content": "Sun"},
]  # fmt: skip


def test_calls_and_results_reach_the_template_with_values_and_names(heard: Heard) -> None:
    with saying(heard) as server:
        server.http.post("/v1/chat/completions", json={"messages": RESULTS, "tools": [WEATHER]})
    prompt = heard.prompt
    assert '<tool_call>{"name": "get_weather", "arguments": {"city": "Rome"}}</tool_call>' in prompt
    assert "<|im_start|>tool get_weather\nSun<|im_end|>" in prompt
    assert "Weather now" in prompt


def test_a_template_that_joins_arguments_to_text_gets_text(heard: Heard) -> None:
    template = "{% for m in messages %}{% for c in m.tool_calls or [] %}{{ '!' + c.function.arguments }}{% endfor %}{% endfor %}{{ tools }}"
    with saying(heard, template) as server:
        server.http.post("/v1/chat/completions", json={"messages": RESULTS})
    assert '!{"city": "Rome"}' in heard.prompt


def test_a_template_without_tools_is_told_of_them_in_words(heard: Heard) -> None:
    with saying(heard, "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}") as server:
        server.http.post("/v1/chat/completions", json={"messages": RESULTS, "tools": [WEATHER]})
    prompt = heard.prompt
    assert prompt.startswith("[system] You may call tools.")
    assert '"description": "Weather now"' in prompt
    assert '[assistant] <tool_call>\n{"name": "get_weather"' in prompt
    assert "[user] <tool_response>\nSun\n</tool_response>" in prompt


def test_a_last_message_of_the_assistant_is_continued(heard: Heard) -> None:
    messages = [{"role": "user", "content": "Count."}, {"role": "assistant", "content": "One, two,"}]
    with saying(heard) as server:

        def prompt(**fields: Any) -> str:
            server.http.post("/v1/chat/completions", json={"messages": messages, **fields})
            return heard.prompt

        assert prompt().endswith("<|im_start|>assistant\nOne, two,")
        assert prompt(reasoning_effort="low").endswith("<think>\n\n</think>\n\nOne, two,")
        assert prompt(continue_final_message=False).endswith("One, two,<|im_end|>\n<|im_start|>assistant\n")


@pytest.mark.parametrize(
    ("form", "schema"),
    [
        ({"type": "json_object"}, {"type": "object"}),
        ({"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": {"type": "array"}}}, {"type": "array"}),
        ({"type": "text"}, None),
    ],
)  # fmt: skip
def test_the_form_of_an_answer_reaches_the_engine_as_a_schema(heard: Heard, form: dict[str, Any], schema: Any) -> None:
    with saying(heard) as server:
        assert server.chat(response_format=form).status_code == 200
    assert heard.follows(schema)


def test_several_answers_have_their_own_seeds_and_one_usage() -> None:
    def seed(request: GenerationRequest) -> str:
        return f"seed {request.sampling.seed}"

    with running(FakeBehaviour(answer=seed)) as server:
        answer = server.chat(n=3, seed=2**32 - 1).json()
        assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2]
        assert [choice["message"]["content"] for choice in answer["choices"]] == ["seed 4294967295", "seed 0", "seed 1"]
        alone = server.chat(seed=1).json()["usage"]
        assert answer["usage"]["prompt_tokens"] == alone["prompt_tokens"]
        assert answer["usage"]["completion_tokens"] > 2 * alone["completion_tokens"]
        chunks = events(server.chat(n=2, seed=5, stream=True).text)[:-1]
    texts = {0: "", 1: ""}
    for chunk in chunks:
        choice = chunk["choices"][0]
        texts[choice["index"]] += choice["delta"].get("content", "")
    assert texts == {0: "seed 5", 1: "seed 6"}


def test_one_of_several_answers_that_fails_ends_them_all() -> None:
    with running(FakeBehaviour(die_at_token=3, deaths=4, answer="a b c d e f")) as server:
        assert server.chat(n=2).status_code == 503
        assert server.chat(n=2, seed=1).status_code == 200


def test_log_probabilities_are_those_of_the_contents_tokens() -> None:
    with saying("<think>\nHm.\n</think>\n\nYes the river.") as server:
        asked = {"logprobs": True, "top_logprobs": 2}
        content = server.chat(**asked).json()["choices"][0]["logprobs"]["content"]
        chunks = events(server.chat(**asked, stream=True).text)[:-1]
        assert server.chat().json()["choices"][0]["logprobs"] is None
    assert "".join(token["token"] for token in content).strip() == "Yes the river."
    assert content[0]["token"] == "Y"
    assert content[0]["logprob"] == -0.5
    assert len(content[0]["top_logprobs"]) == 2
    streamed = [one for chunk in chunks for one in (chunk["choices"][0]["logprobs"] or {}).get("content", [])]
    assert streamed == content


@pytest.mark.parametrize("thought", ["<think>\nHm.\n</think>", "<think>Hm hm.</think>", "<think></think>", ""])
def test_the_tokens_of_reasoning_are_counted_its_tags_included(thought: str) -> None:
    """The fake's tokens are bytes here, so they are as many as the text has letters."""
    with saying(f"{thought}\n\nYes. {ROME}") as server:
        asked: dict[str, Any] = {"tools": [WEATHER], "n": 2}
        usage = server.chat(**asked).json()["usage"]
        streamed = events(server.chat(**asked, stream=True, stream_options={"include_usage": True}).text)[-2]["usage"]
        response = server.http.post(
            "/v1/responses", json={"input": "x", "tools": [{"type": "function", **WEATHER["function"]}]}
        ).json()
        left = server.chat(reasoning_format="none").json()["usage"]
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 2 * len(thought)
    assert streamed["completion_tokens_details"] == usage["completion_tokens_details"]
    assert left["completion_tokens_details"]["reasoning_tokens"] == 0
    assert response["usage"]["output_tokens_details"]["reasoning_tokens"] == len(thought)


def test_tokens_of_reasoning_that_a_limit_cuts_or_a_stop_string_holds_back_are_counted() -> None:
    with saying("Hm hm.</think>Yes.") as server:
        asked: dict[str, Any] = {"reasoning_effort": "high"}
        cut = server.chat(**asked, max_tokens=4).json()["usage"]
        held = server.chat(**asked, stop=["</think>!", "ess"]).json()["usage"]
    assert (cut["completion_tokens"], cut["completion_tokens_details"]["reasoning_tokens"]) == (4, 4)
    assert held["completion_tokens_details"]["reasoning_tokens"] == len("Hm hm.</think>")


def test_a_budget_of_reasoning_reaches_the_engine_with_the_tags_it_is_about(heard: Heard) -> None:
    open_, message_ = {"reasoning_effort": "high"}, {"reasoning_budget_message": "\nEnough."}
    with saying(heard) as server:
        for asked, told in (
            ({"reasoning_budget_tokens": 7}, (7, False, "")),
            ({"thinking_budget_tokens": 0, **open_}, (0, True, "")),
            ({"reasoning_budget_tokens": 9, "thinking_budget_tokens": 5, **open_, **message_}, (9, True, "\nEnough.")),
            ({"reasoning_budget_tokens": -1, **open_}, None),
            (open_, None),
        ):
            assert server.chat(**asked).status_code == 200
            budget = heard[-1].reasoning
            assert (budget and (budget.tokens, budget.is_open, budget.message)) == told
            assert budget is None or (budget.opening, budget.closing) == ("<think>", "</think>")
        claude = {"thinking": {"type": "enabled", "budget_tokens": 33}, "max_tokens": 99}
        server.http.post("/v1/messages", json={"messages": [{"role": "user", "content": "x"}], **claude})
        assert heard[-1].reasoning is not None
        assert heard[-1].reasoning.tokens == 33
    with saying(heard, "{{ messages[-1].content }}") as server:
        assert server.chat(reasoning_budget_tokens=7).status_code == 200
        assert heard[-1].reasoning is None, "a template without reasoning has nothing to bound"
