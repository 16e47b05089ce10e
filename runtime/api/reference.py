"""`GET /docs`: the OpenAPI document as a page to read. It is one file: it loads nothing, from here or elsewhere."""

from __future__ import annotations

from html import escape
from typing import Any

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
:root { color-scheme: light dark }
code, th { font-family: ui-monospace, monospace; font-size: 0.9em }
summary { cursor: pointer; padding: 0.3rem 0 }
table { border-collapse: collapse; margin: 0.5rem 0 1rem 1rem }
td, th { text-align: left; vertical-align: top; padding: 0.15rem 1rem 0.15rem 0; font-weight: normal }
"""
HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
"""The browser holds the page to its promise."""


def page(document: dict[str, Any]) -> str:
    """The page for an OpenAPI document."""
    groups: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            tag = operation.get("tags", ["server"])[0]
            groups.setdefault(tag, []).append(_operation(method, path, operation, document["components"]["schemas"]))
    sections = "".join(f"<h2>{escape(tag)}</h2>{''.join(told)}" for tag, told in groups.items())
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>API</title><style>{_STYLE}</style><h1>API</h1>'
        f'<p>The same as a document for programs: <a href="openapi.json">openapi.json</a>.</p>{sections}</html>'
    )


def _operation(method: str, path: str, operation: dict[str, Any], schemas: dict[str, Any]) -> str:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    fields = schemas.get(str(body.get("$ref", "")).rpartition("/")[2], {})
    rows = "".join(
        f"<tr><th>{escape(name)}{'*' if name in fields.get('required', ()) else ''}"
        f"<td>{escape(_type(field))}<td>{escape(field.get('description', ''))}"
        for name, field in fields.get("properties", {}).items()
    )
    head = f"<code>{method.upper()} {escape(path)}</code> {escape(operation.get('summary', ''))}"
    return f"<details><summary>{head}</summary><table>{rows}</table></details>"


def _type(field: dict[str, Any]) -> str:
    """A short word for a field's type."""
    ways = field.get("anyOf", [field])
    words = [str(way.get("type") or str(way.get("$ref", "any")).rpartition("/")[2]) for way in ways]
    return " or ".join(dict.fromkeys(word for word in words if word != "null"))
