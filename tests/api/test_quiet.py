"""What must not happen: telemetry, outgoing connections, imports that only cost time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runtime.resources import VARIABLE

REPOSITORY = Path(__file__).parents[2]

LOUD = {
    "FASTAPI_OTEL_AUTO_CONFIGURE": "true",
    "OTEL_SDK_DISABLED": "false",
    "OTEL_TRACES_EXPORTER": "otlp",
    "OTEL_METRICS_EXPORTER": "otlp",
    "OTEL_LOGS_EXPORTER": "otlp",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://127.0.0.1:4318/v1/metrics",
    "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://127.0.0.1:4318/v1/logs",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    "OTEL_EXPORTER_OTLP_HEADERS": "a=b",
    "OTEL_SERVICE_NAME": "pannier",
    "OTEL_RESOURCE_ATTRIBUTES": "a=b",
    "OTEL_PROPAGATORS": "tracecontext,baggage",
    "OTEL_PYTHON_TRACER_PROVIDER": "sdk_tracer_provider",
    "OTEL_PYTHON_METER_PROVIDER": "sdk_meter_provider",
    "OTEL_PYTHON_LOGGER_PROVIDER": "sdk_logger_provider",
    "HTTP_PROXY": "http://127.0.0.1:3128",
    "HTTPS_PROXY": "http://127.0.0.1:3128",
    "ALL_PROXY": "http://127.0.0.1:3128",
}

WATCHED = """
import asyncio, json, socket, sys
class Watch:  # what is asked for, found or not
    wanted = []
    def find_spec(self, name, path=None, target=None):
        if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter", "opentelemetry.instrumentation")):
            self.wanted.append(name)
        return None
sys.meta_path.insert(0, Watch())
connected = []
def audit(event, args):
    if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo"):
        connected.append([event, repr(args[1] if event != "socket.getaddrinfo" else args[0])])
sys.addaudithook(audit)

async def lifespan(app):
    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    async def receive(): return next(messages)
    async def send(message): pass
    await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)
"""

OURS = (
    WATCHED
    + """
from runtime.api.app import create_app
from runtime.api.binding import bind
from runtime.api.server import serve
from runtime.api.settings import ServerSettings
from runtime.engine.fake import FakeBehaviour, FakeEngine

async def main():
    engine = FakeEngine(FakeBehaviour(answer="fine"))
    await engine.start()
    await engine.wait_ready()
    app = create_app(engine, ServerSettings("m"))
    await lifespan(app.api.make())
    sock, stop, answers = bind("127.0.0.1", 0), asyncio.Event(), []
    port = sock.getsockname()[1]
    serving = asyncio.ensure_future(serve(app, sock, stop))
    body = json.dumps({"messages": [{"role": "user", "content": "hi"}], "stream": True})
    chat = f"POST /v1/chat/completions HTTP/1.1\\r\\nContent-Length: {len(body)}"
    for head, text in (("GET / HTTP/1.1", ""), ("GET /health HTTP/1.1", ""), ("GET /nope HTTP/1.1", ""),
                       ("GET /openapi.json HTTP/1.1", ""), (chat, "{"), (chat, body)):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"{head}\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n{text}".encode())
        if text == "{":
            writer.write_eof()
        answers.append((await reader.read()).decode(errors="replace")[:12])
        writer.close()
    stop.set()
    await serving
    mine = repr(("127.0.0.1", port))
    print(json.dumps({"wanted": Watch.wanted, "answers": answers,
                      "connected": [what for what in connected if what[1] != mine and what[1] != repr("127.0.0.1")]}))
asyncio.run(main())
"""
)

PLAIN_FASTAPI = (
    WATCHED
    + """
import logging; logging.disable()
from fastapi import FastAPI
asyncio.run(lifespan(FastAPI()))
print(json.dumps({"wanted": Watch.wanted}))
"""
)


def python(code: str, environment: dict[str, str]) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_watch_would_notice_fastapis_telemetry() -> None:
    assert python(PLAIN_FASTAPI, LOUD)["wanted"]


@pytest.mark.parametrize("name", [*LOUD, "all of them"])
def test_no_environment_turns_telemetry_on_or_makes_a_connection(name: str, page_dir: Path) -> None:
    loud = LOUD if name == "all of them" else {name: LOUD[name]}
    told = python(OURS, {**loud, VARIABLE: str(page_dir)})
    assert told["wanted"] == []
    assert told["connected"] == []
    assert told["answers"][:4] == ["HTTP/1.1 200", "HTTP/1.1 200", "HTTP/1.1 404", "HTTP/1.1 200"]
    assert told["answers"][-1] == "HTTP/1.1 200"


def test_the_way_to_the_first_health_check_imports_nothing_it_does_not_need() -> None:
    loaded = python(
        "import json, sys, runtime.api.app, runtime.api.server\nprint(json.dumps(sorted(sys.modules)))",
        {},
    )
    framework = {"fastapi", "pydantic", "opentelemetry", "runtime.api.routes", "runtime.api.openai.schema"}
    unused = {"click", "numpy", "websockets", "httptools", "watchfiles", "uvicorn.main", "httpx", "uvloop"}
    later = {"jinja2", "runtime.api.openai.models", "runtime.chat.prompt", "runtime.chat.sandbox"}
    unwanted = framework | unused | later
    assert unwanted.isdisjoint(loaded)
    assert "uvicorn.server" in loaded
