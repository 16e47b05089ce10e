"""Families that write each argument between tags of its own: GLM 4.5 and later, Qwen 3 Coder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from runtime.chat.parsers.family import Calls, Family, Tools
from runtime.chat.parsers.grammar import thinking
from runtime.chat.parsers.reader import Reader, Step
from runtime.chat.parsers.writing import chained, is_text, properties, space, text_before
from runtime.grammar.rules import Rules, literal, one_of
from runtime.grammar.schema import rule_of

_OPEN, _CLOSE = "<tool_call>", "</tool_call>"
_KEY, _KEY_END, _VALUE, _VALUE_END = "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>"
_FUNCTION, _FUNCTION_END, _PARAMETER, _PARAMETER_END = "<function=", "</function>", "<parameter=", "</parameter>"
_WORDS = {"True": "true", "False": "false", "None": "null"}


def glm(reader: Reader) -> Step[None]:
    """`<tool_call>name`, then pairs of key and value."""
    yield from thinking(reader)
    marks = (_OPEN,) if reader.tools else ()
    while (yield from reader.copy_until(reader.out.content, *marks)):
        reader.record(_OPEN)
        name, mark = yield from reader.take_until(_KEY, _CLOSE, "\n")
        if name.strip() not in reader.tools or mark is None:
            reader.give_back()
            continue
        arguments = _Arguments(reader, name.strip())
        if mark == "\n":
            yield from reader.skip_space()
            mark = yield from reader.take(_KEY, _CLOSE)
        while mark == _KEY:
            key, _ = yield from reader.take_until(_KEY_END)
            yield from reader.skip_space()
            if not (yield from reader.take(_VALUE)) or not (yield from arguments.value(key.strip(), _VALUE_END)):
                break
            yield from reader.skip_space()
            mark = yield from reader.take(_KEY, _CLOSE)
        arguments.end(whole=mark == _CLOSE)


def qwen_coder(reader: Reader) -> Step[None]:
    """`<tool_call><function=name>`, then parameters; the outer tag is sometimes forgotten."""
    yield from thinking(reader)
    marks = (_OPEN, _FUNCTION) if reader.tools else ()
    while mark := (yield from reader.copy_until(reader.out.content, *marks)):
        reader.record(mark)
        if mark == _OPEN:
            yield from reader.skip_space()
            if (yield from reader.take(_FUNCTION)) is None:
                reader.give_back()
                continue
        name, end = yield from reader.take_until(">")
        if end is None or not name.strip():
            reader.give_back()
            continue
        arguments, mark = _Arguments(reader, name.strip()), None
        while True:
            yield from reader.skip_space()
            mark = yield from reader.take(_PARAMETER, _FUNCTION_END)
            if mark != _PARAMETER:
                break
            key, _ = yield from reader.take_until(">")
            yield from reader.take("\n")
            if not (yield from arguments.value(key.strip(), _PARAMETER_END)):
                mark = None
                break
        arguments.end(whole=mark == _FUNCTION_END)
        yield from reader.skip_space()
        yield from reader.take(_CLOSE)


class _Arguments:
    """Arguments that come one by one, on their way to be one JSON object."""

    def __init__(self, reader: Reader, name: str) -> None:
        self._reader = reader
        self._schemas = properties(reader.tools.get(name, {}))
        self._count = 0
        reader.out.call(name)

    def value(self, key: str, end: str) -> Step[bool]:
        """One argument, up to `end`; whether that came. A string streams as it comes."""
        out = self._reader.out
        out.arguments(("{" if not self._count else ", ") + json.dumps(key, ensure_ascii=False) + ": ")
        self._count += 1
        if is_text(self._schemas.get(key, {})):
            out.arguments('"')
            mark = yield from self._reader.copy_until(lambda text: out.arguments(_quoted(text)), f"\n{end}", end)
            if mark:
                out.arguments('"')
            return mark is not None
        text, mark = yield from self._reader.take_until(end)
        out.arguments(_as_json(text.strip()))
        return mark is not None

    def end(self, *, whole: bool) -> None:
        """No more of them; a call that was cut stays open."""
        if whole:
            self._reader.out.arguments("}" if self._count else "{}")
        self._reader.out.call_end()


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _as_json(text: str) -> str:
    text = _WORDS.get(text, text)
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return json.dumps(text, ensure_ascii=False)
    return text


def written_glm(tools: Tools, rules: Rules, many: bool) -> Calls:
    """The tags with known keys between them; strings are bare, everything else is JSON."""
    ways = []
    for name, schema in tools.items():
        pairs = [
            f'{literal(f"{_KEY}{key}{_KEY_END}")} "\\n"? {literal(_VALUE)} {_value(one, _VALUE_END, rules)} '
            f'{literal(_VALUE_END)} "\\n"?'
            for key, one in properties(schema).items()
        ]
        ways.append(f'{literal(name)} "\\n"?' + (f" {rules.add('pair', one_of(*pairs))}*" if pairs else ""))
    call = rules.add("call", f"{literal(_OPEN)} {one_of(*ways)} {literal(_CLOSE)}")
    return Calls(chained(call, space(rules), many), (_OPEN,))


def written_qwen_coder(tools: Tools, rules: Rules, many: bool) -> Calls:
    """The same in the other tags."""
    ways = []
    for name, schema in tools.items():
        pairs = [
            f'{literal(f"{_PARAMETER}{key}>")} "\\n" {_value(one, _PARAMETER_END, rules)} "\\n"? '
            f'{literal(_PARAMETER_END)} "\\n"?'
            for key, one in properties(schema).items()
        ]
        body = f" {rules.add('pair', one_of(*pairs))}*" if pairs else ""
        ways.append(f'{literal(f"{_FUNCTION}{name}>")} "\\n"?{body} {literal(_FUNCTION_END)}')
    call = rules.add("call", f'{literal(_OPEN)} "\\n"? {one_of(*ways)} "\\n"? {literal(_CLOSE)}')
    return Calls(chained(call, space(rules), many), (_OPEN,))


def _value(schema: Mapping[str, Any], end: str, rules: Rules) -> str:
    if is_text(schema):
        return text_before(end, rules)
    return rule_of(schema, rules, lenient=True)


_MARKS = (_OPEN, _CLOSE, "<think>", "</think>")

GLM = Family("glm", glm, written_glm, marks=(*_MARKS, _KEY, _KEY_END, _VALUE, _VALUE_END))
QWEN_CODER = Family("qwen-coder", qwen_coder, written_qwen_coder, marks=_MARKS)
