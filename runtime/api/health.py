"""`GET /health`: whether the model can be asked, how far loading and check are. Answers first: no framework here."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from runtime.api.errors import RETRY_LOADING, json_response
from runtime.api.service import Service
from runtime.engine.core import EngineState

PATHS = ("/health", "/v1/health")

_WORDS = {
    EngineState.STARTING: "loading",
    EngineState.LOADING: "loading",
    EngineState.READY: "ok",
    EngineState.RESTARTING: "restarting",
    EngineState.FAILED: "failed",
    EngineState.STOPPED: "failed",
}


def tell(service: Service) -> Response:
    """200 when the model answers, 503 with state and progress while it does not.

    `fallback` says why another backend than the chosen one computes, if one does.
    """
    status = service.engine.status
    if status.state is EngineState.READY:
        fallback = {"fallback": status.fallback} if status.fallback else {}
        return json_response({"status": "ok", **fallback, **verified(service)})
    body: dict[str, Any] = {"status": _WORDS[status.state], "progress": round(status.progress, 3)}
    if status.detail:
        body["detail"] = status.detail
    if status.short_of_memory:
        body["reason"] = "memory"
    headers = {"Retry-After": str(RETRY_LOADING), "Cache-Control": "no-store"}
    return json_response(body, 503, headers)


def verified(service: Service) -> dict[str, Any]:
    """What is known of the model's bytes, and how much of them was read; nothing where nobody checks them."""
    check = service.check
    return {"model_verified": check.verified, "model_read": round(check.progress, 3)} if check else {}
