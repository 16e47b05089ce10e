"""The OpenAPI document: what the dialects' tables and the models of their bodies say. Made when asked for."""

from __future__ import annotations

import inspect
import re
from typing import Any

from pydantic.json_schema import models_json_schema

from runtime.api.dialects import DIALECTS, Dialect
from runtime.api.shapes import ANSWERS, ERRORS, STREAMS

_REFERENCE = "#/components/schemas/{model}"
_KEYS = {"bearer": {"type": "http", "scheme": "bearer"}, "key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"}}

_STATUS = {"type": "object", "properties": {"status": {"type": "string"}}, "required": ["status"]}


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """The document with every dialect's paths, and with the shapes of errors there really are."""
    models = {model for dialect in DIALECTS for model in dialect.load().BODIES.values()}
    ordered = sorted(models, key=lambda model: str(model.__name__))
    _, schemas = models_json_schema([(model, "validation") for model in ordered], ref_template=_REFERENCE)
    errors = {f"Error-{dialect}": shape for dialect, shape in ERRORS.items()}
    document["components"] = {"schemas": {**schemas["$defs"], **errors}, "securitySchemes": _KEYS}
    document["security"] = [{}, *({name: []} for name in _KEYS)]  # only where the server was started with keys
    paths = document["paths"]
    for dialect in DIALECTS:
        for address, function in dialect.routes.items():
            method, path = address.split(" ")
            operations = paths.setdefault(path.replace(":path}", "}"), {})
            operations[method.lower()] = _operation(dialect, method, path, function)
    for path in paths.values():
        for operation in path.values():
            operation["responses"].pop("422", None)
            operation["responses"].setdefault("default", _error("openai"))
    for told in (paths["/health"]["get"], paths["/api/retry"]["post"]):
        told["responses"]["503"] = _answer("Not ready", _STATUS)
        told["responses"]["200"] = _answer("The model answers", _STATUS)
    return document


def _operation(dialect: Dialect, method: str, path: str, function: str) -> dict[str, Any]:
    module = dialect.load()
    found: dict[str, Any] = {"description": "Successful answer"}
    if function in ANSWERS:
        found = _answer("Successful answer", ANSWERS[function])
    operation: dict[str, Any] = {
        "operationId": f"{method.lower()}_{re.sub(r'[^a-z0-9]+', '_', path.lower()).strip('_')}",
        "tags": [dialect.name],
        "summary": (inspect.getdoc(getattr(module, function)) or "").split("\n")[0],
        "responses": {"200": found, "default": _error(dialect.name)},
    }
    if function in STREAMS:
        found["content"] = {STREAMS[function]: {"schema": {"type": "string"}}}
    if names := re.findall(r"{(\w+)", path):
        operation["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
        ]
    if body := module.BODIES.get(function):
        operation["requestBody"] = {"required": True, "content": _json(_reference(body.__name__))}
        if "stream" in body.model_fields and function != "apply_template":
            media = "application/x-ndjson" if dialect.name == "ollama" else "text/event-stream"
            found["content"][media] = {"schema": {"type": "string"}}
    return operation


def _answer(what: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": what, "content": _json(schema)}


def _error(dialect: str) -> dict[str, Any]:
    return _answer("Error", _reference(f"Error-{dialect}"))


def _reference(schema: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{schema}"}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
