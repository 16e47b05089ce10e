"""Grammars that refer to JSON Schemas: each schema's rules under a name of their own."""

from __future__ import annotations

import re
from collections.abc import Mapping

from runtime.engine.bindings import grammar_of_schema
from runtime.errors import EngineError

_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9-]*")
_TOKEN = re.compile(
    r"""
    (?P<keep> "(?:[^"\\]|\\.)*" | \[(?:[^\]\\]|\\.)*\] | \{[0-9,\s]*\} | \#[^\n]* )  # text, characters, counts, remarks
    | (?P<name> [a-zA-Z][a-zA-Z0-9-]* )
    """,
    re.VERBOSE,
)


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
