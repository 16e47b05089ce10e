"""What several schemas for the same document say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from runtime.grammar.numbers import Bounds
from runtime.grammar.rules import SchemaError

_OF_KIND = {
    "object": ("properties", "additionalProperties", "required", "minProperties", "maxProperties"),
    "array": ("items", "prefixItems", "minItems", "maxItems"),
    "string": ("pattern", "minLength", "maxLength", "format"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
}
_LEAST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_MOST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_IGNORED = ("title", "description", "default", "examples", "$id", "$schema", "$comment", "$defs", "definitions")


def merged(one: Any, other: Any) -> Any:
    """A schema for the documents that follow both. Raises `SchemaError` where that cannot be told."""
    if one is True or one == {}:
        return other
    if other is True or other == {}:
        return one
    if not isinstance(one, Mapping) or not isinstance(other, Mapping):
        return False
    whole = dict(one)
    for keyword, value in other.items():
        if keyword not in whole or keyword in _IGNORED:
            whole.setdefault(keyword, value)
        elif whole[keyword] != value or keyword in ("allOf", "anyOf"):
            whole[keyword] = _both(keyword, whole[keyword], value)
    _close(whole, one, other)
    return whole


def bounds(schema: Mapping[str, Any]) -> Bounds:
    """Between what a number must lie. Exclusive bounds are flags in old drafts and numbers in later ones."""
    low, high = _number(schema, "minimum"), _number(schema, "maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    found = Bounds(low, high, above is True, below is True)
    if above is not None and not isinstance(above, bool):
        found = found.tightened(Bounds(low=_number(schema, "exclusiveMinimum"), above=True))
    if below is not None and not isinstance(below, bool):
        found = found.tightened(Bounds(high=_number(schema, "exclusiveMaximum"), below=True))
    return found


def count(schema: Mapping[str, Any], keyword: str) -> int | None:
    """A number of things."""
    value = schema.get(keyword)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1 or value < 0:
        raise SchemaError(f"its {keyword!r} is no number of things")
    return int(value)


def is_of(value: Any, kinds: Sequence[str]) -> bool:
    """Whether a value is of one of these types."""
    if isinstance(value, bool):
        return "boolean" in kinds
    if isinstance(value, int):
        return "integer" in kinds or "number" in kinds
    if isinstance(value, float):
        return "number" in kinds or ("integer" in kinds and value.is_integer())
    names = {str: "string", list: "array", dict: "object", type(None): "null"}
    return names.get(type(value), "") in kinds


def undecided(value: Any, schema: Mapping[str, Any]) -> str:
    """What stands beside a value that is told, and `fits` does not look at; "" where there is nothing of that kind."""
    if isinstance(value, str):
        return "pattern" if "pattern" in schema else ""  # a format is an annotation
    kind = "array" if isinstance(value, list) else "object" if isinstance(value, dict) else ""
    return next((keyword for keyword in _OF_KIND.get(kind, ()) if keyword in schema), "")


def fits(value: Any, schema: Mapping[str, Any]) -> bool:
    """Whether a value that is told keeps to the bounds beside it."""
    if isinstance(value, str):
        low, high = count(schema, "minLength"), count(schema, "maxLength")
        return (low or 0) <= len(value) and (high is None or len(value) <= high)
    return isinstance(value, bool) or not isinstance(value, int | float) or bounds(schema).hold(Decimal(repr(value)))


def guessed(schema: Mapping[str, Any]) -> str | None:
    """The type a schema means that does not say it."""
    return next((kind for kind, keywords in _OF_KIND.items() if any(one in schema for one in keywords)), None)


def _both(keyword: str, one: Any, other: Any) -> Any:
    if keyword == "properties" and isinstance(one, Mapping) and isinstance(other, Mapping):
        shared = {name: merged(one[name], other[name]) for name in one if name in other}
        return {**one, **other, **shared}
    if keyword == "required" and isinstance(one, list) and isinstance(other, list):
        return [*one, *(name for name in other if name not in one)]
    if keyword == "enum" and isinstance(one, list) and isinstance(other, list):
        return [value for value in one if value in other]
    if keyword == "type":
        return _types(one, other)
    if keyword == "allOf" and isinstance(one, list) and isinstance(other, list):
        return [*one, *other]
    if keyword == "additionalProperties" or keyword == "items":
        return merged(one, other)
    if keyword in _LEAST or keyword in _MOST:
        try:
            return min(one, other) if keyword in _LEAST else max(one, other)
        except TypeError:
            pass
    raise SchemaError(f"two {keyword!r} for one document cannot be brought together")


def _types(one: Any, other: Any) -> Any:
    first, second = ([value] if isinstance(value, str) else value for value in (one, other))
    if isinstance(first, list) and isinstance(second, list):
        shared = [kind for kind in first if kind in second or (kind == "integer" and "number" in second)]
        shared += ["integer"] if "integer" in second and "number" in first and "integer" not in shared else []
        if shared:
            return shared
    raise SchemaError("it allows no document at all")


def _close(whole: dict[str, Any], one: Mapping[str, Any], other: Mapping[str, Any]) -> None:
    """Where one part allows no further members, those that only the other part names are such."""
    for closed, open_ in ((one, other), (other, one)):
        if closed.get("additionalProperties") is not False or "properties" not in open_:
            continue
        names, members = closed.get("properties", {}), open_["properties"]
        if not isinstance(names, Mapping) or not isinstance(members, Mapping):
            raise SchemaError("its 'properties' is no object")
        foreign = [name for name in members if name not in names]
        whole["properties"] = {name: value for name, value in whole["properties"].items() if name not in foreign}
        if any(name in foreign for name in whole.get("required", [])):
            raise SchemaError("it asks for a member that it does not allow")


def _number(schema: Mapping[str, Any], keyword: str) -> Decimal | None:
    value = schema.get(keyword)
    if value is None or isinstance(value, bool):
        return None
    if not isinstance(value, int | float):
        raise SchemaError(f"its {keyword!r} is no number")
    try:
        found = Decimal(repr(value))
    except (InvalidOperation, ValueError):  # an integer of thousands of digits
        raise SchemaError(f"its {keyword!r} has too many digits") from None
    if not found.is_finite():
        raise SchemaError(f"its {keyword!r} is no number")
    return found
