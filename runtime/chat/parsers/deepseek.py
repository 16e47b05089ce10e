"""DeepSeek V3 and R1: calls between `<｜tool▁call▁begin｜>` and `<｜tool▁call▁end｜>`, the name outside of the JSON."""

from __future__ import annotations

from typing import Any

from runtime.chat.parsers.family import Family, Forced, Tools, moved
from runtime.chat.parsers.grammar import thinking
from runtime.chat.parsers.reader import Reader, Step, ignore

_ALL, _ALL_END = "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"
_ONE, _ONE_END, _SEPARATOR = "<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", "<｜tool▁sep｜>"


def script(reader: Reader) -> Step[None]:
    """Reasoning, then content, then calls."""
    yield from thinking(reader)
    marks = (_ALL, _ALL_END, _ONE) if reader.tools else ()
    while mark := (yield from reader.copy_until(reader.out.content, *marks)):
        if mark != _ONE:
            continue
        reader.record(_ONE)
        before = reader.out.calls
        yield from _call(reader)
        if reader.out.calls == before:
            reader.give_back()


def _call(reader: Reader) -> Step[None]:
    """V3.1 writes `NAME sep JSON`; before it was `function sep NAME`, and the JSON in a Markdown fence."""
    name, mark = yield from reader.take_until(_SEPARATOR, _ONE_END)
    if mark != _SEPARATOR:
        return
    yield from reader.skip_space()
    if name.strip() == "function" and (yield from reader.looking_at("{")) is None:
        name, mark = yield from reader.take_until("```", _ONE_END)
        if mark in (None, _ONE_END):
            return
        yield from reader.take("json")
        yield from reader.skip_space()
    if not name.strip() or (yield from reader.looking_at("{")) is None:
        return
    reader.out.call(name.strip())
    yield from reader.json_value(reader.out.arguments)
    yield from reader.copy_until(ignore, _ONE_END)


def force(tools: Tools) -> Forced | None:
    """The name stands outside of the JSON, so only one tool can be forced."""
    if len(tools) != 1:
        return None
    ((name, schema),) = tools.items()
    definitions: dict[str, Any] = {}
    arguments = moved(schema, "", definitions)
    return Forced(f"{_ALL}{_ONE}{name}{_SEPARATOR}", {**arguments, "$defs": definitions} if definitions else arguments)


FAMILY = Family(
    "deepseek", script, marks=(_ALL, _ALL_END, _ONE, _ONE_END, _SEPARATOR, "<think>", "</think>"),
    call_end=_ALL_END, force=force,
)  # fmt: skip
