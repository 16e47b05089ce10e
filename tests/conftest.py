"""What tests on both sides share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bundler.console import Console
from bundler.engine.build import build_engine
from bundler.page.build import build_page
from bundler.targets import host


@pytest.fixture(scope="session")
def engine_dir() -> Path:
    """The real CPU engine's libraries: from the cache, compiled if it is not there (minutes, once).

    PANNIER_TEST_ENGINE names a directory to use instead.
    """
    given = os.environ.get("PANNIER_TEST_ENGINE")
    return Path(given) if given else build_engine(host(), ["cpu"], None, Console()).path


@pytest.fixture(scope="session")
def page_dir() -> Path:
    """The built page's files: from the cache, built if it is not there (seconds, once)."""
    return build_page(None, Console()).files
