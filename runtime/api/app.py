"""The application: door, page and routes put together over one engine."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from runtime import resources
from runtime.api import dialects
from runtime.api.about import About
from runtime.api.door import Door
from runtime.api.late import LateApi
from runtime.api.page import Page
from runtime.api.service import Service
from runtime.api.settings import ServerSettings, UiConfig
from runtime.api.vouching import Check
from runtime.chat.template import TemplateError
from runtime.engine.core import Engine


class Application:
    """What the server runs. `service` is what the launch side may look at and stop."""

    def __init__(self, asgi: ASGIApp, service: Service, api: LateApi) -> None:
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
    api = LateApi(service)
    page = Page(api, webui or resources.webui())
    return Application(Door(page, settings, open_paths=page.paths, check=check), service, api)
