"""Models from a plain web server. The builder says what SHA-256 they must have; without it nothing is fetched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx2

from bundler import cache
from bundler.console import Console
from bundler.errors import ModelError
from bundler.model.download import TIMEOUT, Job, download
from bundler.model.reference import OnWeb
from bundler.publish import one_at_a_time

_RETRIED = (408, 429, 500, 502, 503, 504)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class WebFile:
    """A file on a web server and what the server says of it. size: None if it does not say."""

    reference: OnWeb
    size: int | None = None

    @property
    def cached(self) -> Path:
        """Where it lies once it is here: under its hash, so that another address of the same bytes finds it too."""
        return folder() / f"{self.reference.sha256}.gguf"

    @property
    def shown(self) -> str:
        """Its address without what may be secret in it: no user, password or query."""
        return public_url(self.reference.url)


def folder() -> Path:
    """Where downloaded models lie."""
    return cache.root() / "models"


def find(reference: OnWeb) -> WebFile:
    """Ask for its size, unless it is here already. Raises `ModelError` where it has no hash or cannot be had."""
    if not reference.sha256:
        raise ModelError(
            f"{public_url(reference.url)} comes without a SHA-256; nothing would tell the right file from another.",
            "Add #sha256=HEX to the address, or model.sha256 to the dist-spec.",
        )
    parts = urlsplit(reference.url)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise ModelError(f"{public_url(reference.url)} is not encrypted.", "Use an https:// address.")
    file = WebFile(reference)
    if file.cached.is_file():
        return WebFile(reference, file.cached.stat().st_size)
    try:
        with _client() as client:
            answer = client.head(reference.url)
        length = answer.headers.get("Content-Length", "") if answer.is_success else ""
        return WebFile(reference, (int(length) if length.isdigit() else 0) or None)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise _unreachable(reference, error) from None


def fetch(file: WebFile, console: Console) -> Path:
    """Its path on this disk, downloaded if need be. Raises `ModelError` or `SurroundingsError`."""
    if file.cached.is_file():
        return file.cached
    with one_at_a_time(cache.root() / "downloads" / file.reference.sha256, console), _client() as client:
        if not file.cached.is_file():
            job = Job(
                file.shown, file.size, file.reference.sha256, lambda offset: _open(client, file.reference, offset)
            )
            with console.progress(f"Downloading {file.reference.file}", file.size, in_bytes=True) as advance:
                download(job, file.cached, advance)
    return file.cached


def public_url(url: str) -> str:
    """A URL as it may stand in a manifest: host and path alone."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"


@contextmanager
def _open(client: httpx2.Client, reference: OnWeb, offset: int) -> Iterator[httpx2.Response]:
    headers = {"Range": f"bytes={offset}-"} if offset else {}
    with _followed(client, reference, headers) as response:
        if response.status_code in _RETRIED:
            raise httpx2.TransportError(f"the server answered {response.status_code}")
        if not response.is_success and response.status_code != 416:
            raise ModelError(
                f"{public_url(reference.url)} cannot be had: the server answered {response.status_code} "
                f"{response.reason_phrase}.",
                "Check the address.",
            )
        yield response


@contextmanager
def _followed(client: httpx2.Client, reference: OnWeb, headers: dict[str, str]) -> Iterator[httpx2.Response]:
    try:
        with client.stream("GET", reference.url, headers=headers) as response:
            yield response
    except httpx2.TooManyRedirects as error:
        raise _unreachable(reference, error) from None


def _client() -> httpx2.Client:
    return httpx2.Client(follow_redirects=True, timeout=TIMEOUT, headers={"Accept-Encoding": "identity"})


def _unreachable(reference: OnWeb, error: Exception) -> ModelError:
    return ModelError(
        f"{public_url(reference.url)} cannot be reached ({str(error) or type(error).__name__}).",
        "Check the address and the network.",
    )
