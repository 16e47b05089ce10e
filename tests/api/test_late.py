"""What is answered before FastAPI has been imported, and what waits for it."""

from __future__ import annotations

import asyncio
import threading

import httpx
import pytest

from runtime.api import late, routes
from runtime.api.app import create_app
from runtime.api.settings import ServerSettings
from runtime.engine.fake import FakeBehaviour, FakeEngine


def test_health_and_page_are_answered_while_the_rest_is_imported_and_the_rest_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    imported, made = threading.Event(), routes.make

    def slow(service: late.Service) -> object:
        assert imported.wait(30)
        return made(service)

    monkeypatch.setattr(routes, "make", slow)

    async def visit() -> None:
        engine = FakeEngine(FakeBehaviour())
        await engine.start()
        await engine.wait_ready()
        app = create_app(engine, ServerSettings("m"))
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            models = asyncio.create_task(client.get("/v1/models"))
            health = await client.get("/health")
            assert (health.status_code, health.json()["status"]) == (200, "ok")
            assert (await client.get("/health", headers={"Host": "evil.example"})).status_code == 403
            assert not models.done()
            imported.set()
            assert (await asyncio.wait_for(models, 30)).json()["data"][0]["id"] == "m"
            assert (await client.get("/health")).json() == health.json()
        await engine.stop()

    asyncio.run(visit())
