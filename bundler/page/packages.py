"""The npm packages the page is built with: exactly those of the lock file, fetched once, their scripts never run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from bundler import cache
from bundler.console import Console
from bundler.engine.finding import Finding
from bundler.errors import ToolError
from bundler.page.node import node, npm
from bundler.publish import digest_of, file_sha256, one_at_a_time, publishing
from bundler.running import run_logged

MANIFEST, LOCK = "package.json", "package-lock.json"
_KEY_LENGTH = 24


def packages(sources: Path, root: Path | None, console: Console, *, dev: bool = False) -> Path:
    """A folder with `node_modules` in it. dev: those for tests and type checks, too. Raises `ToolError`."""
    root = root or cache.root()
    place = place_of(sources, root, dev=dev)
    if not place.is_dir():
        with one_at_a_time(place, console):
            if not place.is_dir():
                _fetch(sources, place, root / "logs" / f"npm-{place.name}.log", console, dev=dev)
    return place


def place_of(sources: Path, root: Path, *, dev: bool = False) -> Path:
    """Where those packages lie in the cache `root`, if they are there."""
    facts = {"node": require_node().identity, "lock": file_sha256(sources / LOCK), "dev": dev}
    return root / "packages" / digest_of(facts)[:_KEY_LENGTH]


def require_node() -> Finding:
    """Node.js. Raises `ToolError` where it is missing."""
    found = node()
    if not found.found:
        raise ToolError(f"The page cannot be built here: {found.detail}.", found.remedy)
    return found


def _fetch(sources: Path, place: Path, log: Path, console: Console, *, dev: bool) -> None:
    with publishing(place) as partial, console.progress("Fetching the page's packages", None):
        for name in (MANIFEST, LOCK):
            shutil.copyfile(sources / name, partial / name)
        command = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
        command.append("--include=dev" if dev else "--omit=dev")
        run_node(
            [str(npm()), *command],
            partial,
            log,
            "npm could not fetch the page's packages",
            "npm fetches them once: connect to its registry, or name a mirror in ~/.npmrc, then build again.",
        )


def run_node(arguments: Sequence[str], folder: Path, log: Path, failure: str, remedy: str) -> None:
    """Run node in `folder`, its words into `log`. Raises `ToolError` with the last of them."""
    program = require_node().path
    path = os.pathsep.join([str(Path(program).parent), os.environ.get("PATH", "")])
    environment = {**os.environ, "PATH": path, "NODE_ENV": "production", "NO_COLOR": "1"}
    run_logged([program, *arguments], folder, environment, log, failure, remedy)
