# ruff: noqa: E501 - one row is one schema
"""What `bench.grammars` asks of both sides: schemas with documents, grammars that are dear, and JSON Schema's keywords."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

_PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer", "minimum": 0, "maximum": 130},
        "email": {"type": "string", "pattern": "^[a-z.]+@[a-z]+\\.(com|org)$"},
        "tags": {"type": "array", "items": {"enum": ["student", "teacher", "guest"]}},
        "active": {"type": "boolean"},
    },
    "required": ["name", "age", "email", "tags", "active"],
    "additionalProperties": False,
}
_PERSONS = {"type": "array", "items": _PERSON, "minItems": 1}
_PROSE = {
    "type": "object",
    "properties": {"summary": {"type": "string"}},
    "required": ["summary"],
    "additionalProperties": False,
}
_WORDS = (
    "The teacher asks a question and the students think about the answer. A river carries water through the garden, and "
    "every morning the light is a little brighter than it was before. Für größere Fragen gibt es später noch Zeit. "
)

DOCUMENTS: dict[str, tuple[dict[str, Any], Any]] = {
    "records": (_PERSONS, [
        {"name": name, "age": 20 + 7 * number, "email": f"{name.lower()}@example.com", "tags": ["student", "guest"], "active": number % 2 == 0}
        for number, name in enumerate(["Alice", "Bertrand", "Chiyo", "Dmitri", "Elena", "Farouk"])
    ]),
    "prose": (_PROSE, {"summary": _WORDS * 3}),
}  # fmt: skip
"""Schemas, and a document of each that is drawn token by token."""

SCHEMAS: dict[str, dict[str, Any]] = {
    "5 members": _PERSON,
    "50 members": {
        "type": "object",
        "properties": {
            f"field_{number}": {"type": ["string", "integer", "boolean"][number % 3]} for number in range(50)
        },
        "required": [f"field_{number}" for number in range(0, 50, 2)],
        "additionalProperties": False,
    },
    "enum of 500": {"enum": [f"Country number {number:03} of the list" for number in range(500)]},
    "nested arrays": {
        "type": "array",
        "items": {
            "type": "array",
            "items": {"type": "array", "items": {"type": "number"}, "maxItems": 20},
            "maxItems": 20,
        },
        "maxItems": 20,
    },
    "pattern": {"type": "string", "pattern": "^(\\([0-9]{3}\\))?[0-9]{3}-[0-9]{4}( ext\\. [0-9]{1,5})?$"},
    "bounded numbers": {
        "type": "object",
        "properties": {
            "a": {"type": "integer", "minimum": -273, "maximum": 15_000},
            "b": {"type": "number", "minimum": 0.25, "exclusiveMaximum": 99.5},
            "c": {"type": "number", "exclusiveMinimum": -1e6},
        },
        "required": ["a", "b", "c"],
    },
}
"""What a conversation begins with."""

_MANY = {f"k{number}": {"type": "string"} for number in range(60)}
_DEEP = {
    f"d{level}": {
        "type": "object",
        "properties": {"a": {"$ref": f"#/$defs/d{level + 1}"}, "b": {"$ref": f"#/$defs/d{level + 1}"}},
    }
    for level in range(30)
} | {"d30": {"const": 1}}

DEAR: dict[str, dict[str, Any] | str] = {
    '("a"?){30}': 'root ::= ("a"?){30}',
    '("a"? "b"? "c"?){50}': 'root ::= ("a"? "b"? "c"?){50}',
    '(("a"*)*)* "b"': 'root ::= (("a"*)*)* "b"',
    '("a" | "b")* thirty times': "root ::= " + '("a" | "b")* ' * 30 + '"c"',
    "words with space that may be missing": "root ::= (word ws)*\nword ::= [a-z]+\nws ::= [ ]*",
    '"a" root "b" | "a" root "c" | "d"': 'root ::= "a" root "b" | "a" root "c" | "d"',
    "60 rules that begin alike": "\n".join(f"r{n} ::= r{n + 1} | r{n + 1}" for n in range(60)) + '\nr60 ::= "a"\nroot ::= r0',
    "left recursion": 'root ::= root "a" | "a"',
    "JSON as llama.cpp's example has it": r"""root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws
object ::= "{" ws ( string ":" ws value ("," ws string ":" ws value)* )? "}" ws
array  ::= "[" ws ( value ("," ws value)* )? "]" ws
string ::= "\"" ( [^"\\\x7F\x00-\x1F] | "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) )* "\"" ws
number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws
ws     ::= | " " | "\n" [ \t]{0,20}""",
    "enum of 5,000": {"enum": [f"Entry {number:04} of a very long list of words" for number in range(5000)]},
    "minItems = maxItems = 200": {"type": "array", "items": {"type": "integer"}, "minItems": 200, "maxItems": 200},
    "maxItems 200 of objects": {"type": "array", "items": _PERSON, "maxItems": 200},
    "maxLength 100,000": {"type": "string", "maxLength": 100_000},
    "pattern (a?){30}a{30}": {"type": "string", "pattern": "^(a?){30}a{30}$"},
    "pattern (a|aa)+": {"type": "string", "pattern": "^(a|aa)+$"},
    "pattern [ab]*a[ab]{20}": {"type": "string", "pattern": "^[ab]*a[ab]{20}$"},
    "60 members, none required": {"type": "object", "properties": _MANY, "additionalProperties": False},
    "anyOf of 100 objects that begin alike": {"anyOf": [{"type": "object", "properties": {"kind": {"const": f"k{number}"}, f"value{number}": {"type": "string"}}, "required": ["kind", f"value{number}"], "additionalProperties": False} for number in range(100)]},
    "30 definitions that use the next twice": {"$ref": "#/$defs/d0", "$defs": _DEEP},
}  # fmt: skip
"""Grammars (text) and schemas that are known to be dear, or look so."""

LARK = {'("a"?){30}': 'start: ("a"?){30}', '(("a"*)*)* "b"': 'start: (("a"*)*)* "b"'}
"""The same in llguidance's own language, where its translator does not take the GBNF."""


@dataclass(frozen=True, slots=True)
class Feature:
    """A keyword, with documents that follow it and documents that do not."""

    name: str
    schema: Any
    good: tuple[Any, ...]
    bad: tuple[Any, ...]

    def texts(self, documents: tuple[Any, ...]) -> list[tuple[str, ...]]:
        """The documents, each written with spaces and without."""
        return [
            tuple(json.dumps(one, ensure_ascii=False, separators=how) for how in ((", ", ": "), (",", ":")))
            for one in documents
        ]


def _string(**keywords: Any) -> dict[str, Any]:
    return {"type": "string", **keywords}


def _object(**keywords: Any) -> dict[str, Any]:
    return {"type": "object", **keywords}


_NODE = _object(
    properties={"v": {"type": "integer"}, "next": {"anyOf": [{"$ref": "#/$defs/n"}, {"type": "null"}]}},
    required=["v", "next"],
    additionalProperties=False,
)
_A, _B = (
    _object(properties={"a": {"type": "integer"}}, required=["a"]),
    {"properties": {"b": {"type": "string"}}, "required": ["b"]},
)

FEATURES = (
    Feature("type", {"type": "integer"}, (1, -5), ("x", 1.5, None)),
    Feature("type, several", {"type": ["string", "null"]}, ("x", None), (1, [])),
    Feature("no type beside a keyword of one", {"minimum": 5}, (5, "x"), (4,)),
    Feature("const", {"const": {"a": [1, None]}}, ({"a": [1, None]},), ({"a": [1]}, 1)),
    Feature("enum", {"enum": ["a", 1, None]}, ("a", 1, None), ("b", 2)),
    Feature("anyOf", {"anyOf": [{"type": "integer"}, {"type": "null"}]}, (1, None), ("x",)),
    Feature("oneOf, apart", {"oneOf": [{"type": "integer"}, {"type": "string"}]}, (1, "x"), (None,)),
    Feature("oneOf, overlapping", {"oneOf": [{"type": "integer", "minimum": 0}, {"type": "integer", "maximum": 9}]}, (-1, 10), (5,)),
    Feature("allOf", {"allOf": [_A, _B]}, ({"a": 1, "b": "x"},), ({"a": 1}, {"b": "x"})),
    Feature("$ref, recursive", {"$ref": "#/$defs/n", "$defs": {"n": _NODE}}, ({"v": 1, "next": {"v": 2, "next": None}},), ({"v": 1}, {"v": 1, "next": {"v": "x", "next": None}})),
    Feature("$ref beside others", {"$ref": "#/$defs/n", "minimum": 5, "$defs": {"n": {"type": "integer", "maximum": 9}}}, (5, 9), (4, 10)),
    Feature("$anchor", {"$ref": "#here", "$defs": {"x": {"$anchor": "here", "type": "integer"}}}, (1,), ("x",)),
    Feature("$dynamicRef", {"$dynamicAnchor": "n", "type": "object", "properties": {"k": {"$dynamicRef": "#n"}}, "additionalProperties": False}, ({"k": {}},), ({"k": 1},)),
    Feature("$ref to elsewhere", {"$ref": "https://json-schema.org/draft/2020-12/schema"}, ({},), (1,)),
    Feature("properties, required", _object(properties={"a": {"type": "integer"}, "b": {"type": "integer"}}, required=["b"]), ({"b": 1}, {"a": 1, "b": 2}), ({"a": 1}, {"b": "x"})),
    Feature("members in another order", _object(properties={"a": {"type": "integer"}, "b": {"type": "integer"}}), ({"b": 1, "a": 2},), ({"b": "x", "a": 1},)),
    Feature("further members, unsaid", _object(properties={"a": {"type": "integer"}}), ({"a": 1, "z": 2}, {"z": 1}), ({"a": "x"},)),
    Feature("additionalProperties false", _object(properties={"a": {}}, additionalProperties=False), ({"a": 1}, {}), ({"b": 1}, {"a": 1, "b": 1})),
    Feature("additionalProperties, schema", _object(properties={"a": {"type": "string"}}, additionalProperties={"type": "integer"}), ({"a": "x", "b": 1},), ({"a": 1}, {"b": "x"})),
    Feature("patternProperties", _object(patternProperties={"^n": {"type": "integer"}}, additionalProperties=False), ({"n1": 1},), ({"n1": "x"}, {"x": 1})),
    Feature("propertyNames", _object(propertyNames={"pattern": "^[a-z]+$"}), ({"ab": 1},), ({"A": 1},)),
    Feature("minProperties, maxProperties", _object(minProperties=1, maxProperties=2), ({"a": 1}, {"a": 1, "b": 2}), ({}, {"a": 1, "b": 2, "c": 3})),
    Feature("minProperties beside properties", _object(properties={"a": {}, "b": {}}, additionalProperties=False, minProperties=1), ({"a": 1}, {"b": 1}), ({},)),
    Feature("dependentRequired", _object(properties={"a": {}, "b": {}}, dependentRequired={"a": ["b"]}), ({"a": 1, "b": 1}, {"b": 1}), ({"a": 1},)),
    Feature("dependentSchemas", _object(properties={"a": {}, "b": {}}, dependentSchemas={"a": {"required": ["b"]}}), ({"a": 1, "b": 1},), ({"a": 1},)),
    Feature("if, then, else", _object(properties={"a": {"type": "integer"}, "b": {}}, **{"if": {"properties": {"a": {"const": 1}}}, "then": {"required": ["b"]}}), ({"a": 2}, {"a": 1, "b": 1}), ({"a": 1},)),
    Feature("not", {"type": "integer", "not": {"const": 3}}, (4,), (3,)),
    Feature("unevaluatedProperties", {"allOf": [_A], "unevaluatedProperties": False}, ({"a": 1},), ({"a": 1, "b": 1},)),
    Feature("minimum, maximum (integer)", {"type": "integer", "minimum": -5, "maximum": 120}, (-5, 0, 120), (-6, 121)),
    Feature("exclusive bounds (integer)", {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 10}, (1, 9), (0, 10)),
    Feature("minimum, maximum (number)", {"type": "number", "minimum": 0.5, "maximum": 12.25}, (0.5, 1, 12.25), (0.4, 12.3)),
    Feature("exclusive bounds (number)", {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, (0.5, 0.001), (0, 1, 1.5)),
    Feature("numbers with an exponent", {"type": "number"}, (1.5e-07, 1e30), ("x",)),
    Feature("multipleOf (integer)", {"type": "integer", "multipleOf": 5}, (5, 10), (7,)),
    Feature("multipleOf (decimal)", {"type": "number", "multipleOf": 0.25}, (0.5, 1), (0.3,)),
    Feature("minLength, maxLength", _string(minLength=2, maxLength=3), ("ab", "äöü"), ("a", "abcd")),
    Feature("pattern", _string(pattern="^[a-z]{2,4}-[0-9]+$"), ("ab-1", "abcd-123"), ("a-1", "ab-", "ab-1x")),
    Feature("pattern, not anchored", _string(pattern="b+"), ("abc", "b"), ("ac",)),
    Feature("pattern with escapes", _string(pattern='^[^a-y]"\\\\$'), ('z"\\',), ('a"\\',)),
    Feature("pattern that looks ahead", _string(pattern="^(?=.*[0-9])[a-z0-9]+$"), ("a1",), ("ab",)),
    Feature("pattern with a back reference", _string(pattern="^(a|b)\\1$"), ("aa",), ("ab",)),
    Feature("pattern with \\p", _string(pattern="^\\p{L}+$"), ("aé",), ("1",)),
    Feature("pattern and maxLength", _string(pattern="^a+$", maxLength=3), ("aaa",), ("aaaa", "b")),
    Feature("format date", _string(format="date"), ("2024-02-28",), ("2024-13-01", "x")),
    Feature("format date, last of a month", _string(format="date"), ("2024-12-31",), ("2024-04-31",)),
    Feature("format date-time", _string(format="date-time"), ("2024-02-28T12:30:00Z",), ("2024-02-28", "x")),
    Feature("format uuid", _string(format="uuid"), ("123e4567-e89b-12d3-a456-426614174000",), ("123e4567",)),
    Feature("format ipv4", _string(format="ipv4"), ("192.168.0.1",), ("192.168.0.256",)),
    Feature("format email", _string(format="email"), ("a@example.com",), ("a",)),
    Feature("format uri", _string(format="uri"), ("https://example.com/a?b=c",), ("no uri",)),
    Feature("format ipv6", _string(format="ipv6"), ("::1",), ("1::2::3",)),
    Feature("format, unknown", _string(format="colour"), ("red",), ()),
    Feature("format and maxLength", _string(format="date", maxLength=10), ("2024-02-28",), ("x", "2024-02-281")),
    Feature("format and pattern", _string(format="date", pattern="^2024"), ("2024-02-28",), ("2024", "2023-02-28")),
    Feature("items", {"type": "array", "items": {"type": "integer"}}, ([], [1, 2]), (["x"], {})),
    Feature("minItems, maxItems", {"type": "array", "minItems": 1, "maxItems": 2}, ([1], [1, 2]), ([], [1, 2, 3])),
    Feature("prefixItems, closed", {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "items": False, "minItems": 2}, ([1, "x"],), ([1, 2], [1, "x", 3], [1])),
    Feature("prefixItems, fewer than named", {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]}, ([1], []), (["x"],)),
    Feature("prefixItems, more than named", {"type": "array", "prefixItems": [{"type": "integer"}], "items": {"type": "string"}}, ([1, "x", "y"],), ([1, 2],)),
    Feature("uniqueItems", {"type": "array", "uniqueItems": True}, ([1, 2],), ([1, 1],)),
    Feature("contains", {"type": "array", "contains": {"const": 1}}, ([2, 1],), ([2],)),
    Feature("anyOf beside properties", {**_A, "anyOf": [{"properties": {"b": {"const": 1}}, "required": ["b"]}, {"properties": {"c": {"const": 1}}, "required": ["c"]}]}, ({"a": 1, "b": 1}, {"a": 1, "c": 1}), ({"a": 1}, {"b": 1})),
    Feature("anyOf and oneOf together", {"anyOf": [{"minimum": 3}, {"maximum": -3}], "oneOf": [{"type": "integer"}], "type": "number"}, (4, -4), (0, 3.5)),
    Feature("enum and pattern", {"enum": ["ab", "cd"], "pattern": "^a"}, ("ab",), ("cd",)),
    Feature("enum and minimum", {"enum": [1, 5], "minimum": 3}, (5,), (1,)),
    Feature("const and anyOf", {"const": 1, "anyOf": [{"type": "integer"}, {"type": "null"}]}, (1,), (None, 2)),
    Feature("content of a misspelled keyword", _string(maxLenght=3), ("abcdef",), ()),
    Feature("false", _object(properties={"a": False}), ({},), ({"a": 1},)),
)  # fmt: skip
