"""All routes under FastAPI: the dialects', and those that tell about the server.

`GET /api/ui` and `GET /api/about`: what the page shows. `POST /api/retry`: begin anew after a failure.
`GET /docs`: what can be asked.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from runtime.api import dialects, health
from runtime.api.errors import ApiError, json_response, of_status
from runtime.api.service import Service

# FastAPI configures exporters by itself where FASTAPI_OTEL_AUTO_CONFIGURE says so; an explicit value wins over it.
NO_TELEMETRY: Any = {
    "auto_configure": False,
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
}

# What the page shows as the usual value of a setting.
_TOLD = ("temperature", "top_p", "top_k", "min_p", "repeat_penalty", "presence_penalty", "frequency_penalty")


def make(service: Service) -> FastAPI:
    """The application behind the door and the page."""
    api = _Api(
        title="Pannier",
        docs_url=None,  # they load from elsewhere
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
        telemetry=NO_TELEMETRY,
        exception_handlers={
            ApiError: _refused,
            HTTPException: _not_routed,
            ClientDisconnect: _left,
            Exception: _failed,
        },
    )
    api.include_router(_about_the_server(service))
    api.router.routes.extend(dialects.routes(service))
    return api


def _about_the_server(service: Service) -> APIRouter:
    """The routes that tell where the server stands."""
    routes = APIRouter()

    async def tell_health() -> Response:
        return health.tell(service)

    tell_health.__doc__ = health.tell.__doc__

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
                **health.verified(service),
            }
        )

    async def docs(request: Request) -> Response:
        """The OpenAPI document as a page."""
        from runtime.api import reference

        return Response(reference.page(request.app.openapi()), headers=reference.HEADERS, media_type="text/html")

    async def retry() -> Response:
        """Let an engine that failed begin anew; of no effect on any other. Answers as `/health`."""
        service.engine.try_again()
        return health.tell(service)

    def about() -> Response:
        """What the file is, and why it computes on what it computes on. In a thread: it may read the file."""
        return json_response(service.about.as_json())

    routes.add_api_route("/docs", docs, methods=["GET"], response_model=None, include_in_schema=False)
    for path in health.PATHS:
        told = path == health.PATHS[0]
        routes.add_api_route(path, tell_health, methods=["GET"], response_model=None, include_in_schema=told)
    routes.add_api_route("/api/ui", ui, methods=["GET"], response_model=None)
    routes.add_api_route("/api/retry", retry, methods=["POST"], response_model=None)
    routes.add_api_route("/api/about", about, methods=["GET"], response_model=None)
    return routes


class _Api(FastAPI):
    """FastAPI that describes the bodies we read ourselves."""

    def openapi(self) -> dict[str, Any]:
        from runtime.api import describe

        if not self.openapi_schema:
            self.openapi_schema = describe.complete(super().openapi())
        return self.openapi_schema


async def _refused(request: Request, error: ApiError) -> Response:
    return error.response(dialects.shape_of(request.url.path))


async def _not_routed(request: Request, error: HTTPException) -> Response:
    refusal = of_status(error.status_code, str(error.detail), error.headers)
    return refusal.response(dialects.shape_of(request.url.path))


async def _left(_: Request, error: ClientDisconnect) -> Response:
    return Response(status_code=499)  # nobody reads it


async def _failed(request: Request, error: Exception) -> Response:
    mistake = ApiError(500, "The server made a mistake with this request.", "internal_error")
    return mistake.response(dialects.shape_of(request.url.path))
