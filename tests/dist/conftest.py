"""One built dist for all tests of this folder: the demonstration, made by the command a builder uses."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.dist import running
from tests.dist.cut_off import CutOff, browser_in, network
from tests.webui.driving import watched

ROOT = Path(__file__).parent.parent.parent


def build(output: Path, *flags: str, spec: str | Path = "demo") -> Path:
    """`pannier build` of a ready spec or another, with flags."""
    path = spec if isinstance(spec, Path) else ROOT / "dist-specs" / f"{spec}.toml"
    command = [sys.executable, "-m", "bundler", "build", path, "--json", "--output", output]
    done = subprocess.run([*map(str, command), *flags], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Path(json.loads(done.stdout)["dists"][0]["path"])


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo dist, alone in a folder."""
    return build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def settled(tmp_path_factory: pytest.TempPathFactory, dist: Path) -> dict[str, str]:
    """An environment in which the dist has been started before: its engine unpacked, its verdict known."""
    env = running.environment(tmp_path_factory.mktemp("settled") / "home")
    assert running.run(dist, "info", env=env).returncode == 0
    return env


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """An environment with an empty HOME."""
    return running.environment(tmp_path / "home")


@pytest.fixture(scope="module")
def server(dist: Path, settled: dict[str, str]) -> Iterator[CutOff]:
    """The dist, serving where there is no network."""
    with network() as place:
        serving = CutOff(place, dist, settled)
        serving.start()
        yield serving
        serving.end()


@pytest.fixture(scope="module")
def only_page(server: CutOff, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The dist's page, in a browser that is as cut off as the dist. Nothing of all that is done asks anybody else."""
    with browser_in(server.place, tmp_path_factory.mktemp("browser")) as browser:
        expect.set_options(timeout=30_000)
        context = browser.new_context(locale="en-US", viewport={"width": 1100, "height": 750}, accept_downloads=True)
        page = context.new_page()
        with watched(page, server.url):
            page.goto(server.url)
            yield page


@pytest.fixture
def page(only_page: Page) -> Page:
    """A new conversation, everything set as the dist sets it."""
    if only_page.locator("dialog").count():  # another test failed in the middle
        only_page.keyboard.press("Escape")
    only_page.click("#new-chat")
    only_page.click("#open-settings")
    only_page.get_by_role("button", name="Reset all").click()
    only_page.keyboard.press("Escape")
    return only_page
