from __future__ import annotations

import json

import pytest

from runtime.engine.worker.gbnf import grammar_of_schema, with_schemas
from runtime.errors import EngineError


def test_what_cannot_be_told_is_told_with_the_reason() -> None:
    with pytest.raises(EngineError, match="nothing is ever fetched"):
        grammar_of_schema('{"$ref": "https://example.org/a"}')
    with pytest.raises(EngineError, match="no JSON"):
        grammar_of_schema("{")


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
