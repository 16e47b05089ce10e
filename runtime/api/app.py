"""The application: door, page and routes put together over one engine."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from runtime import resources
from runtime.api import dialects, health
from runtime.api.about import About
from runtime.api.door import Door
from runtime.api.errors import ApiError, of_status
from runtime.api.page import Page
from runtime.api.service import Service
from runtime.api.settings import ServerSettings, UiConfig
from runtime.api.vouching import Check
from runtime.chat.template import TemplateError
from runtime.engine.core import Engine

# FastAPI configures exporters by itself where FASTAPI_OTEL_AUTO_CONFIGURE says so; an explicit value wins over it.
NO_TELEMETRY: Any = {
    "auto_configure": False,
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
}


class Application:
    """What the server runs. `service` is what the launch side may look at and stop."""

    def __init__(self, asgi: ASGIApp, service: Service, api: FastAPI) -> None:
        self._asgi = asgi
        self.service = service
        self.api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI calls it."""
        await self._asgi(scope, receive, send)

    def close(self) -> None:
        """End every open answer with an error that says that the server stops."""
        self.service.closing.set()

    def warm_up(self) -> None:
        """Do what the first request would have to wait for. Blocking; for a thread, once the model answers."""
        for module in dialects.load_all()[:2]:  # OpenAI's, which nearly everybody speaks
            for model in module.BODIES.values():
                model.model_rebuild()
        if facts := self.service.facts:
            with suppress(TemplateError):  # whoever asks first is told
                self.service.template(facts).compile()


def create_app(
    engine: Engine,
    settings: ServerSettings,
    ui: UiConfig | None = None,
    about: About | None = None,
    *,
    webui: Path | None = None,
    check: Check | None = None,
) -> Application:
    """The whole application. `webui`: the page's folder, where it is not the one that came with the program.

    check: of the model's bytes; answers say how far it is.
    """
    service = Service(engine, settings, ui or UiConfig(), about or About(), check)
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
    api.include_router(health.router(service))
    api.router.routes.extend(dialects.routes(service))
    page = Page(api, webui or resources.webui())
    return Application(Door(page, settings, open_paths=page.paths, check=check), service, api)


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
