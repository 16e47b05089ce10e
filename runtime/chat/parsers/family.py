"""What a family of models is: how its answers are read, and how it is made to call a tool."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runtime.chat.parsers.reader import Reader, Step

Tools = Mapping[str, Mapping[str, Any]]
"""Name → JSON Schema of the arguments."""


@dataclass(frozen=True, slots=True)
class Forced:
    """How an answer is made a call: it begins with `prefix`, and the rest of it follows `schema`, a JSON Schema."""

    prefix: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Family:
    """One way of writing calls and reasoning.

    script: the grammar, see `reader`. thinking: what reasoning stands between, for prompts that end inside of it.
    marks: tokens the grammar looks for that a vocabulary may hold as control tokens, whose text is not shown otherwise.
    call_end: what ends a call, where one string does. force: how to make the answer a call of one of these tools, or
    None where this family cannot be made to.
    """

    name: str
    script: Callable[[Reader], Step[None]]
    thinking: tuple[str, str] = ("<think>", "</think>")
    marks: tuple[str, ...] = ()
    call_end: str | None = None
    force: Callable[[Tools], Forced | None] | None = None


def one_of(tools: Tools, name_key: str = "name", arguments_key: str = "arguments") -> dict[str, Any]:
    """The JSON Schema of one call written as an object with these two members."""
    definitions: dict[str, Any] = {}
    calls: list[dict[str, Any]] = []
    for number, (name, schema) in enumerate(tools.items()):
        calls.append(
            {
                "type": "object",
                "properties": {name_key: {"const": name}, arguments_key: moved(schema, f"t{number}_", definitions)},
                "required": [name_key, arguments_key],
                "additionalProperties": False,
            }
        )
    whole: dict[str, Any] = calls[0] if len(calls) == 1 else {"anyOf": calls}
    return {**whole, "$defs": definitions} if definitions else whole


def moved(schema: Mapping[str, Any], prefix: str, definitions: dict[str, Any]) -> Any:
    """`schema` as part of a larger one: its definitions go to `definitions`, under names that begin with `prefix`."""
    own = {where: schema[where] for where in ("$defs", "definitions") if isinstance(schema.get(where), dict)}

    def rewritten(value: Any) -> Any:
        if isinstance(value, list):
            return [rewritten(item) for item in value]
        if not isinstance(value, Mapping):
            return value
        plain = {key: rewritten(item) for key, item in value.items()}
        target = value.get("$ref")
        if isinstance(target, str):
            for where in own:
                start = f"#/{where}/"
                if target.startswith(start):
                    plain["$ref"] = f"#/$defs/{prefix}{target.removeprefix(start)}"
        return plain

    for inner in own.values():
        for name, definition in inner.items():
            definitions[prefix + name] = rewritten(definition)
    return rewritten({key: value for key, value in schema.items() if key not in own})


def offered(tools: Sequence[Mapping[str, Any]]) -> Tools:
    """The tools of a request, in OpenAI's shape, by name."""
    functions = [tool["function"] for tool in tools]
    return {function["name"]: function.get("parameters") or {"type": "object"} for function in functions}
