"""What is answered before FastAPI has been imported, and what waits for it."""

from __future__ import annotations

import asyncio
import threading

import httpx
import pytest

from runtime.api import late, routes
from runtime.api.app import Application, create_app
from runtime.api.settings import ServerSettings
from runtime.engine.fake import FakeBehaviour, FakeEngine
from tests.api.running import running


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


def test_what_warms_up_waits_until_nobody_is_being_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    running_then: list[int] = []
    warm, warmed = Application.warm_up, threading.Event()

    def watched(app: Application) -> None:
        running_then.append(app.service.metrics.running_now)
        warm(app)
        warmed.set()

    monkeypatch.setattr(Application, "warm_up", watched)
    with running(FakeBehaviour(answer="one two three four five", token_seconds=0.2), ready=False) as server:
        with server.http.stream("POST", "/v1/completions", json={"prompt": "Count", "stream": True}) as answer:
            assert answer.status_code == 200
            for _ in answer.iter_lines():
                assert not running_then
        assert warmed.wait(10)
    assert running_then == [0]
