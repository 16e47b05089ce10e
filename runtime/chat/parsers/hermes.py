"""Hermes, Qwen 2.5 and 3, Granite 4, our own demo model: `<tool_call>{"name": …, "arguments": …}</tool_call>`."""

from __future__ import annotations

from runtime.chat.parsers.family import Calls, Family, Tools
from runtime.chat.parsers.grammar import json_calls, thinking
from runtime.chat.parsers.reader import Reader, Step, ignore
from runtime.chat.parsers.writing import chained, json_call, space
from runtime.grammar.rules import Rules, literal

_OPEN, _CLOSE = "<tool_call>", "</tool_call>"


def script(reader: Reader) -> Step[None]:
    """Reasoning, then content with calls in it."""
    yield from thinking(reader)
    yield from tagged(reader)


def tagged(reader: Reader) -> Step[None]:
    """Content with calls in it, to the end."""
    marks = (_OPEN,) if reader.tools else ()
    while (yield from reader.copy_until(reader.out.content, *marks)):
        reader.record(_OPEN)
        before = reader.out.calls
        yield from reader.skip_space()
        yield from json_calls(reader)
        if reader.out.calls == before:
            reader.give_back()
            continue
        yield from reader.skip_space()
        if (yield from reader.take(_CLOSE)) is None and (yield from reader.looking_at(_OPEN)) is None:
            yield from reader.copy_until(ignore, _CLOSE)  # a brace too many, or too few


def written(tools: Tools, rules: Rules, many: bool) -> Calls:
    """Calls in JSON, each between its tags."""
    gap = space(rules)
    call = f"{literal(_OPEN)} {gap} {json_call(tools, rules)} {gap} {literal(_CLOSE)}"
    return Calls(chained(rules.add("tagged", call), gap, many), (_OPEN,))


FAMILY = Family("hermes", script, written, marks=(_OPEN, _CLOSE, "<think>", "</think>"))
