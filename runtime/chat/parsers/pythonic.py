"""Calls written as Python's: `[get_weather(city="Rome"), now()]` (LFM2, some Llamas). Read when they are complete:
nothing less tells where a value ends.
"""

from __future__ import annotations

import ast
import json
from typing import Any

from runtime.chat.parsers.family import Family
from runtime.chat.parsers.grammar import json_calls, thinking
from runtime.chat.parsers.pieces import Output
from runtime.chat.parsers.reader import Reader, Step

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


FAMILY = Family("lfm2", script, marks=(_OPEN, _CLOSE, "<think>", "</think>"), call_end=_CLOSE)
