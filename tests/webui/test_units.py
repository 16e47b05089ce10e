"""The page's own checks: its types, and the tests of what needs no browser."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bundler import resources
from bundler.console import Console
from bundler.page.node import node
from bundler.page.packages import packages

ENOUGH = 200_000
"""Bytes, compressed, of everything that is needed to begin a conversation."""


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources beside their packages, those for tests among them."""
    sources = resources.page_sources()
    folder = tmp_path_factory.mktemp("workshop") / "webui"
    shutil.copytree(sources, folder, ignore=shutil.ignore_patterns("node_modules", "dist"))
    (folder / "node_modules").symlink_to(packages(sources, None, Console(), dev=True) / "node_modules")
    return folder


def run(workshop: Path, script: str, *arguments: str) -> None:
    command = [node().path, str(workshop / "node_modules" / script), *arguments]
    done = subprocess.run(command, cwd=workshop, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_types_are_right(workshop: Path) -> None:
    run(workshop, "typescript/bin/tsc", "--noEmit")


def test_the_tests_that_need_no_browser_pass(workshop: Path) -> None:
    run(workshop, "vitest/vitest.mjs", "run")


def test_what_is_needed_to_chat_is_small(page_dir: Path) -> None:
    page = (page_dir / "index.html").read_text("utf-8")
    needed = {page_dir / "index.html", *(page_dir / name for name in re.findall(r'(?:src|href)="\./([^"]+)"', page))}
    (script,) = (path.read_text("utf-8") for path in needed if path.suffix == ".js" and path.parent.name == "assets")
    assert "import(" in script  # what may come later does
    assert sum(len(gzip.compress(path.read_bytes(), 6)) for path in needed) < ENOUGH


def test_no_module_has_grown_too_long() -> None:
    long = {
        path.name: count
        for path in resources.page_sources().glob("src/**/*.ts*")
        if path.parent.name != "words" and (count := len(path.read_text("utf-8").splitlines())) > 300
    }
    assert long == {}


def test_the_lock_file_names_no_place_and_every_sum() -> None:
    lock = json.loads((resources.page_sources() / "package-lock.json").read_text("utf-8"))
    for name, package in lock["packages"].items():
        assert "resolved" not in package, name
        assert name == "" or package["integrity"].startswith("sha512-"), name
