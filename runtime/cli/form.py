"""`--json-schema` and `--grammar`: the form of an answer, from a file or from the command line itself."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from runtime.errors import UsageError


def add_form_flags(parser: argparse.ArgumentParser) -> None:
    """Of verbs that give one answer; no more than one of them."""
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--json-schema", metavar="FILE|TEXT", help="answer with JSON that this schema allows; a file, or the schema"
    )
    form.add_argument(
        "--grammar", metavar="FILE|TEXT", help="answer as this grammar (GBNF) allows; a file, or the grammar"
    )


def grammar_of_flags(args: argparse.Namespace) -> str | None:
    """The grammar the answer follows, if one was asked for. Raises `UsageError` where there is none for it."""
    if args.json_schema is not None:
        flag, given = "--json-schema", args.json_schema
        text = given if given.lstrip().startswith("{") else _content(flag, given, "a JSON Schema")
    elif args.grammar is not None:
        flag, given = "--grammar", args.grammar
        text = given if "::=" in given else _content(flag, given, "a grammar")
    else:
        return None
    from runtime.grammar.harmless import harmless
    from runtime.grammar.rules import ShapeError
    from runtime.grammar.schema import grammar_of

    try:
        return harmless(grammar_of(_schema(text)) if flag == "--json-schema" else text)
    except ShapeError as error:
        raise UsageError(f"{flag} cannot be used: {error.message.rstrip('.')}.") from None
    except RecursionError:
        raise UsageError(f"{flag} cannot be used: it is nested too deeply.") from None


def _content(flag: str, name: str, what: str) -> str:
    try:
        return Path(name).expanduser().read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        reason = "is not UTF-8 text"
    except (OSError, ValueError) as error:
        reason = f"cannot be read: {getattr(error, 'strerror', None) or error}"
    raise UsageError(f"{flag}: {name[:200]} {reason}.", f"Give a file, or {what} as it is.")


def _schema(text: str) -> Any:
    try:
        schema = json.loads(text)
    except ValueError as error:
        raise UsageError(f"--json-schema is no JSON: {error}.", "Quote it so that the shell leaves it alone.") from None
    if not isinstance(schema, dict | bool):
        raise UsageError("--json-schema must be a JSON Schema, which is an object.")
    return schema
