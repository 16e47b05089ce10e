"""Mistral: `[TOOL_CALLS][{"name": …, "arguments": …}]`, later `[TOOL_CALLS]name[ARGS]{…}`; reasoning in `[THINK]`."""

from __future__ import annotations

from runtime.chat.parsers.family import Calls, Family, Tools
from runtime.chat.parsers.grammar import json_calls, thinking
from runtime.chat.parsers.reader import Reader, Step
from runtime.chat.parsers.writing import arguments, chained, json_call, listed, space
from runtime.grammar.rules import Rules, literal, one_of

_CALLS, _ARGUMENTS, _ID = "[TOOL_CALLS]", "[ARGS]", "[CALL_ID]"


def script(reader: Reader) -> Step[None]:
    """Reasoning, then content, then calls in either writing."""
    yield from thinking(reader, "[THINK]", "[/THINK]")
    marks = (_CALLS,) if reader.tools else ()
    while (yield from reader.copy_until(reader.out.content, *marks)):
        reader.record(_CALLS)
        before = reader.out.calls
        yield from reader.skip_space()
        if (yield from reader.looking_at("[{", "[ {", "[\n", "{")):
            yield from json_calls(reader)
        else:
            yield from _named(reader)
        if reader.out.calls == before:
            reader.give_back()


def _named(reader: Reader) -> Step[None]:
    name, mark = yield from reader.take_until(_ARGUMENTS, _ID)
    identity = None
    if mark == _ID:
        identity, mark = yield from reader.take_until(_ARGUMENTS)
    yield from reader.skip_space()
    if mark is None or not name.strip():
        return
    reader.out.call(name.strip(), identity)
    yield from reader.json_value(reader.out.arguments)
    reader.out.call_end()


def written(tools: Tools, rules: Rules, many: bool) -> Calls:
    """A list of calls."""
    return Calls(f"{literal(_CALLS)} {space(rules)} {listed(json_call(tools, rules), rules, many)}", (_CALLS,))


def written_later(tools: Tools, rules: Rules, many: bool) -> Calls:
    """A name and an object for each call."""
    ways = [
        f"{literal(name)} ({literal(_ID)} [a-zA-Z0-9]{{9}})? {literal(_ARGUMENTS)} {arguments(schema, rules)}"
        for name, schema in tools.items()
    ]
    call = rules.add("call", f"{literal(_CALLS)} {one_of(*ways)}")
    return Calls(chained(call, "", many), (_CALLS,))


_THINKING = ("[THINK]", "[/THINK]")
_MARKS = (_CALLS, _ARGUMENTS, _ID, *_THINKING)

FAMILY = Family("mistral", script, written, _THINKING, marks=_MARKS)
LATER = Family("mistral-later", script, written_later, _THINKING, marks=_MARKS)
