"""The OpenAPI document: what the dialects' tables and the models of their bodies say. Made when asked for."""

from __future__ import annotations

import inspect
import re
from typing import Any

from pydantic.json_schema import models_json_schema

from runtime.api.dialects import DIALECTS, Dialect

_REFERENCE = "#/components/schemas/{model}"
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """The document with every dialect's paths, and with the shapes of errors there really are."""
    models = {model for dialect in DIALECTS for model in dialect.load().BODIES.values()}
    ordered = sorted(models, key=lambda model: str(model.__name__))
    _, schemas = models_json_schema([(model, "validation") for model in ordered], ref_template=_REFERENCE)
    document["components"] = {"schemas": {**schemas["$defs"], "Error": _ERROR}}
    paths = document["paths"]
    for dialect in DIALECTS:
        for address, function in dialect.routes.items():
            method, path = address.split(" ")
            operations = paths.setdefault(path.replace(":path}", "}"), {})
            operations[method.lower()] = _operation(dialect, method, path, function)
    openai_error = {"description": "Error", "content": _json(_reference("Error"))}
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
            operation["responses"].setdefault("default", openai_error)
    return document


def _operation(dialect: Dialect, method: str, path: str, function: str) -> dict[str, Any]:
    module = dialect.load()
    operation: dict[str, Any] = {
        "operationId": f"{method.lower()}_{re.sub(r'[^a-z0-9]+', '_', path.lower()).strip('_')}",
        "tags": [dialect.name],
        "summary": (inspect.getdoc(getattr(module, function)) or "").split("\n")[0],
        "responses": {"200": {"description": "Successful answer", "content": _json({})}},
    }
    if names := re.findall(r"{(\w+)", path):
        operation["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
        ]
    if body := module.BODIES.get(function):
        operation["requestBody"] = {"required": True, "content": _json(_reference(body.__name__))}
        if "stream" in body.model_fields:
            media = "application/x-ndjson" if dialect.name == "ollama" else "text/event-stream"
            operation["responses"]["200"]["content"][media] = {"schema": {"type": "string"}}
    if dialect.name != "openai":
        operation["responses"]["default"] = {"description": "Error", "content": _json({"type": "object"})}
    return operation


def _reference(schema: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{schema}"}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
