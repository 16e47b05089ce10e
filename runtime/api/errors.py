"""Errors as the API tells them: a status, and the shape OpenAI's clients read.

    {"error": {"message": …, "type": …, "param": …, "code": …}}

A request that cannot be served is never answered with 422 and never with a traceback. Other dialects bring their own
shape for the same `ApiError`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from math import ceil
from typing import Any

from starlette.responses import Response

from runtime.chat.template import TemplateError
from runtime.engine.core import Failed, FailureKind

RETRY_SOON = 1  # seconds
RETRY_LOADING = 2


@dataclass
class ApiError(Exception):
    """A request refused or failed. `param` names the field at fault; `headers` go with the response."""

    status: int
    message: str
    code: str | None = None
    param: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def type(self) -> str:
        """OpenAI's word for the class of error."""
        return _TYPES.get(self.status, "invalid_request_error" if self.status < 500 else "server_error")

    def as_json(self) -> dict[str, Any]:
        """OpenAI's shape."""
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}

    def response(self, shape: Shape | None = None) -> Response:
        """The whole answer, in a dialect's shape (OpenAI's where none is given)."""
        return json_response((shape or OPENAI).document(self), self.status, self.headers)


@dataclass(frozen=True, slots=True)
class Shape:
    """How a dialect tells an error.

    document: the JSON of a response. event: the bytes that tell it in the middle of a stream, made from that JSON.
    """

    document: Callable[[ApiError], dict[str, Any]]
    event: Callable[[dict[str, Any]], bytes]


def sse(document: Any, event: str = "") -> bytes:
    """A server-sent event."""
    name = f"event: {event}\n" if event else ""
    return f"{name}data: {json.dumps(document, ensure_ascii=False)}\n\n".encode("utf-8", "backslashreplace")


OPENAI = Shape(ApiError.as_json, sse)


_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


def json_response(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON in UTF-8, letters of other scripts as themselves."""
    return Response(
        json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace"),
        status,
        headers,
        media_type="application/json",
    )


def invalid(message: str, param: str | None = None, code: str | None = None) -> ApiError:
    """A field of the request is wrong (400)."""
    return ApiError(400, message, code, param)


def unavailable(message: str, code: str, retry_after: int = RETRY_LOADING) -> ApiError:
    """Nobody is there to answer now (503); try again after `retry_after` seconds."""
    return ApiError(503, message, code, headers={"Retry-After": str(retry_after)})


def of_status(status: int, detail: str, headers: Mapping[str, str] | None = None) -> ApiError:
    """What the router itself refuses: no such path, no such method."""
    codes = {404: "not_found", 405: "method_not_allowed", 413: "request_too_large"}
    if detail == HTTPStatus(status).phrase:
        detail = {404: "There is nothing at this address.", 405: "This address does not take this method."}.get(
            status, detail
        )
    return ApiError(status, detail, codes.get(status), headers=dict(headers or {}))


def of_template(error: TemplateError) -> ApiError:
    """The chat template refused the messages (400), or is no template at all (500)."""
    if error.broken:
        return ApiError(500, str(error), "chat_template_broken")
    return invalid(str(error), "messages", "chat_template_error")


def of_failure(failure: Failed) -> ApiError:
    """What the engine could not do, with who has to act."""
    match failure.kind:
        case FailureKind.INVALID:
            return invalid(failure.message)
        case FailureKind.TOO_LONG:
            return invalid(failure.message, "messages", "context_length_exceeded")
        case FailureKind.BUSY:
            return ApiError(
                429, failure.message, "busy", headers={"Retry-After": str(ceil(failure.retry_after or RETRY_SOON))}
            )
        case FailureKind.WORKER_DIED:
            return unavailable(failure.message, "engine_restarted", RETRY_SOON)
        case FailureKind.UNAVAILABLE:
            return unavailable(failure.message, "engine_unavailable")
        case FailureKind.INTERNAL:
            return ApiError(500, failure.message, "internal_error")
