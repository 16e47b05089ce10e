"""Completes the OpenAPI document: FastAPI does not see the bodies that we read ourselves. Made when asked for."""

from __future__ import annotations

from typing import Any

from runtime.api.schema import ChatCompletionRequest

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
    """The document with request bodies, and with the one error shape there is instead of FastAPI's own."""
    request = ChatCompletionRequest.model_json_schema(ref_template="#/components/schemas/{model}")
    document["components"] = {
        "schemas": {**request.pop("$defs", {}), "ChatCompletionRequest": request, "Error": _ERROR}
    }
    error = {"description": "Error", "content": _json("Error")}
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = error
    chat = document["paths"]["/v1/chat/completions"]["post"]
    chat["requestBody"] = {"required": True, "content": _json("ChatCompletionRequest")}
    chat["responses"]["200"]["content"]["text/event-stream"] = {"schema": {"type": "string"}}
    return document


def _json(schema: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
