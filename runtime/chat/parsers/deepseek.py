"""DeepSeek V3 and R1: calls between `<｜tool▁call▁begin｜>` and `<｜tool▁call▁end｜>`, the name outside of the JSON."""

from __future__ import annotations

from runtime.chat.parsers.family import Calls, Family, Tools
from runtime.chat.parsers.grammar import thinking
from runtime.chat.parsers.reader import Reader, Step, ignore
from runtime.chat.parsers.writing import arguments, chained
from runtime.grammar.rules import Rules, literal, one_of

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


def written(tools: Tools, rules: Rules, many: bool) -> Calls:
    """As V3.1 does it."""
    return _written(tools, rules, many, "", _SEPARATOR, "", "")


def written_before(tools: Tools, rules: Rules, many: bool) -> Calls:
    """As V3 and R1 do it."""
    return _written(tools, rules, many, f"function{_SEPARATOR}", "\n```json\n", "\n```", '"\\n"?')


def _written(
    tools: Tools, rules: Rules, many: bool, before: str, between: str, behind: str, apart: str
) -> Calls:  # fmt: skip
    ways = [
        f"{literal(_ONE + before + name + between)} {arguments(schema, rules)} {literal(behind + _ONE_END)}"
        for name, schema in tools.items()
    ]
    call = rules.add("call", one_of(*ways))
    return Calls(f"{literal(_ALL)} {chained(call, apart, many)} {literal(_ALL_END)}", (_ALL,))


_MARKS = (_ALL, _ALL_END, _ONE, _ONE_END, _SEPARATOR, "<think>", "</think>")

FAMILY = Family("deepseek", script, written, marks=_MARKS)
BEFORE = Family("deepseek-r1", script, written_before, marks=_MARKS)
