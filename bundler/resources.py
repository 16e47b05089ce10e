"""Where the builder's files are that are not Python: templates, specs, the page, and the runtime's own sources."""

from __future__ import annotations

from importlib.metadata import distribution
from pathlib import Path

import runtime

_HERE = Path(__file__).resolve().parent


def template(name: str) -> Path:
    """A file in `templates/`: inside the package where Pannier is installed, at the root of a checkout."""
    inside = _HERE / "templates"
    return (inside if inside.is_dir() else _HERE.parent / "templates") / name


def dist_spec(name: str) -> Path:
    """One of the ready dist-specs, by its name without suffix."""
    inside = _HERE / "dist-specs"
    return (inside if inside.is_dir() else _HERE.parent / "dist-specs") / f"{name}.toml"


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
