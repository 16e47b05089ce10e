"""Programs for Windows, run by Wine in a profile of their own."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from tests.requirements import tool

LIMIT = 300


@cache
def _profile() -> str:
    """One for the whole test run: making it takes Wine seconds."""
    return tempfile.mkdtemp(prefix="pannier-wine-")


def run_under_wine(
    program: Path,
    arguments: Sequence[str],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    *,
    screen: bool = False,
) -> str:
    """What the program says, on both streams. It is started in `folder`.

    screen: with one that nobody sees, without which Wine has no Vulkan.
    """
    display = [tool("xvfb-run"), "-a"] if screen else []
    done = subprocess.run(
        [*display, tool("wine"), str(program), *arguments],
        cwd=folder,
        env={**os.environ, "WINEPREFIX": _profile(), "WINEDEBUG": "-all", **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=LIMIT,
        check=False,
    )
    return done.stdout.decode("utf-8", "replace")
