"""The chat page: static files from one folder, and nothing else of it.

Only names found in the folder at the start are served, so no path can lead out of it. The Content-Security-Policy
lets the page load its own script and style and talk to its own server: whatever a model writes, nothing in it runs
and nothing leaves.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "worker-src 'self'",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
    ".txt": "text/plain; charset=utf-8",
}

_NAMED_BY_CONTENT = "/assets/"
_KEEP = "public, max-age=31536000, immutable"
_ASK = "no-cache"  # ask each time, by ETag: another dist may serve here next


class Page:
    """ASGI middleware: answers GET and HEAD for the page's files, hands everything else on."""

    def __init__(self, app: ASGIApp, folder: Path) -> None:
        self._app = app
        self._files = _published(folder)
        self._loaded: dict[str, tuple[bytes, dict[str, str]]] = {}

    @property
    def paths(self) -> frozenset[str]:
        """The URL paths that are files."""
        return frozenset(self._files)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A file, or whatever comes after the page."""
        file = self._files.get(scope["path"])
        if file is None or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        body, headers = self._load(scope["path"], file)
        if headers["etag"] in Headers(scope=scope).get("if-none-match", ""):
            await Response(status_code=304, headers=headers)(scope, receive, send)
            return
        await Response(body, headers=headers)(scope, receive, send)

    def _load(self, path: str, file: Path) -> tuple[bytes, dict[str, str]]:
        if path not in self._loaded:
            body = file.read_bytes()
            self._loaded[path] = (
                body,
                {
                    "content-type": _TYPES[file.suffix],
                    "etag": f'"{hashlib.sha256(body).hexdigest()[:32]}"',
                    "cache-control": _KEEP if path.startswith(_NAMED_BY_CONTENT) else _ASK,
                    "content-security-policy": CONTENT_SECURITY_POLICY,
                },
            )
        return self._loaded[path]


def _published(folder: Path) -> dict[str, Path]:
    """URL path → file, for every file of a type we know. A missing folder is a page that is not there."""
    files: dict[str, Path] = {}
    for directory, _, names in os.walk(folder):
        for name in names:
            file = Path(directory, name)
            if file.suffix in _TYPES:
                files["/" + file.relative_to(folder).as_posix()] = file
    if "/index.html" in files:
        files["/"] = files["/index.html"]
    return files
