"""Where the files are that are not Python: one place that knows the three lives of the program."""

from __future__ import annotations

import sys
from pathlib import Path


def webui() -> Path:
    """The folder of the page's files."""
    return _folder("webui")


def _folder(name: str) -> Path:
    """Frozen: unpacked beside our code. Installed from a wheel: inside the package. In a checkout: at its root."""
    unpacked = getattr(sys, "_MEIPASS", None)
    if unpacked:
        return Path(unpacked) / name
    package = Path(__file__).resolve().parent
    inside = package / name
    return inside if inside.is_dir() else package.parent / name
