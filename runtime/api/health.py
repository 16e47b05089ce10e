"""`GET /health`: whether the model can be asked, how far loading and check are.

`POST /api/retry`: begin anew after a failure. `GET /api/ui` and `GET /api/about`: what the page shows.
`GET /docs`: what can be asked.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from runtime.api.errors import RETRY_LOADING, json_response
from runtime.api.service import Service
from runtime.engine.core import EngineState

_WORDS = {
    EngineState.STARTING: "loading",
    EngineState.LOADING: "loading",
    EngineState.READY: "ok",
    EngineState.RESTARTING: "restarting",
    EngineState.FAILED: "failed",
    EngineState.STOPPED: "failed",
}

# What the page shows as the usual value of a setting.
_TOLD = ("temperature", "top_p", "top_k", "min_p", "repeat_penalty", "presence_penalty", "frequency_penalty")


def router(service: Service) -> APIRouter:
    """The routes that tell where the server stands."""
    routes = APIRouter()

    async def health() -> Response:
        """200 when the model answers, 503 with state and progress while it does not.

        `fallback` says why another backend than the chosen one computes, if one does.
        """
        status = service.engine.status
        if status.state is EngineState.READY:
            fallback = {"fallback": status.fallback} if status.fallback else {}
            return json_response({"status": "ok", **fallback, **_verified(service)})
        body: dict[str, Any] = {"status": _WORDS[status.state], "progress": round(status.progress, 3)}
        if status.detail:
            body["detail"] = status.detail
        if status.short_of_memory:
            body["reason"] = "memory"
        headers = {"Retry-After": str(RETRY_LOADING), "Cache-Control": "no-store"}
        return json_response(body, 503, headers)

    async def ui() -> Response:
        """What the page shows beside the conversation."""
        facts = service.facts
        return json_response(
            {
                **service.ui.as_json(),
                "model": service.settings.model_id,
                "defaults": {name: getattr(service.settings.sampling, name) for name in _TOLD},
                "backend": facts.backend if facts else None,
                "fallback": service.engine.status.fallback or None,
                "context_size": facts.context_size if facts else None,
                "chat_template": service.template(facts).origin if facts else None,
                **_verified(service),
            }
        )

    async def docs(request: Request) -> Response:
        """The OpenAPI document as a page."""
        from runtime.api import reference

        return Response(reference.page(request.app.openapi()), headers=reference.HEADERS, media_type="text/html")

    async def retry() -> Response:
        """Let an engine that failed begin anew; of no effect on any other. Answers as `/health`."""
        service.engine.try_again()
        return await health()

    def about() -> Response:
        """What the file is, and why it computes on what it computes on. In a thread: it may read the file."""
        return json_response(service.about.as_json())

    routes.add_api_route("/docs", docs, methods=["GET"], response_model=None, include_in_schema=False)
    routes.add_api_route("/health", health, methods=["GET"], response_model=None)
    routes.add_api_route("/v1/health", health, methods=["GET"], response_model=None, include_in_schema=False)
    routes.add_api_route("/api/ui", ui, methods=["GET"], response_model=None)
    routes.add_api_route("/api/retry", retry, methods=["POST"], response_model=None)
    routes.add_api_route("/api/about", about, methods=["GET"], response_model=None)
    return routes


def _verified(service: Service) -> dict[str, Any]:
    """What is known of the model's bytes, and how much of them was read; nothing where nobody checks them."""
    check = service.check
    return {"model_verified": check.verified, "model_read": round(check.progress, 3)} if check else {}
