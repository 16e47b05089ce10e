"""What takes long to import is imported behind an open door.

FastAPI and what it stands on take as long to import as all the rest of a start. Until they are there the page and
`/health` are answered already, and other requests wait for a moment instead of finding nobody at home.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from starlette.types import Receive, Scope, Send

from runtime.api import health
from runtime.api.service import Service

if TYPE_CHECKING:
    from fastapi import FastAPI


class LateApi:
    """ASGI: all routes, once they are made."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._lock = threading.Lock()
        self._api: FastAPI | None = None

    def make(self) -> FastAPI:
        """Import and make it, the first time. Blocking."""
        with self._lock:
            if self._api is None:
                from runtime.api import routes

                self._api = routes.make(self._service)
            return self._api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI calls it."""
        if self._api is None and scope["path"] in health.PATHS and scope["method"] == "GET":
            await health.tell(self._service)(scope, receive, send)
            return
        api = self._api
        if api is None:
            api = await asyncio.to_thread(self.make)
        await api(scope, receive, send)
