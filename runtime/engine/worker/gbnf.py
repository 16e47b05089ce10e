"""JSON Schemas as grammars, alone or with each schema's rules under a name of their own."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from runtime.errors import EngineError
from runtime.grammar.rules import SchemaError
from runtime.grammar.schema import grammar_of

_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9-]*")
_TOKEN = re.compile(
    r"""
    (?P<keep> "(?:[^"\\]|\\.)*" | \[(?:[^\]\\]|\\.)*\] | \{[0-9,\s]*\} | \#[^\n]* )  # text, characters, counts, remarks
    | (?P<name> [a-zA-Z][a-zA-Z0-9-]* )
    """,
    re.VERBOSE,
)


def grammar_of_schema(schema: str) -> str:
    """GBNF for the documents a JSON Schema describes. Raises `EngineError` where it cannot be told."""
    try:
        return grammar_of(json.loads(schema))
    except SchemaError as error:
        raise EngineError(f"The JSON Schema cannot be used: {error.message}.") from None
    except (ValueError, RecursionError):
        raise EngineError("The JSON Schema cannot be used: it is no JSON.") from None


def with_schemas(grammar: str, schemas: Mapping[str, str]) -> str:
    """The grammar, and for each schema the rules it is told in; the rule `name` is the whole document.

    Raises `EngineError` where a schema cannot be told, or a name is none.
    """
    parts = [grammar]
    for name, schema in schemas.items():
        if not _NAME.fullmatch(name) or name == "root":
            raise EngineError(f"A schema cannot be called {name!r} in a grammar: letters, digits and dashes only.")
        parts.append(_renamed(grammar_of_schema(schema), name))
    return "\n".join(parts)


def _renamed(rules: str, name: str) -> str:
    """Every rule's name with a prefix; `root` becomes `name`."""

    def rename(found: re.Match[str]) -> str:
        if found["name"] is None:
            return found[0]
        return name if found["name"] == "root" else f"{name}-{found['name']}"

    return _TOKEN.sub(rename, rules)
