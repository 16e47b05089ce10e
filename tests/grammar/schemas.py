"""Random JSON Schemas of the kind people ask models for: nested objects, arrays, enums, patterns, bounds."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

PATTERNS = (
    "^[a-z]{2,8}$",
    "^[A-Z][a-z]{1,9} [0-9]{1,3}$",
    "^(red|green|blue)-\\d{2}$",
    '^[^"<>]{1,6}$',
    "^\\w{1,9}@[a-z]+\\.(com|org)$",
)


def schema(rng: random.Random, depth: int = 3) -> dict[str, Any]:
    """An object with a few members."""
    names = rng.sample(["name", "age", "tags", "kind", "price", "address", "ok", "é", "a b"], rng.randint(1, 4))
    members = {name: _value(rng, depth - 1) for name in names}
    made = {"type": "object", "properties": members, "required": rng.sample(names, rng.randint(1, len(names)))}
    if rng.random() < 0.7:
        made["additionalProperties"] = False
    return made


def _value(rng: random.Random, depth: int) -> dict[str, Any]:
    kinds: list[Callable[[random.Random, int], dict[str, Any]]] = [_string, _pattern, _integer, _number, _enum, _other]
    if depth > 0:
        kinds += [_object, _array, _either]
    return rng.choice(kinds)(rng, depth)


def _object(rng: random.Random, depth: int) -> dict[str, Any]:
    return schema(rng, depth)


def _array(rng: random.Random, depth: int) -> dict[str, Any]:
    low = rng.randint(0, 2)
    return {"type": "array", "items": _value(rng, depth - 1), "minItems": low, "maxItems": low + rng.randint(0, 2)}


def _either(rng: random.Random, depth: int) -> dict[str, Any]:
    return {"anyOf": [_value(rng, depth - 1), {"type": "null"}]}


def _string(rng: random.Random, _: int) -> dict[str, Any]:
    low = rng.randint(0, 4)
    return {"type": "string", "minLength": low, "maxLength": low + rng.randint(0, 12)}


def _pattern(rng: random.Random, _: int) -> dict[str, Any]:
    return {"type": "string", "pattern": rng.choice(PATTERNS)}


def _integer(rng: random.Random, _: int) -> dict[str, Any]:
    low = rng.randint(-150, 150)
    bounds = [{"minimum": low}, {"maximum": low}, {"minimum": low, "maximum": low + rng.randint(0, 500)},
              {"exclusiveMinimum": low, "exclusiveMaximum": low + 2 + rng.randint(0, 50)}]  # fmt: skip
    return {"type": "integer", **rng.choice(bounds)}


def _number(rng: random.Random, _: int) -> dict[str, Any]:
    low = rng.choice([0, 0.5, -0.25, -3, 12.75, 1, -20.05])
    high = low + rng.choice([0.05, 0.5, 1, 2.3, 100])
    bounds = [{"minimum": low, "maximum": high}, {"exclusiveMinimum": low, "maximum": high}, {"minimum": low},
              {"maximum": low}, {"exclusiveMinimum": low, "exclusiveMaximum": high}]  # fmt: skip
    return {"type": "number", **rng.choice(bounds)}


def _enum(rng: random.Random, _: int) -> dict[str, Any]:
    return {"enum": rng.sample(["small", "medium", "large", 1, 2.5, None, True, 'a "quoted" one'], rng.randint(1, 4))}


def _other(rng: random.Random, _: int) -> dict[str, Any]:
    return rng.choice([{"type": "boolean"}, {"type": ["string", "null"], "enum": ["x", None]}, {"const": "fixed"},
                       {"type": "string", "format": "date-time"}])  # fmt: skip
