"""Calls written as Python's: `[get_weather(city="Rome"), now()]` (LFM2, some Llamas). Read when they are complete:
nothing less tells where a value ends.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from typing import Any

from runtime.chat.parsers.family import Calls, Family, Tools
from runtime.chat.parsers.grammar import json_calls, thinking
from runtime.chat.parsers.pieces import Output
from runtime.chat.parsers.reader import Reader, Step
from runtime.chat.parsers.writing import properties
from runtime.grammar.rules import Rules, literal, one_of
from runtime.grammar.schema import rule_of

_OPEN, _CLOSE = "<|tool_call_start|>", "<|tool_call_end|>"
_LONGEST = 64 * 1024  # characters; Python's parser is not made for the text of strangers


def script(reader: Reader) -> Step[None]:
    """LFM2: calls between two tags, in Python or in JSON."""
    yield from thinking(reader)
    marks = (_OPEN,) if reader.tools else ()
    while (yield from reader.copy_until(reader.out.content, *marks)):
        reader.record(_OPEN)
        before = reader.out.calls
        yield from reader.skip_space()
        if (yield from reader.looking_at('[{"', "{")):
            yield from json_calls(reader)
            yield from reader.skip_space()
            yield from reader.take(_CLOSE)
        else:
            text, _ = yield from reader.take_until(_CLOSE)
            python_calls(reader.out, text)
        if reader.out.calls == before:
            reader.give_back()


def python_calls(out: Output, text: str) -> bool:
    """Write the calls in `text`; False, and nothing written, if it is anything else."""
    if len(text) > _LONGEST:
        return False
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        calls = [_call(node) for node in (tree.elts if isinstance(tree, ast.List | ast.Tuple) else [tree])]
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return False
    for name, arguments in calls:
        out.call(name)
        out.arguments(json.dumps(arguments, ensure_ascii=False))
    return bool(calls)


def _call(node: ast.expr) -> tuple[str, dict[str, Any]]:
    """Name and arguments. Raises `ValueError` for whatever is no call with plain values."""
    if not isinstance(node, ast.Call) or node.args:
        raise ValueError
    name = ast.unparse(node.func).removesuffix(".call")
    return name, {str(word.arg): ast.literal_eval(word.value) for word in node.keywords}


def written(tools: Tools, rules: Rules, many: bool) -> Calls:
    """A list of calls with arguments by name; which of them, and in which order, is the model's affair."""
    ways = [f"{literal(name)} {literal('(')} {_named(schema, rules)} {literal(')')}" for name, schema in tools.items()]
    call = rules.add("call", one_of(*ways))
    more = f'(", " {call})*' if many else ""
    return Calls(f'{literal(_OPEN)} "[" {call} {more} "]" {literal(_CLOSE)}', (_OPEN,))


def _named(schema: Mapping[str, Any], rules: Rules) -> str:
    value = _value(rules)
    known = [f'{literal(name)} "=" {value}' for name in properties(schema) if name.isidentifier()]
    argument = rules.add("argument", one_of(*known) if known else f'[a-zA-Z_] [a-zA-Z0-9_]* "=" {value}')
    return f'({argument} (", " {argument})*)?'


def _value(rules: Rules) -> str:
    """A plain value in Python's writing, which is JSON's but for three words."""
    text, number = rule_of({"type": "string"}, rules), rule_of({"type": "number"}, rules)
    name = "python-value"
    single = """"'" ([^'\\\\\\x00-\\x1F] | "\\\\" ['\\\\nt])* "'" """
    words = '"True" | "False" | "None"'
    several = f'"[" ({name} (", " {name})*)? "]"'
    pairs = f'"{{" ({text} ": " {name} (", " {text} ": " {name})*)? "}}"'
    return rules.once(name, f"{text} | {single} | {number} | {words} | {several} | {pairs}")


FAMILY = Family("lfm2", script, written, marks=(_OPEN, _CLOSE, "<think>", "</think>"))
