"""A hub on loopback with one model in it, a cache for it, and no waiting between attempts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from bundler.console import Console
from bundler.model import download
from bundler.model.hub import Hub
from tests import handmade
from tests.hub import loopback
from tests.hub.loopback import Loopback

REPOSITORY = "maker/tiny-GGUF"
FILE = "tiny-Q8_0.gguf"
CARD = b"---\nlicense: mit\n---\n# Tiny\n"


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback.running() as state:
        yield state


@pytest.fixture
def hub(server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    for variable in ("HF_TOKEN", "HF_HUB_OFFLINE", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_IMPLICIT_TOKEN", True)  # the developer's own is nobody's business
    monkeypatch.setenv("PANNIER_CACHE_DIR", str(tmp_path / "pannier-cache"))
    monkeypatch.setattr(download, "PAUSE_SECONDS", 0.0)
    return Hub(server.endpoint, tmp_path / "hf-cache")


@pytest.fixture
def console() -> Console:
    return Console(quiet=True)


@pytest.fixture
def model(server: Loopback, tmp_path: Path) -> bytes:
    """The bytes of the model that the hub's one repository holds; about 130 kB."""
    data = handmade.gguf(tmp_path / "original.gguf", elements=32768).read_bytes()
    server.repo(REPOSITORY).commit({FILE: data, "README.md": CARD})
    return data
