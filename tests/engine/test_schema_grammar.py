from __future__ import annotations

import json

from runtime.engine.bindings import grammar_of_schema


def test_a_string_holds_no_control_characters_and_a_document_may_end_its_line() -> None:
    grammar = grammar_of_schema(json.dumps({"type": "object", "properties": {"a": {"type": "string"}}}))
    rules = dict(line.split(" ::= ", 1) for line in grammar.splitlines())
    assert rules["char"].startswith('[^"\\\\\\x7F\\x00-\\x1F] |')
    assert '"\\n"' in rules["space"]
    assert rules["root"].endswith("space")
