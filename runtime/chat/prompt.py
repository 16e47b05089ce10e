"""From a conversation to the prompt, and to how the answer to it is to be read.

Everything that a dialect may ask of a template is decided here: tools for templates that know none, a tool that must be
called, reasoning switched on or off, a last message that is to be continued.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runtime.chat.parsers import choose
from runtime.chat.parsers.family import Calls, Family, offered
from runtime.chat.parsers.parser import Parser
from runtime.chat.template import ChatTemplate, TemplateError
from runtime.engine.core import GrammarTrigger, ReasoningBudget, SamplingParams
from runtime.errors import UsageError
from runtime.grammar.harmless import harmless
from runtime.grammar.rules import Rules, ShapeError

REQUIRED, AUTO, NONE = "required", "auto", "none"


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages to be answered, in the shape templates expect, and how.

    Every dialect is translated to this. tools: in OpenAI's shape. tool: the one that must be called, if one must;
    tool_choice: REQUIRED, AUTO or NONE. parallel: more than one call is welcome. effort: how much to reason ("none",
    "low", …), None leaves it to the template. budget: at most so many tokens of reasoning, ended with budget_message
    and the tag. reads_reasoning: tell it apart from the content. continues: a last
    message of the assistant is an answer to go on with. variables: what the caller hands the template beyond that.
    constrained: `sampling` prescribes the answer's form, so it must not begin with reasoning. shift, prediction: as in
    `GenerationRequest`.
    """

    messages: Sequence[Mapping[str, Any]]
    sampling: SamplingParams
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    ignore_eos: bool = False
    variables: Mapping[str, Any] | None = None
    documents: Sequence[Mapping[str, Any]] | None = None
    tools: Sequence[Mapping[str, Any]] = ()
    tool_choice: str = AUTO
    tool: str | None = None
    parallel: bool = True
    effort: str | None = None
    budget: int | None = None
    budget_message: str = ""
    reads_reasoning: bool = True
    continues: bool = True
    constrained: bool = False
    answers: int = 1
    shift: int | None = None
    prediction: str = ""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the model is given, and how to read what it says.

    parser: makes a new one for each answer; None where there is nothing to tell apart. grammar: what calls look like:
    the whole answer, or what follows the first of `triggers`. stop: what ends it beside the caller's own. marks: tokens
    the parser must see as text. reasoning: how much of it there may be.
    """

    text: str
    parser: Callable[[], Parser] | None = None
    grammar: str | None = None
    triggers: tuple[GrammarTrigger, ...] = ()
    stop: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    reasoning: ReasoningBudget | None = None


class CannotAskError(UsageError):
    """This model's template has no way to ask for that. `field`: OpenAI's name of what was asked."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


def compose(template: ChatTemplate, conversation: Conversation) -> Prompt:
    """The prompt. Raises `TemplateError` if the template refuses, `CannotAskError` if it lacks what is asked for."""
    family = choose.family_of(template.source)
    tools = conversation.tools if conversation.tool_choice != NONE else ()
    messages, continued = _split(conversation)
    text = _rendered(template, conversation, messages, tools)
    opening, closing = family.thinking
    thinks = text.rstrip().endswith(opening)
    begun = opening if thinks else ""
    must = bool(tools) and conversation.tool_choice == REQUIRED
    if thinks and (must or conversation.constrained):
        text, begun = f"{text.rstrip()}\n\n{closing}\n\n", ""
    if conversation.constrained and not continued:
        text += family.opening
    if continued:
        text, begun = _continued(text, continued, family, thinks=bool(begun))
    reads = bool(tools or begun or (conversation.reads_reasoning and opening in template.source))
    if tools and not conversation.reads_reasoning:
        raise CannotAskError(
            "reasoning cannot be left in the text of an answer that may hold tool calls", "reasoning_format"
        )
    budget: ReasoningBudget | None = None
    if conversation.budget is not None and (begun or opening in template.source):
        budget = ReasoningBudget(conversation.budget, opening, closing, bool(begun), conversation.budget_message)
    schemas = offered(tools)
    grammar, triggers = _grammar(family, conversation, closing if begun else "") if tools else (None, ())
    return Prompt(
        text=text,
        parser=(lambda: Parser(family, schemas, begun=begun)) if reads and conversation.reads_reasoning else None,
        grammar=grammar,
        triggers=triggers,
        stop=template.stops,
        marks=family.marks if reads else (),
        reasoning=budget,
    )


def _split(conversation: Conversation) -> tuple[Sequence[Mapping[str, Any]], Mapping[str, Any] | None]:
    """The messages to render, and the one to go on with."""
    last = conversation.messages[-1]
    unfinished = last["role"] == "assistant" and not last.get("tool_calls")
    if conversation.continues and unfinished and (last.get("content") or last.get("reasoning_content")):
        return conversation.messages[:-1], last
    return conversation.messages, None


def _rendered(
    template: ChatTemplate,
    conversation: Conversation,
    messages: Sequence[Mapping[str, Any]],
    tools: Sequence[Mapping[str, Any]],
) -> str:
    variables = {**(conversation.variables or {}), **_effort(template, conversation.effort)}
    if not template.mentions_tools and (tools or any(_speaks_of_tools(message) for message in messages)):
        from runtime.chat import plain_tools

        messages, tools = plain_tools.rewritten(messages, tools), ()

    def render(messages: Sequence[Mapping[str, Any]]) -> str:
        return template.render(
            messages, tools=list(tools) or None, documents=conversation.documents, variables=variables
        )

    if not any(message.get("tool_calls") for message in messages):
        return render(messages)
    try:
        return render(messages)
    except TemplateError:  # some join the arguments to strings, as they come over the wire
        return render([_with_arguments_as_text(message) for message in messages])


def _continued(text: str, message: Mapping[str, Any], family: Family, *, thinks: bool) -> tuple[str, str]:
    """The prompt with the beginning of the answer in it, and what the answer's parser must know of it."""
    opening, closing = family.thinking
    reasoning, content = message.get("reasoning_content") or "", message.get("content") or ""
    if reasoning:
        text = (text if thinks else f"{text}{opening}\n") + reasoning
        if not content:
            return text, opening
        return f"{text}\n{closing}\n\n{content}", ""
    if thinks:
        return f"{text.rstrip()}\n\n{closing}\n\n{content}", ""
    return f"{text}{family.opening}{content}", ""


def _effort(template: ChatTemplate, effort: str | None) -> dict[str, Any]:
    """The switches for reasoning that this template knows."""
    if effort is None:
        return {}
    switches: dict[str, Any] = {}
    if "reasoning_effort" in template.source:
        switches["reasoning_effort"] = effort
    for name in ("enable_thinking", "thinking"):
        if f"{name} is defined" in template.source or f" {name} " in template.source:
            switches[name] = effort != "none"
    if not switches and effort != "none":
        raise CannotAskError("this model's template has no switch for reasoning", "reasoning_effort")
    return switches


def _grammar(
    family: Family, conversation: Conversation, thought: str
) -> tuple[str | None, tuple[GrammarTrigger, ...]]:  # fmt: skip
    """How calls must be written, if the answer is to be one or becomes one; `thought` ends the reasoning before."""
    tools = offered(conversation.tools)
    if conversation.tool is not None:
        tools = {conversation.tool: tools[conversation.tool]}
    rules, must = Rules(), conversation.tool_choice == REQUIRED
    try:
        calls: Calls = family.calls(tools, rules, conversation.parallel)
        grammar = harmless(rules.text(calls.root))
    except ShapeError as error:
        if must:
            raise CannotAskError(f"the tools' arguments cannot be enforced: {error.message}", "tools") from None
        return None, ()
    if must:
        return grammar, ()
    if conversation.ignore_eos:  # a grammar would end the answer
        return None, ()
    return grammar, tuple(GrammarTrigger(text, calls.at_start, thought) for text in calls.triggers)


def _speaks_of_tools(message: Mapping[str, Any]) -> bool:
    return message["role"] == "tool" or bool(message.get("tool_calls"))


def _with_arguments_as_text(message: Mapping[str, Any]) -> Mapping[str, Any]:
    if not message.get("tool_calls"):
        return message
    calls = [
        {**call, "function": {**call["function"], "arguments": json.dumps(call["function"]["arguments"])}}
        for call in message["tool_calls"]
    ]
    return {**message, "tool_calls": calls}
