from __future__ import annotations

import json

import pytest

from runtime.engine.bindings import grammar_of_schema
from runtime.engine.worker.gbnf import with_schemas
from runtime.errors import EngineError


def test_a_string_holds_no_control_characters_and_a_document_may_end_its_line() -> None:
    grammar = grammar_of_schema(json.dumps({"type": "object", "properties": {"a": {"type": "string"}}}))
    rules = dict(line.split(" ::= ", 1) for line in grammar.splitlines())
    assert rules["char"].startswith('[^"\\\\\\x7F\\x00-\\x1F] |')
    assert '"\\n"' in rules["space"]
    assert rules["root"].endswith("space")


def test_schemas_in_one_grammar_keep_their_rules_apart_and_their_texts_as_they_are() -> None:
    schemas = {
        "one": json.dumps({"type": "object", "properties": {"root": {"enum": ["char", "a-b [c] # d"]}}}),
        "two": json.dumps({"type": "string", "maxLength": 3}),
    }
    lines = with_schemas('root ::= "<" one | two', schemas).splitlines()
    names = [line.split(" ::= ")[0] for line in lines]
    assert len(names) == len(set(names))
    assert {"root", "one", "two"} <= set(names)
    assert all(name == "root" or name.split("-")[0] in ("one", "two") for name in names)
    text = "\n".join(lines)
    assert '"\\"a-b [c] # d\\""' in text
    assert '"\\n"{1,2} [' in text


@pytest.mark.parametrize("name", ["root", "", "a b", "1", 'a ::= "b"'])
def test_a_schema_is_named_as_a_rule_can_be(name: str) -> None:
    with pytest.raises(EngineError, match="cannot be called"):
        with_schemas('root ::= "a"', {name: "{}"})
