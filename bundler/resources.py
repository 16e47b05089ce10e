"""Where the builder's files are that are not Python: templates, specs, the page, and the runtime's own sources."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import runtime

_HERE = Path(__file__).resolve().parent

_MADE = frozenset({"__pycache__", "node_modules", "dist"})
"""Folders that no source is in."""

DOCUMENTS = ("format.md", "verify_dist.py")
"""What of `docs/` comes along with an installation: enough to take a dist apart without Pannier."""


def template(name: str) -> Path:
    """A file in `templates/`: inside the package where Pannier is installed, at the root of a checkout."""
    inside = _HERE / "templates"
    return (inside if inside.is_dir() else _HERE.parent / "templates") / name


def dist_spec(name: str) -> Path:
    """One of the ready dist-specs, by its name without suffix."""
    inside = _HERE / "dist-specs"
    return (inside if inside.is_dir() else _HERE.parent / "dist-specs") / f"{name}.toml"


def document(name: str) -> Path:
    """One of `DOCUMENTS`."""
    inside = _HERE / "docs"
    return (inside if inside.is_dir() else _HERE.parent / "docs") / name


def in_checkout() -> Iterator[tuple[str, Path]]:
    """(place in the wheel, file) of everything Pannier installs, taken from a checkout.

    As `tool.hatch.build.targets.wheel` in pyproject.toml says; a test keeps the two equal.
    """
    root = _HERE.parent
    folders = {"bundler": _HERE, "runtime": root / "runtime", "bundler/templates": root / "templates"}
    folders |= {"bundler/dist-specs": root / "dist-specs", "bundler/webui": root / "webui"}
    for place, folder in folders.items():
        for where, below, names in os.walk(folder):
            below[:] = sorted(name for name in below if name not in _MADE and not name.startswith("."))
            for path in (Path(where, name) for name in sorted(names) if not name.startswith(".")):
                yield f"{place}/{path.relative_to(folder).as_posix()}", path
    for name in DOCUMENTS:
        yield f"bundler/docs/{name}", root / "docs" / name


def license_text() -> bytes:
    """Pannier's own licence: among the metadata where it is installed, at the root of a checkout."""
    checkout = _HERE.parent / "LICENSE"
    if checkout.is_file():
        return checkout.read_bytes()
    return (distribution("pannier").read_text("licenses/LICENSE") or "").encode()


def runtime_package() -> Path:
    """The directory of the package `runtime`, which is frozen into dists."""
    return Path(runtime.__file__).resolve().parent


def page_sources() -> Path:
    """The directory of the page's sources; `bundler.page` builds them."""
    inside = _HERE / "webui"
    return inside if inside.is_dir() else _HERE.parent / "webui"
