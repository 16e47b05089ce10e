"""The door every request comes through, before any route: who may ask, from where, and what every answer carries.

A server on loopback is reachable for every web page its user visits. Two attacks follow: a page whose name suddenly
resolves to 127.0.0.1 (DNS rebinding) reads the answers as its own, and any page can send a simple POST without being
asked for permission. So on loopback the Host header must name this computer, and a request that carries the Origin of
another site is refused, whatever its content type, unless that origin was allowed.
"""

from __future__ import annotations

import asyncio
import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runtime.api.auth import Keys
from runtime.api.dialects import shape_of
from runtime.api.errors import ApiError
from runtime.api.settings import ServerSettings
from runtime.api.vouching import HEADER, Check
from runtime.hosts import is_loopback

BODY_SECONDS = 60.0
"""How long a body may let wait for its next piece."""
OPEN_PATHS = frozenset({"/health", "/v1/health"})
"""What answers without a key, beside the page's own files: a load balancer has none."""


class Door:
    """ASGI middleware around the whole application."""

    def __init__(
        self, app: ASGIApp, settings: ServerSettings, open_paths: frozenset[str], check: Check | None = None
    ) -> None:
        self._app = app
        self._check = check
        self._keys = Keys(settings.api_keys)
        self._origins = frozenset(origin.rstrip("/").lower() for origin in settings.allowed_origins)
        self._names = frozenset({"localhost", *(name.lower() for name in settings.allowed_hosts)})
        self._checks_host = is_loopback(settings.host)
        self._open_paths = OPEN_PATHS | open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let through, or answer here."""
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        shared_with = self._shared_with(headers)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                going = MutableHeaders(scope=message)
                _add_headers(going, shared_with)
                if self._check:
                    going[HEADER] = self._check.verified
            await send(message)

        answer = self._answer_at_the_door(scope, headers, shared_with)
        await (answer or self._app)(scope, receive, send_with_headers)

    def _answer_at_the_door(self, scope: Scope, headers: Headers, shared_with: str | None) -> Response | None:
        refusal = self._wrong_host(headers) or self._wrong_origin(headers, shared_with)
        if refusal is None and shared_with and _is_preflight(scope, headers):
            return _preflight(headers)
        if refusal is None and scope["path"] not in self._open_paths:
            refusal = self._keys.check(headers)
        return refusal.response(shape_of(scope["path"])) if refusal else None

    def _wrong_host(self, headers: Headers) -> ApiError | None:
        if not self._checks_host:
            return None
        if "host" not in headers:  # HTTP/1.0; a browser always sends one
            return None
        name = _hostname(headers["host"])
        if name in self._names or name.endswith(".localhost") or _is_address(name):
            return None
        return ApiError(403, f"This server answers to localhost only, not to {name[:100]!r}.", "host_not_allowed")

    def _wrong_origin(self, headers: Headers, shared_with: str | None) -> ApiError | None:
        origin = headers.get("origin")
        if origin is None or shared_with or _authority(origin) == headers.get("host", "").lower():
            return None
        return ApiError(
            403,
            f"Web pages from {origin[:100]!r} may not use this server; only its own page may.",
            "origin_not_allowed",
        )

    def _shared_with(self, headers: Headers) -> str | None:
        """The foreign origin that may read the answer, if there is one."""
        origin = headers.get("origin", "").lower()
        return origin if origin and (origin in self._origins or "*" in self._origins) else None


async def read_body(request: Request, limit: int) -> bytes:
    """The request's body. Raises `ApiError` 413 as soon as it is, or says it will be, larger than `limit` bytes."""
    too_large = ApiError(
        413, f"The request is larger than {limit} bytes.", "request_too_large", headers={"Connection": "close"}
    )
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise too_large
    body = bytearray()
    chunks = request.stream()
    try:
        while True:
            async with asyncio.timeout(BODY_SECONDS):
                body += await anext(chunks)
            if len(body) > limit:
                raise too_large
    except StopAsyncIteration:
        return bytes(body)
    except TimeoutError:
        raise ApiError(
            408, "The request's body did not come in time.", "request_timeout", headers={"Connection": "close"}
        ) from None


def _add_headers(headers: MutableHeaders, shared_with: str | None) -> None:
    headers["x-content-type-options"] = "nosniff"
    headers["referrer-policy"] = "no-referrer"
    headers["cross-origin-resource-policy"] = "cross-origin" if shared_with else "same-origin"
    if shared_with:
        headers["access-control-allow-origin"] = shared_with
        headers["access-control-expose-headers"] = "*"
        headers.add_vary_header("Origin")


def _is_preflight(scope: Scope, headers: Headers) -> bool:
    return scope["method"] == "OPTIONS" and "access-control-request-method" in headers


def _preflight(headers: Headers) -> Response:
    return Response(
        status_code=204,
        headers={
            "access-control-allow-methods": "GET, HEAD, POST, DELETE, OPTIONS",
            "access-control-allow-headers": headers.get("access-control-request-headers", "*"),
            "access-control-max-age": "600",
        },
    )


def _authority(origin: str) -> str:
    """`host:port` as a Host header would write it; a browser leaves the default port out of both."""
    return origin.lower().partition("://")[2]


def _hostname(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True
