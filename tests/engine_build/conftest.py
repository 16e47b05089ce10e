from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bundler.console import Console
from bundler.engine import part
from bundler.engine.build import build_engine
from bundler.engine.product import Engine
from bundler.publish import published
from bundler.targets import host
from tests.requirements import tool

FAKE = Path(__file__).parent / "fake_llama"

Build = Callable[..., Engine]


@pytest.fixture
def fake_source(tmp_path: Path) -> Path:
    """A copy of the miniature llama.cpp that a test may change."""
    for name in ("cc", "c++", "strip"):
        tool(name)
    return Path(shutil.copytree(FAKE, tmp_path / "source"))


@pytest.fixture
def build(fake_source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Build:
    """Builds an engine from the miniature source, in an empty cache of its own."""
    root = tmp_path / "cache"

    def build(*, source: Path = fake_source, root: Path = root, peers: bool = False) -> Engine:
        monkeypatch.setattr(part, "source_tree", lambda _root, _console: source)
        return build_engine(host(), ["cpu"], root, Console(quiet=True), peers=peers)

    return build


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """One engine from the miniature source, for tests that only look at it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(part, "source_tree", lambda _root, _console: FAKE)
        return build_engine(host(), ["cpu"], tmp_path_factory.mktemp("built"), Console(quiet=True))


def named(folder: Path) -> list[str]:
    """Names of the finished directories in this one."""
    return [path.name for path in published(folder)]
