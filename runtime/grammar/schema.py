"""JSON Schemas as grammars: every document that follows the grammar is valid.

Keywords a grammar cannot enforce are refused, by name, or (for the arguments of tools, where the schema is advice to
the model and the caller checks) passed over. Nothing is ever fetched: a reference to anywhere else is refused. Members
of objects come in the schema's order; `oneOf` is read as `anyOf`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from runtime.grammar import merge, numbers
from runtime.grammar.patterns import PLAIN, pattern
from runtime.grammar.rules import Rules, SchemaError, literal, one_of, repeated
from runtime.grammar.words import FORMATS, LENGTHS, choice, other_keys

SPACE = '| " " | "\\n"{1,2} [ \\t]{0,20}'
_HEX = "([0-9a-cA-CefEF] [0-9a-fA-F]{3} | [dD] [0-7] [0-9a-fA-F]{2})"  # no half of a pair
_CHARACTER = f'{PLAIN} | "\\\\" ([\\"\\\\/bfnrt] | "u" {_HEX})'
_QUOTE = '"\\""'
_MAX_DEPTH = 120
_MAX_VISITS = 20_000
_TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")
_REFUSED = frozenset(
    ("not", "if", "then", "else", "patternProperties", "propertyNames", "dependencies", "dependentRequired",
     "dependentSchemas", "unevaluatedProperties", "unevaluatedItems", "contains", "minContains", "maxContains",
     "uniqueItems", "multipleOf", "$dynamicRef", "$recursiveRef")
)  # fmt: skip
_ENFORCED = frozenset(
    ("type", "enum", "const", "anyOf", "oneOf", "allOf", "$ref", "properties", "required", "additionalProperties",
     "minProperties", "maxProperties", "items", "prefixItems", "additionalItems", "minItems", "maxItems", "pattern",
     "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
)  # fmt: skip
_HARMLESS: dict[str, Any] = {"uniqueItems": False, "multipleOf": 1, "unevaluatedProperties": True}


def grammar_of(schema: Mapping[str, Any] | bool) -> str:
    """GBNF for the documents the schema describes. Raises `SchemaError`."""
    rules = Rules()
    body = rule_of(schema, rules)
    space = rules.add("space", SPACE)
    return rules.text(f"{space} {body} {space}")


def rule_of(schema: Mapping[str, Any] | bool, rules: Rules, *, lenient: bool = False) -> str:
    """The name of a rule for the documents the schema describes. Raises `SchemaError`.

    lenient: pass over what a grammar cannot enforce.
    """
    try:
        return _Conversion(schema, rules, lenient=lenient).rule(schema, "root-value")
    except RecursionError:
        raise SchemaError("it is nested too deeply") from None


class _Conversion:
    """One schema on its way to become rules."""

    def __init__(self, schema: Mapping[str, Any] | bool, rules: Rules, *, lenient: bool) -> None:
        self._document = schema
        self._rules = rules
        self._lenient = lenient
        self._references: dict[str, str] = {}
        self._open: list[str] = []  # references followed since the last character was certain
        self._depth = 0
        self._visits = 0

    def rule(self, schema: Any, hint: str) -> str:
        """The name of a rule for this part of the schema."""
        self._visits += 1
        self._depth += 1
        if self._depth > _MAX_DEPTH or self._visits > _MAX_VISITS:
            raise SchemaError("it is too large, or nested too deeply")
        try:
            return self._rule(schema, hint)
        finally:
            self._depth -= 1

    def _rule(self, schema: Any, hint: str) -> str:
        if schema is True or schema == {}:
            return self._anything()
        if not isinstance(schema, Mapping):
            raise SchemaError("it allows no document at all" if schema is False else "part of it is no schema")
        if not self._lenient:
            _refuse_unenforced(schema)
        reference = schema.get("$ref")
        if reference is not None and not (schema.keys() & (_ENFORCED - {"$ref"})):
            return self._referred(reference)
        return self._rules.add(hint, one_of(*self._ways(schema, hint)))

    def _referred(self, reference: Any) -> str:
        target = self._target(reference)
        if reference in self._open:
            raise SchemaError("one of its references leads back to itself without a document between")
        if reference in self._references:
            return self._references[reference]
        name = self._references[reference] = self._rules.reserve(str(reference).rpartition("/")[2] or "root")
        self._open.append(reference)
        self._rules.define(name, self.rule(target, f"{name}-value"))
        self._open.pop()
        return name

    def _target(self, reference: Any) -> Any:
        if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
            raise SchemaError("it refers to something outside of itself, and nothing is ever fetched")
        here: Any = self._document
        for step in reference.split("/")[1:]:
            step = step.replace("~1", "/").replace("~0", "~")
            if isinstance(here, Sequence) and not isinstance(here, str) and step.isdigit() and int(step) < len(here):
                here = here[int(step)]
            elif isinstance(here, Mapping) and step in here:
                here = here[step]
            else:
                raise SchemaError(f"it refers to {reference[:100]!r}, which is not there")
        return here

    def _ways(self, schema: Mapping[str, Any], hint: str) -> list[str]:
        """The ways to write a document; one for each alternative, and for each type."""
        if "$ref" in schema:
            if schema["$ref"] in self._open:
                raise SchemaError("one of its references leads back to itself without a document between")
            self._open.append(schema["$ref"])
            whole = merge.merged(_but(schema, "$ref"), self._target(schema["$ref"]))
            ways = [self.rule(whole, hint)]
            self._open.pop()
            return ways
        if "allOf" in schema:
            whole = _but(schema, "allOf")
            for part in _schemas(schema["allOf"], "allOf"):
                whole = merge.merged(whole, self._resolved(part))
            return [self.rule(whole, hint)]
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                rest = _but(schema, keyword)
                return [self._alternative(rest, part, f"{hint}-{number}")
                        for number, part in enumerate(_schemas(schema[keyword], keyword))]  # fmt: skip
        if "const" in schema or "enum" in schema:
            return self._values(schema)
        return [self._of_type(kind, schema, hint) for kind in _types(schema)]

    def _alternative(self, rest: Mapping[str, Any], part: Any, hint: str) -> str:
        if not (rest.keys() & _ENFORCED):
            return self.rule(part, hint)
        return self.rule(merge.merged(rest, self._resolved(part)), hint)

    def _resolved(self, part: Any) -> Any:
        """What a part really says, where it only refers to it."""
        for _ in range(_MAX_DEPTH):
            if not (isinstance(part, Mapping) and "$ref" in part):
                return part
            self._visits += 1
            part = merge.merged(_but(part, "$ref"), self._target(part["$ref"]))
        raise SchemaError("one of its references leads back to itself without a document between")

    def _values(self, schema: Mapping[str, Any]) -> list[str]:
        given = [schema["const"]] if "const" in schema else schema["enum"]
        if not isinstance(given, list):
            raise SchemaError("its 'enum' is no list")
        if "const" in schema and "enum" in schema:
            given = [value for value in given if value in schema["enum"]]
        kinds = _types(schema) if "type" in schema else _TYPES
        fitting = [value for value in given if merge.is_of(value, kinds) and self._fits(value, schema)]
        if not fitting:
            raise SchemaError("it allows no value at all")
        return [choice((json.dumps(value, ensure_ascii=False) for value in fitting), self._rules)]

    def _fits(self, value: Any, schema: Mapping[str, Any]) -> bool:
        beside = merge.undecided(value, schema)
        if beside:
            self._cannot("enum", "const", beside=beside)
        return bool(beside) or merge.fits(value, schema)

    def _of_type(self, kind: str, schema: Mapping[str, Any], hint: str) -> str:
        if kind == "object":
            return self._guarded(self._object, schema, hint)
        if kind == "array":
            return self._guarded(self._array, schema, hint)
        if kind == "string":
            return self._string(schema)
        if kind in ("number", "integer"):
            bounds = merge.bounds(schema)
            if kind == "number":
                return self._rules.add("number", numbers.number(bounds))
            return self._rules.add("integer", numbers.integer(bounds))
        return self._rules.add(kind, '"true" | "false"' if kind == "boolean" else '"null"')

    def _guarded(self, make: Any, schema: Mapping[str, Any], hint: str) -> str:
        """Inside of braces references may lead back: something was written in between."""
        before, self._open = self._open, []
        body: str = make(schema, hint)
        self._open = before
        return body

    def _object(self, schema: Mapping[str, Any], hint: str) -> str:
        """Members in the schema's order.

        Rules of members begin behind the first quotation mark, so that what stands before it is read in one way,
        however many may come next.
        """
        members, required = _mapping(schema, "properties"), _names(schema)
        space, more = self._space(), self._more(schema, {*members, *required}, hint)
        members = {**members, **{name: True for name in required if name not in members}}
        low, high = merge.count(schema, "minProperties"), merge.count(schema, "maxProperties")
        if (low or 0) > len(required) or (high is not None and (high < len(members) or more)):
            if members:
                self._cannot("minProperties", "maxProperties")
            elif not more:
                raise SchemaError("an object in it must have members that it does not allow")
            else:
                member = self._rules.add(f"{hint}-member", f"{_QUOTE} {more}")
                return self._braces(_listed(self._rules, member, low or 0, high, space))
        comma = f'"," {space} {_QUOTE}'
        rest, is_needed = f"{more} ({comma} {more})*" if more else "", False  # at least one member from here on
        for name in reversed(members):
            key = literal(json.dumps(name, ensure_ascii=False)[1:])
            pair = self._rules.add(f"{hint}-{name}", f'{key} ":" {space} {self.rule(members[name], f"{hint}-{name}")}')
            after = "" if not rest else f"{comma} {rest}" if is_needed else f"({comma} {rest})?"
            following = f"{pair} {after}".strip()
            rest = following if name in required or not rest else f"({following} | {rest})"
            rest, is_needed = self._rules.add(f"{hint}-rest", rest), is_needed or name in required
        return self._braces(f"{_QUOTE} {rest}" if is_needed else f"({_QUOTE} {rest})?" if rest else "")

    def _braces(self, inner: str) -> str:
        space = self._space()
        return f'"{{" {space} {inner} {space} "}}"' if inner else '"{" "}"'

    def _more(self, schema: Mapping[str, Any], named: set[str], hint: str) -> str:
        """A rule for a member that is not named (`_object` tells from where on), if there may be one.

        Unsaid, it may be only where none is named.
        """
        allowed = schema.get("additionalProperties", "properties" not in schema)
        if allowed is False:
            return ""
        key = other_keys(named, self._rules) if named else f"{self._character()}*"
        key = self._rules.add(f"{hint}-key", f"{key} {_QUOTE}")
        return self._rules.add(f"{hint}-more", f'{key} ":" {self._space()} {self.rule(allowed, f"{hint}-other")}')

    def _array(self, schema: Mapping[str, Any], hint: str) -> str:
        first, rest = schema.get("prefixItems"), schema.get("items", True)
        if isinstance(rest, list):  # as drafts before 2020 wrote it
            first, rest = rest, schema.get("additionalItems", True)
        low, high = merge.count(schema, "minItems") or 0, merge.count(schema, "maxItems")
        if high is not None and high < low:
            raise SchemaError("an array in it must hold more than it may")
        space = self._space()
        if first is None:
            if rest is False or high == 0:
                return '"[" "]"'
            inner = _listed(self._rules, self.rule(rest, f"{hint}-item"), low, high, space)
            return f'"[" {space} {inner} {space} "]"'
        items = [self.rule(item, f"{hint}-{number}") for number, item in enumerate(_schemas(first, "prefixItems"))]
        items = items[: len(items) if high is None else high]
        if low > len(items):
            if rest is False:
                raise SchemaError("an array in it must hold more than it may")
            items += [self.rule(rest, f"{hint}-item")] * min(low - len(items), 1000)
        return f'"[" {space} ' + f' "," {space} '.join(items) + f' {space} "]"' if items else '"[" "]"'

    def _string(self, schema: Mapping[str, Any]) -> str:
        low, high = merge.count(schema, "minLength"), merge.count(schema, "maxLength")
        expression, form = schema.get("pattern"), schema.get("format")
        if expression is not None and not isinstance(expression, str):
            raise SchemaError("one of its patterns is no string")
        if high is not None and high < (low or 0):
            raise SchemaError("a string in it must be longer than it may")
        if expression is not None:
            if low or high is not None:
                self._cannot("minLength", "maxLength", beside="pattern")
            return self._rules.add("matching", f'"\\"" {self._pattern(expression)} "\\""')
        if isinstance(form, str) and form in FORMATS:
            least, most = LENGTHS[form]
            if (low or 0) > least or (high is not None and high < most):
                self._cannot("minLength", "maxLength", beside="format")
            return self._rules.add(form, f'"\\"" {FORMATS[form]} "\\""')
        if not low and high is None:
            return self._text()
        return self._rules.add("text", f'"\\"" {repeated(self._rules, self._character(), low or 0, high)} "\\""')

    def _pattern(self, expression: str) -> str:
        try:
            return pattern(expression, self._rules)
        except SchemaError:
            if self._lenient:
                return f"{self._character()}*"
            raise

    def _cannot(self, *keywords: str, beside: str = "properties") -> None:
        if not self._lenient:
            raise SchemaError(f"{' or '.join(map(repr, keywords))} beside {beside!r} cannot be enforced by a grammar")

    def _anything(self) -> str:
        if "#anything" in self._references:
            return self._references["#anything"]
        name = self._references["#anything"] = self._rules.reserve("value")
        space, text = self._space(), self._text()
        pair = self._rules.add("pair", f'{text} ":" {space} {name}')
        entries = _listed(self._rules, pair, 0, None, space)
        items = _listed(self._rules, name, 0, None, space)
        return self._rules.define(
            name,
            f'"{{" {space} {entries} {space} "}}" | "[" {space} {items} {space} "]" | {text} | '
            f'{self._rules.add("number", numbers.NUMBER)} | "true" | "false" | "null"',
        )

    def _space(self) -> str:
        return self._rules.add("space", SPACE)

    def _character(self) -> str:
        return self._rules.add("character", _CHARACTER)

    def _text(self) -> str:
        return self._rules.add("string", f"{_QUOTE} {self._character()}* {_QUOTE}")


def _listed(rules: Rules, item: str, low: int, high: int | None, space: str) -> str:
    """Items with commas between."""
    another = rules.add("another", f'"," {space} {item}')
    inner = f"{item} {repeated(rules, another, max(low - 1, 0), None if high is None else high - 1)}".strip()
    return inner if low else f"({inner})?"


def _refuse_unenforced(schema: Mapping[str, Any]) -> None:
    for keyword in sorted(_REFUSED & schema.keys()):
        if keyword not in _HARMLESS or schema[keyword] != _HARMLESS[keyword]:
            raise SchemaError(f"{keyword!r} cannot be enforced by a grammar")


def _types(schema: Mapping[str, Any]) -> Sequence[str]:
    given = schema.get("type")
    if given is None:
        guessed = merge.guessed(schema)
        return (guessed,) if guessed else _TYPES
    kinds = given if isinstance(given, list) else [given]
    if not kinds or any(kind not in _TYPES for kind in kinds):
        raise SchemaError("one of its types is none")
    return [*kinds, "null"] if schema.get("nullable") is True and "null" not in kinds else kinds


def _schemas(value: Any, keyword: str) -> list[Any]:
    if not isinstance(value, list) or (not value and keyword != "prefixItems"):
        raise SchemaError(f"its {keyword!r} is no list of schemas")
    return value


def _mapping(schema: Mapping[str, Any], keyword: str) -> dict[str, Any]:
    value = schema.get(keyword, {})
    if not isinstance(value, Mapping):
        raise SchemaError(f"its {keyword!r} is no object")
    return dict(value)


def _names(schema: Mapping[str, Any]) -> list[str]:
    value = schema.get("required", [])
    if not isinstance(value, list) or any(not isinstance(name, str) for name in value):
        raise SchemaError("its 'required' is no list of names")
    return list(dict.fromkeys(value))


def _but(schema: Mapping[str, Any], keyword: str) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key != keyword}
