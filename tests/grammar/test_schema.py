# ruff: noqa: E501 - one row is one schema
"""Whatever the grammar of a schema allows, is valid; llama.cpp is the judge of what it allows."""

from __future__ import annotations

import json
import random
import time
from decimal import Decimal
from itertools import combinations
from typing import Any

import jsonschema_rs
import pytest

from runtime.grammar.harmless import harmless
from runtime.grammar.numbers import Bounds, integer, number
from runtime.grammar.patterns import pattern
from runtime.grammar.rules import Rules, SchemaError
from runtime.grammar.schema import grammar_of, rule_of
from runtime.grammar.words import FORMATS, LENGTHS
from tests.grammar.drawing import Drawing
from tests.grammar.schemas import schema

NODE = {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}}, "required": ["next"]}  # fmt: skip


def valid(described: Any, document: Any) -> bool:
    return bool(jsonschema_rs.is_valid(described, document))


def test_every_document_drawn_from_a_random_schemas_grammar_is_valid(llama: Drawing) -> None:
    rng, drawn = random.Random(11), 0
    for _ in range(150):
        described = schema(rng)
        text = llama.draw(grammar_of(described), rng)
        if text is not None:
            assert valid(described, json.loads(text)), (described, text)
            drawn += 1
    assert drawn > 100


@pytest.mark.parametrize(
    ("described", "good", "bad"),
    [
        ({}, ["1", "null", '{"a": [1, {}]}', ' "x"\n'], ["", "{", "nul", '"\x01"']),
        ({"type": "object"}, ["{}", '{"a": 1}'], ["[]", "{1: 2}"]),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, ['{"a": 1, "b": 2}'], ['{"a": "x"}']),
        ({"type": "object", "properties": {"a": {}}}, ["{}", '{"a": 1}'], ['{"b": 1}', '{"a": 1, "a": 2}']),
        ({"type": "object", "properties": {"ab": {"type": "null"}}, "additionalProperties": True},
         ["{}", '{"ab": null, "a": 1, "abc": 2, "": 3}'], ['{"ab": 1}', '{"ab": null, "ab": 1}']),
        ({"type": "object", "required": ["x"]}, ['{"x": 1}', '{"x": 1, "y": 2}'], ["{}"]),
        ({"type": "object", "minProperties": 1, "maxProperties": 2}, ['{"x": 1}', '{"x": 1, "y": 2}'],
         ["{}", '{"a": 1, "b": 2, "c": 3}']),
        ({"properties": {"a": {"const": 1}, "b": {"const": 2}, "c": {"const": 3}}, "required": ["b"]},
         ['{"b": 2}', '{"a": 1, "b": 2}', '{"b": 2, "c": 3}', '{"a": 1, "b": 2, "c": 3}'], ['{"a": 1}', '{"c": 3}', "{}"]),
        ({"type": "array", "minItems": 1, "maxItems": 2}, ["[1]", "[1, {}]"], ["[]", "[1, 2, 3]"]),
        ({"type": "array", "maxItems": 0}, ["[]"], ["[1]"]),
        ({"type": "array", "prefixItems": [{"const": 1}, {"const": 2}], "items": False}, ["[1, 2]"], ["[1, 2, 3]"]),
        ({"type": "string", "minLength": 2, "maxLength": 3}, ['"ab"', '"é世界"', '"\\n\\u00e9"'], ['"a"', '"abcd"']),
        ({"type": "string", "maxLength": 70_000}, ['""', '"' + "a" * 600 + '"'], ["1"]),
        ({"type": "string", "format": "date"}, ['"2024-02-28"'], ['"2024-13-01"', '"2024-02-30"', '"x"']),
        ({"type": ["integer", "null"]}, ["1", "-20", "null"], ["1.5", '"1"', "01"]),
        ({"enum": ["a", 1, None, {"x": [1]}]}, ['"a"', "1", "null", '{"x": [1]}'], ['"b"', "2"]),
        ({"enum": ["a", 1], "type": "string"}, ['"a"'], ["1"]),
        ({"enum": ["a", "ab", "abc", "b", 1, 12, -1]}, ['"a"', '"ab"', '"abc"', '"b"', "1", "12", "-1"], ['"ac"', '""', "2", "-"]),
        ({"enum": [1, 5, "x", None], "minimum": 3}, ["5", '"x"', "null"], ["1"]),
        ({"enum": [1, 2.5], "exclusiveMaximum": 2.5}, ["1"], ["2.5"]),
        ({"enum": ["a", "bc", "def"], "minLength": 2, "maxLength": 2}, ['"bc"'], ['"a"', '"def"']),
        ({"type": "string", "format": "date", "maxLength": 10}, ['"2024-02-28"'], ['"x"', '"2024-2-28"']),
        ({"oneOf": [{"const": 1}, {"type": "string"}]}, ["1", '"x"'], ["2"]),
        ({"allOf": [{"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
                    {"properties": {"b": {"const": 2}}, "required": ["b"]}]}, ['{"a": 1, "b": 2}'], ['{"a": 1}', "{}"]),
        ({"allOf": [{"minimum": 3}, {"maximum": 5}], "type": "integer"}, ["3", "5"], ["2", "6"]),
        ({"$ref": "#/$defs/node", "$defs": {"node": NODE}}, ['{"next": null}', '{"next": {"next": null}}'], ["{}"]),
        ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"const": 1}}}, ["1"], ["2"]),
        ({"type": "object", "properties": {"me": {"$ref": "#"}}}, ["{}", '{"me": {"me": {}}}'], ['{"me": 1}']),
        ({"properties": {"a": {"$ref": "#/$defs/n", "minimum": 5}}, "$defs": {"n": {"type": "integer", "maximum": 6}},
          "required": ["a"]}, ['{"a": 5}', '{"a": 6}'], ['{"a": 4}', '{"a": 7}']),
        ({"type": "boolean", "title": "x", "x-more": 1, "unknown": {}}, ["true"], ["null"]),
    ],
)  # fmt: skip
def test_a_grammar_allows_what_the_schema_does(llama: Drawing, described: Any, good: list[str], bad: list[str]) -> None:
    grammar = grammar_of(described)
    for text in good:
        assert llama.accepts(grammar, text), text
    for text in bad:
        assert not llama.accepts(grammar, text), text


def test_whole_numbers_keep_to_their_bounds(llama: Drawing) -> None:
    rng = random.Random(3)
    for _ in range(25):
        low, high = (None if rng.random() < 0.2 else Decimal(rng.randint(-120, 120)) for _ in range(2))
        bounds = Bounds(low, high, rng.random() < 0.5, rng.random() < 0.5)
        inside = [value for value in range(-130, 131) if within(Decimal(value), bounds)]
        if not inside:
            continue
        grammar = f"root ::= {integer(bounds)}"
        for value in rng.sample(range(-130, 131), 60):
            assert llama.accepts(grammar, str(value)) == (value in inside), (bounds, value)


def test_decimal_numbers_keep_to_their_bounds(llama: Drawing) -> None:
    rng = random.Random(4)
    for _ in range(40):
        low, high = (
            None if rng.random() < 0.2 else Decimal(rng.randint(-300, 300)) / rng.choice([1, 4, 100]) for _ in range(2)
        )
        bounds = Bounds(low, high, rng.random() < 0.5, rng.random() < 0.5)
        try:
            grammar = f"root ::= {number(bounds)}"
        except SchemaError:
            assert low is not None
            assert high is not None
            assert low >= high
            continue
        values = [Decimal(rng.randint(-40_000, 40_000)) / rng.choice([1, 10, 100]) for _ in range(40)]
        values += [
            edge + Decimal(step) / 1000 for edge in (low, high) if edge is not None for step in (-10, -1, 0, 1, 10)
        ]
        for value in values:
            if value == 0 and value.is_signed():
                continue
            text = f"{value:f}"
            assert llama.accepts(grammar, text) == within(value, bounds), (bounds, text)


def within(value: Decimal, bounds: Bounds) -> bool:
    if bounds.low is not None and (value < bounds.low or (bounds.above and value == bounds.low)):
        return False
    return bounds.high is None or not (value > bounds.high or (bounds.below and value == bounds.high))


@pytest.mark.parametrize(
    ("expression", "good", "bad"),
    [
        ("^a+b?$", ["a", "aab"], ["", "b", "abb"]),
        ("b", ["b", "abc", "bb"], ["", "ac"]),
        ("^(?:red|green)-\\d{2,3}$", ["red-12", "green-123"], ["red-1", "blue-12", "red-1234"]),
        ("^[^a-y\\s]$", ["z", "A", "é", "\\"], ["a", " ", "zz"]),
        ('^"\\\\$', ['"\\'], ["x"]),
        ("^[\\w.]+@\\w+\\.(com|org)$", ["a.b@c.com"], ["@c.com", "a@c.net"]),
        ("^x|y$", ["xa", "ay"], ["axa"]),
        ("^\\u0041\\x42[\\]-]$", ["AB]", "AB-"], ["ABC"]),
        ("^(a(b(c)?)?)*?$", ["", "ababc"], ["c"]),
        ("^.{0}$", [""], ["a"]),
        ("", ["", "anything"], []),
    ],
)
def test_patterns_are_what_regular_expressions_mean(
    llama: Drawing, expression: str, good: list[str], bad: list[str]
) -> None:
    grammar = grammar_of({"type": "string", "pattern": expression})
    for text in good:
        assert llama.accepts(grammar, json.dumps(text, ensure_ascii=False)), text
    for text in bad:
        assert not llama.accepts(grammar, json.dumps(text, ensure_ascii=False)), text


@pytest.mark.parametrize(
    "expression", ["(", "a)", "[a", "a**", "*", "(?=a)", "(?<!a)b", "(a)\\1", "a{3,1}", "a{x}", "\\", "a^b", "\\p{L}", "[z-a]", "(" * 99]
)  # fmt: skip
def test_patterns_that_no_grammar_can_follow_are_refused(expression: str) -> None:
    with pytest.raises(SchemaError, match="pattern"):
        pattern(expression, Rules())


DAG = {f"d{level}": {"type": "object", "properties": {"a": {"$ref": f"#/$defs/d{level + 1}"}, "b": {"$ref": f"#/$defs/d{level + 1}"}}} for level in range(40)}  # fmt: skip
DAG["d40"] = {"const": 1}  # type: ignore[dict-item]
BOTH = {f"d{level}": {"allOf": [{"$ref": f"#/$defs/d{level + 1}"}] * 2} for level in range(40)}


@pytest.mark.parametrize(
    ("described", "reason"),
    [
        (False, "no document"),
        ({"$ref": "https://example.org/x"}, "nothing is ever fetched"),
        ({"$ref": "other.json#/a"}, "nothing is ever fetched"),
        ({"properties": {"a": {"$ref": "file:///etc/passwd"}}}, "nothing is ever fetched"),
        ({"$ref": "#/$defs/none"}, "not there"),
        ({"$ref": "#"}, "leads back to itself"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}, {}]}}}, "leads back to itself"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}}, "leads back|too deeply|too large"),
        ({"$ref": "#/$defs/d0", "$defs": BOTH}, "not there|too large"),
        ({"type": "array", "uniqueItems": True}, "'uniqueItems' cannot be enforced"),
        ({"not": {"type": "string"}}, "'not' cannot"),
        ({"type": "number", "multipleOf": 0.1}, "'multipleOf'"),
        ({"type": "object", "patternProperties": {"a": {}}}, "'patternProperties'"),
        ({"type": "string", "pattern": "a", "minLength": 3}, "beside 'pattern'"),
        ({"enum": ["ab", "cd"], "pattern": "^a"}, "'enum' or 'const' beside 'pattern'"),
        ({"const": {"a": 1}, "properties": {"a": {"type": "string"}}}, "'enum' or 'const' beside 'properties'"),
        ({"type": "string", "format": "date-time", "maxLength": 20}, "'minLength' or 'maxLength' beside 'format'"),
        ({"enum": [1], "minimum": 3}, "no value"),
        ({"type": "strnig"}, "types is none"),
        ({"type": "string", "minLength": 5, "maxLength": 2}, "longer than it may"),
        ({"type": "integer", "minimum": 1.2, "maximum": 1.8}, "no whole number"),
        ({"type": "number", "exclusiveMinimum": 1, "maximum": 1}, "no number"),
        ({"type": "integer", "minimum": 1e300}, "too many digits"),
        ({"type": "string", "minLength": 10**9}, "no answer is that long"),
        ({"enum": []}, "no value"),
        ({"anyOf": []}, "no list of schemas"),
        ({"items": 3}, "no schema"),
        ({"properties": []}, "no object"),
        ({"required": "a"}, "list of names"),
    ],
)
def test_a_schema_that_cannot_be_enforced_is_refused_with_the_reason(described: Any, reason: str) -> None:
    with pytest.raises(SchemaError, match=reason):
        grammar_of(described)


@pytest.mark.parametrize("more", [True, False])
def test_members_may_be_left_out_unless_they_are_required(llama: Drawing, more: bool) -> None:
    names = ("a", "ab", "b")
    for required in combinations_of(names):
        described = {
            "properties": {name: {"const": 1} for name in names},
            "required": [*required],
            "additionalProperties": more,
        }
        grammar = grammar_of(described)
        for chosen in combinations_of(names):
            members = dict.fromkeys(chosen, 1)
            assert llama.accepts(grammar, json.dumps(members)) == ({*required} <= {*chosen}), (required, chosen)
            assert llama.accepts(grammar, json.dumps({**members, "z": 0})) == (more and {*required} <= {*chosen})


def combinations_of(names: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [chosen for size in range(len(names) + 1) for chosen in combinations(names, size)]


def test_an_object_may_have_many_members_that_may_be_left_out() -> None:
    grammar = grammar_of({"properties": {f"member{number}": {"type": "string"} for number in range(40)}})
    assert harmless(grammar) == grammar


@pytest.mark.parametrize("longest", [500, 1000, 2000])
def test_a_string_may_be_as_long_as_people_say(llama: Drawing, longest: int) -> None:
    grammar = grammar_of({"properties": {"a": {"type": "string", "maxLength": longest}, "b": {"type": "string"}}})
    assert harmless(grammar) == grammar
    assert llama.accepts(grammar, json.dumps({"a": "x" * longest}))
    assert not llama.accepts(grammar, json.dumps({"a": "x" * (longest + 1)}))


def test_a_long_list_of_words_is_read_in_few_ways(llama: Drawing) -> None:
    names = [f"Country {number:04}" for number in range(2000)] + [f"{number} more" for number in range(2000)]
    grammar = grammar_of({"enum": names})
    assert harmless(grammar) == grammar
    assert llama.accepts(grammar, '"Country 0815"')
    assert not llama.accepts(grammar, '"Country 2000"')


@pytest.mark.parametrize("form", FORMATS)
def test_a_format_is_as_long_as_it_is_said_to_be(llama: Drawing, form: str) -> None:
    rng, (least, most) = random.Random(8), LENGTHS[form]
    for _ in range(20):
        assert least <= len(llama.draw(f"root ::= {FORMATS[form]}", rng) or "") <= most


def test_definitions_that_use_each_other_twice_stay_small() -> None:
    assert len(grammar_of({"$ref": "#/$defs/d0", "$defs": DAG})) < 20_000


def test_hostile_schemas_end_soon() -> None:
    wide = {"type": "object", "properties": {f"k{number}": {"type": "object", "properties": {f"m{other}": {"enum": [number, other]} for other in range(60)}} for number in range(60)}}  # fmt: skip
    deep: Any = {}
    for _ in range(5000):
        deep = {"items": deep}
    begin = time.perf_counter()
    assert grammar_of(wide)
    with pytest.raises(SchemaError):
        grammar_of(deep)
    with pytest.raises(SchemaError, match="too large"):
        grammar_of(
            {"type": "object", "properties": {f"k{number}": {"enum": ["x" * 900, number]} for number in range(3000)}}
        )
    assert time.perf_counter() - begin < 10


def test_advice_to_a_model_is_passed_over_where_a_grammar_cannot_enforce_it(llama: Drawing) -> None:
    rules = Rules()
    described = {"type": "array", "items": {"type": "string", "pattern": "(?=x)", "minLength": 1}, "uniqueItems": True}
    name = rule_of(described, rules, lenient=True)
    assert llama.accepts(rules.text(name), '["a", "a"]')
    name = rule_of({"enum": ["ab", "cd"], "pattern": "^a"}, rules, lenient=True)
    assert llama.accepts(rules.text(name), '"cd"')
    with pytest.raises(SchemaError, match="fetched"):
        rule_of({"$ref": "http://example.org"}, Rules(), lenient=True)
