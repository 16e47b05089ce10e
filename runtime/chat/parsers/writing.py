"""What the grammars of several families have in common: calls in JSON, and text up to a mark."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from runtime.chat.parsers.family import Tools
from runtime.grammar.rules import Rules, literal, one_of
from runtime.grammar.schema import SPACE, rule_of


def space(rules: Rules) -> str:
    """A little white space, or none."""
    return rules.add("space", SPACE)


def arguments(schema: Mapping[str, Any], rules: Rules) -> str:
    """The arguments of a call as a JSON object."""
    return rule_of({"type": "object", **schema}, rules, lenient=True)


def json_call(tools: Tools, rules: Rules, keys: tuple[str, str] = ("name", "arguments"), before: str = "") -> str:
    """A call of one of the tools as an object with a name and arguments; `before` comes first in it."""
    gap = space(rules)
    name_key, arguments_key = (literal(json.dumps(key)) for key in keys)
    ways = [
        f'"{{" {gap} {before} {name_key} ":" {gap} {literal(json.dumps(name))} "," {gap} {arguments_key} ":" {gap} '
        f'{arguments(schema, rules)} {gap} "}}"'
        for name, schema in tools.items()
    ]
    return rules.add("call", one_of(*ways))


def listed(call: str, rules: Rules, many: bool) -> str:
    """Calls in a JSON list."""
    gap = space(rules)
    more = f'("," {gap} {call})*' if many else ""
    return f'"[" {gap} {call} {more} {gap} "]"'


def chained(call: str, between: str, many: bool) -> str:
    """Calls one behind the other."""
    return f"{call} ({between} {call})*" if many else call


def text_before(mark: str, rules: Rules) -> str:
    """Any text in which `mark` does not begin; it is known by how the mark's characters follow each other."""
    first = literal(mark[0])
    ways = [f"[^{_plain(mark[0])}]"]
    for length in range(1, len(mark)):
        begun = f"{first}+" + (f" {literal(mark[1:length])}" if length > 1 else "")
        ways.append(f"{begun} [^{_plain(mark[0])}{_plain(mark[length])}]")
    return rules.add("text-before", f"{one_of(*ways)}*")


def properties(schema: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The arguments a tool names, with their schemas."""
    found = schema.get("properties")
    if not isinstance(found, Mapping):
        return {}
    shared = {key: schema[key] for key in ("$defs", "definitions") if key in schema}
    return {str(name): {**value, **shared} if isinstance(value, Mapping) else {} for name, value in found.items()}


def is_text(schema: Mapping[str, Any]) -> bool:
    """Whether an argument is a string and nothing else; where nobody says, it is taken for one."""
    kind = schema.get("type")
    if kind is None:
        values = schema.get("enum", [schema["const"]] if "const" in schema else None)
        if isinstance(values, list):
            return all(isinstance(value, str) for value in values)
        return not (schema.keys() & {"$ref", "anyOf", "oneOf", "allOf", "properties", "items"})
    return kind in ("string", ["string"])


def _plain(character: str) -> str:
    return f"\\x{ord(character):02X}" if character in '\\]^-["' else character
