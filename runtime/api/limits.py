"""How large the parts of a request may be, in whatever dialect; a body has its own limit (`door.read_body`)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from runtime.api.errors import invalid
from runtime.grammar.harmless import harmless
from runtime.grammar.rules import Rules, ShapeError
from runtime.grammar.schema import grammar_of, rule_of

MAX_STOPS = 16
MAX_STOP_LENGTH = 1024  # characters
MAX_MESSAGES = 4096
MAX_ANSWERS = 16
MAX_TOOLS = 256
MAX_GRAMMAR = 64 * 1024  # characters
MAX_SCHEMA = 256 * 1024  # characters, written without spaces
MAX_SCHEMA_DEPTH = 64


def checked_stops(stop: str | list[str] | None, param: str = "stop") -> tuple[str, ...]:
    """The strings that end an answer."""
    stops = (stop,) if isinstance(stop, str) else tuple(stop or ())
    if len(stops) > MAX_STOPS:
        raise invalid(f"'{param}' takes at most {MAX_STOPS} strings.", param)
    if "" in stops:
        raise invalid(f"A string in '{param}' is empty; every answer would end before it began.", param)
    if any(len(one) > MAX_STOP_LENGTH for one in stops):
        raise invalid(f"A string in '{param}' is longer than {MAX_STOP_LENGTH} characters.", param)
    return stops


def checked_schema(schema: Any, param: str) -> str:
    """A JSON Schema as a grammar. Raises `ApiError` 400 where none can enforce it."""
    _check_size(schema, param)
    with _refusing(param, "unsupported_schema"):
        return harmless(grammar_of(schema))


def check_advice(schema: Any, param: str) -> None:
    """A JSON Schema that is advice to the model, as the arguments of tools are. Raises `ApiError` 400."""
    _check_size(schema, param)
    with _refusing(param, "unsupported_schema"):
        rule_of(schema, Rules(), lenient=True)


def _check_size(schema: Any, param: str) -> None:
    if not isinstance(schema, dict | bool):
        raise invalid(f"'{param}' must be a JSON Schema, which is an object.", param)
    if _depth(schema) > MAX_SCHEMA_DEPTH:
        raise invalid(f"'{param}' is nested more than {MAX_SCHEMA_DEPTH} levels deep.", param)
    text = json.dumps(schema, separators=(",", ":"))
    if len(text) > MAX_SCHEMA:
        raise invalid(f"'{param}' is longer than {MAX_SCHEMA} characters.", param)


def checked_grammar(grammar: str, param: str = "grammar") -> str:
    """A grammar in GBNF that costs no more than a token may. Raises `ApiError` 400."""
    if len(grammar) > MAX_GRAMMAR:
        raise invalid(f"'{param}' is longer than {MAX_GRAMMAR} characters.", param)
    with _refusing(param, "unsupported_grammar"):
        return harmless(grammar)


@contextmanager
def _refusing(param: str, code: str) -> Iterator[None]:
    try:
        yield
    except ShapeError as error:
        raise invalid(f"'{param}' is refused: {error.message}.", param, code) from None


def _depth(value: Any) -> int:
    """Levels of containers; counted without recursion, and no further than anybody wants to know."""
    depth, level = 0, [value]
    while depth <= MAX_SCHEMA_DEPTH and (level := [one for one in level if isinstance(one, dict | list)]):
        depth += 1
        level = [inner for outer in level for inner in (outer.values() if isinstance(outer, dict) else outer)]
    return depth
