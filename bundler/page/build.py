"""Builds the page with Vite, or finds it in the cache under a hash of everything that decides it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bundler import cache, resources
from bundler.console import Console
from bundler.errors import ToolError
from bundler.page.packages import packages, require_node, run_node
from bundler.publish import digest_of, discard, file_sha256, one_at_a_time, publishing, scratch

BUILDING = 1
"""Version of how sources become a page; another number makes every page another one."""

NPM = "npm:"
"""Begins the name of a package in a manifest that comes from npm; all others are Python's."""

RECORD, FILES, INVENTORY = "page.json", "files", "packages.json"
_KEY_LENGTH = 24
_NO_SOURCES = frozenset({"node_modules", "dist", "test"})


@dataclass(frozen=True, slots=True)
class PagePackage:
    """An npm package of which something is in the page, with the text of its licence."""

    name: str
    version: str
    license: str
    text: str


@dataclass(frozen=True, slots=True)
class BuiltPage:
    """A page in the cache."""

    path: Path

    @property
    def files(self) -> Path:
        """The folder that is served."""
        return self.path / FILES

    @property
    def packages(self) -> tuple[PagePackage, ...]:
        """What of npm is inside."""
        listed = json.loads((self.path / INVENTORY).read_bytes())
        return tuple(PagePackage(**package) for package in listed)


def page_key() -> str:
    """Hash of everything that decides the page's bytes: its sources, its lock file, Node.js."""
    files = {name: file_sha256(path) for name, path in _sources(resources.page_sources())}
    return digest_of({"building": BUILDING, "files": files, "node": require_node().identity})


def build_page(root: Path | None, console: Console) -> BuiltPage:
    """The page, built now if the cache does not have it. Raises `ToolError`."""
    root = root or cache.root()
    key = page_key()
    place = root / "pages" / key[:_KEY_LENGTH]
    page = find(place)
    if page is None:
        with one_at_a_time(place, console):
            page = find(place)
            if page is None:
                _build(resources.page_sources(), place, root, console)
                page = find(place)
    if page is None:
        raise ToolError(f"The page in {place} does not stay whole.", "Check the disk, then build again.")
    return page


def find(place: Path) -> BuiltPage | None:
    """The page in this cache directory if every file has its recorded hash; a damaged one goes."""
    try:
        record = json.loads((place / RECORD).read_bytes())
        if record == _hashes(place):
            return BuiltPage(place)
    except (OSError, ValueError):
        pass
    discard(place)
    return None


def _build(sources: Path, place: Path, root: Path, console: Console) -> None:
    """Copy the sources beside their packages, where Node.js finds them, and let Vite build there."""
    log = root / "logs" / f"page-{place.name}.log"
    modules = packages(sources, root, console)
    with (
        scratch(modules, "build") as folder,
        publishing(place) as partial,
        console.progress("Building the page", None),
    ):
        for name, path in _sources(sources):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        vite = modules / "node_modules" / "vite" / "bin" / "vite.js"
        run_node(
            [str(vite), "build", "--logLevel", "warn"],
            folder,
            log,
            "Vite could not build the page",
            "Mend what it names in webui/.",
        )
        shutil.move(folder / "dist" / INVENTORY, partial / INVENTORY)
        shutil.move(folder / "dist", partial / FILES)
        (partial / RECORD).write_text(json.dumps(_hashes(partial), indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _hashes(place: Path) -> dict[str, str]:
    return {name: file_sha256(path) for name, path in _walk(place) if name != RECORD}


def _sources(folder: Path) -> Iterator[tuple[str, Path]]:
    for name, path in _walk(folder):
        parts = name.split("/")
        if parts[0] not in _NO_SOURCES and not any(part.startswith(".") for part in parts):
            yield name, path


def _walk(folder: Path) -> Iterator[tuple[str, Path]]:
    """(name inside, file), sorted; folders of packages, with their thousands of files, are not entered."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "node_modules")
        for name in sorted(names):
            path = Path(place, name)
            yield path.relative_to(folder).as_posix(), path
