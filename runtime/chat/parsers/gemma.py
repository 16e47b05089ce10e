"""Gemma 4 and FunctionGemma: `call:name{city:<|"|>Rome<|"|>}` between tags; objects without quotes, strings between
marks of their own. Read when they are complete: only then it is JSON.
"""

from __future__ import annotations

import json
import re

from runtime.chat.parsers.family import Calls, Family, Tools
from runtime.chat.parsers.grammar import thinking
from runtime.chat.parsers.reader import Reader, Step
from runtime.chat.parsers.writing import chained, properties, text_before
from runtime.grammar.rules import Rules, literal, one_of
from runtime.grammar.schema import rule_of

_KEY = re.compile(r"([{,]\s*)([^\s:{}\[\],\"]+)\s*:")
_NAME = re.compile(r"\s*call:\s*([\w.:/-]+)\s*(\{.*\})\s*", re.DOTALL)


def as_json(text: str, quote: str) -> str | None:
    """An object in this writing as JSON; None if it is none."""
    parts = text.split(quote)
    told = "".join(json.dumps(part, ensure_ascii=False) if at % 2 else _KEY.sub(r'\1"\2":', part)
                   for at, part in enumerate(parts))  # fmt: skip
    try:
        value = json.loads(told, strict=False)
    except (ValueError, RecursionError):
        return None
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else None


def _family(
    name: str, opening: str, closing: str, quote: str, think: tuple[str, str], marks: tuple[str, ...] = ()
) -> Family:
    def script(reader: Reader) -> Step[None]:
        yield from thinking(reader, *think)
        looked = (opening,) if reader.tools else ()
        while (yield from reader.copy_until(reader.out.content, *looked)):
            reader.record(opening)
            text, mark = yield from reader.take_until(closing)
            found = _NAME.fullmatch(text)
            value = as_json(found[2], quote) if found and mark else None
            if found is None or value is None:
                reader.give_back()
                continue
            reader.out.call(found[1])
            reader.out.arguments(value)

    def written(tools: Tools, rules: Rules, many: bool) -> Calls:
        value = _value(rules, quote)
        ways = []
        for tool, schema in tools.items():
            keys = [literal(key) for key in properties(schema)]
            pair = rules.add("pair", f'{one_of(*keys) if keys else "[a-zA-Z_] [a-zA-Z0-9_]*"} ":" {value}')
            ways.append(f'{literal(f"call:{tool}")} "{{" ({pair} ("," {pair})*)? "}}"')
        call = rules.add("call", f"{literal(opening)} {one_of(*ways)} {literal(closing)}")
        return Calls(chained(call, "", many), (opening,))

    return Family(name, script, written, think, marks=(opening, closing, quote, *think, *marks))


def _value(rules: Rules, quote: str) -> str:
    name = "plain-value"
    text = f"{literal(quote)} {text_before(quote, rules)} {literal(quote)}"
    number = rule_of({"type": "number"}, rules)
    pair = f'[a-zA-Z_] [a-zA-Z0-9_]* ":" {name}'
    return rules.once(
        name,
        f'{text} | {number} | "true" | "false" | "null" | "[" ({name} ("," {name})*)? "]" | '
        f'"{{" ({pair} ("," {pair})*)? "}}"',
    )


FAMILY = _family("gemma", "<|tool_call>", "<tool_call|>", '<|"|>', ("<|channel>thought\n", "<channel|>"))
FUNCTION_GEMMA = _family(
    "function-gemma", "<start_function_call>", "<end_function_call>", "<escape>", ("<think>", "</think>")
)
