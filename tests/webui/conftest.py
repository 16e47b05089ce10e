from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from runtime.resources import VARIABLE

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP classroom.test 127.0.0.1",  # as if another computer had opened the page
)


PATIENCE = 20_000  # milliseconds; a busy machine is no failure


def require_browser() -> str:
    """Chromium's path. Without one the test is skipped, but in CI (PANNIER_CI=1) it fails: it must run somewhere."""
    named = os.environ.get("PANNIER_CHROMIUM")
    found = named or next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )
    if found and Path(found).exists():
        return found
    reason = "no Chromium found; install it, or name one in PANNIER_CHROMIUM"
    if os.environ.get("PANNIER_CI") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session", autouse=True)
def _the_built_page(page_dir: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(page_dir))
        yield


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = require_browser()
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=list(QUIET))
        yield started
        started.close()
