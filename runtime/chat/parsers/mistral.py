"""Mistral: `[TOOL_CALLS][{"name": …, "arguments": …}]`, later `[TOOL_CALLS]name[ARGS]{…}`; reasoning in `[THINK]`."""

from __future__ import annotations

from runtime.chat.parsers.family import Family, Forced, Tools, one_of
from runtime.chat.parsers.grammar import json_calls, thinking
from runtime.chat.parsers.reader import Reader, Step

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


def force(tools: Tools) -> Forced:
    """A list of calls; it holds one at least."""
    schema = one_of(tools)
    definitions = schema.pop("$defs", None)
    listed = {"type": "array", "minItems": 1, "items": schema}
    return Forced(_CALLS, {**listed, "$defs": definitions} if definitions else listed)


FAMILY = Family(
    "mistral", script, thinking=("[THINK]", "[/THINK]"), marks=(_CALLS, _ARGUMENTS, _ID, "[THINK]", "[/THINK]"),
    force=force,
)  # fmt: skip
