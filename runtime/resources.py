"""Where the files are that are not Python: one place that knows the lives of the program."""

from __future__ import annotations

import os
import sys
from pathlib import Path

VARIABLE = "PANNIER_PAGE"
"""Names the folder of a built page for a runtime that is not frozen; `pannier page` prints it."""


def webui() -> Path:
    """The folder of the built page. Frozen: unpacked beside our code. Else: what the environment names, or nowhere."""
    unpacked = getattr(sys, "_MEIPASS", None)
    if unpacked:
        return Path(unpacked) / "webui"
    return Path(os.environ.get(VARIABLE) or "no page was named")
