"""Llama 3.x: a bare `{"name": …, "parameters": …}`, perhaps behind `<|python_tag|>`; `<function=name>{…}</function>`;
built-in tools as `name.call(key="value")`.
"""

from __future__ import annotations

import json

from runtime.chat.parsers.family import Calls, Family, Tools
from runtime.chat.parsers.grammar import json_calls
from runtime.chat.parsers.pythonic import python_calls
from runtime.chat.parsers.reader import Reader, Step, ignore
from runtime.chat.parsers.writing import chained, json_call, space
from runtime.grammar.rules import Rules

_PYTHON, _FUNCTION, _END = "<|python_tag|>", "<function=", "</function>"


def script(reader: Reader) -> Step[None]:
    """A call from the first character on, or content in which a tag begins one."""
    if reader.tools:
        reader.record()
        yield from reader.skip_space()
        if not (yield from json_calls(reader, only_offered=True)):
            reader.give_back()
    marks = (_PYTHON, _FUNCTION) if reader.tools else ()
    while mark := (yield from reader.copy_until(reader.out.content, *marks)):
        reader.record(mark)
        before = reader.out.calls
        yield from (_tagged(reader) if mark == _PYTHON else _function(reader))
        if reader.out.calls == before:
            reader.give_back()


def _tagged(reader: Reader) -> Step[None]:
    yield from reader.skip_space()
    if (yield from reader.looking_at("{", "[")):
        yield from json_calls(reader)
    else:
        text, _ = yield from reader.take_until(_PYTHON)
        python_calls(reader.out, text)


def _function(reader: Reader) -> Step[None]:
    name, end = yield from reader.take_until(">")
    yield from reader.skip_space()
    if end is None or not name or (yield from reader.looking_at("{")) is None:
        return
    reader.out.call(name)
    yield from reader.json_value(reader.out.arguments)
    yield from reader.copy_until(ignore, _END)


def written(tools: Tools, rules: Rules, many: bool) -> Calls:
    """Bare objects. An answer that begins with one that names a tool is a call, whatever the object goes on with."""
    gap = space(rules)
    call = json_call(tools, rules, ("name", "parameters"))
    begun = tuple(f'{{"name": {json.dumps(name)}' for name in tools)
    return Calls(chained(call, f'";" {gap}', many), begun, at_start=True)


FAMILY = Family("llama", script, written, marks=(_PYTHON,))
