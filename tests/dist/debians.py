"""A dist as a program of this machine, which runs in a system of its own: a Debian with almost nothing in it."""

from __future__ import annotations

import platform
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

from bundler.console import Console
from bundler.foreign.debian import System, debian
from bundler.foreign.enter import command
from bundler.foreign.tools import qemu
from tests import requirements

BARE = ("coreutils", "dash", "libc6")
"""Debian's packages in it: the C library, and what `enter.sh` needs."""


def bare_debian(machine: str) -> System:
    """With `BARE` alone."""
    return debian_with(machine, BARE)


def debian_with(machine: str, packages: Sequence[str]) -> System:
    """Skips the test where none can be made; in CI it fails instead."""
    for program in ("mmdebstrap", "unshare", *([qemu(machine)] if machine != platform.machine() else [])):
        requirements.tool(program)
    return debian(machine, packages, None, Console(quiet=True))


def wrapped(dist: Path, system: System, folder: Path, name: str = "started", **more: str) -> Path:
    """A script that runs the dist in `system`, alone in a folder with an empty HOME. more: of its environment."""
    alone = folder / name
    (alone / "home").mkdir(parents=True)
    (alone / "temp").mkdir()
    shutil.copy2(dist, alone / "dist")
    environment = {"HOME": "/alone/home", "TMPDIR": "/alone/temp", **more}
    words = command(system, {alone: "/alone"}, ["/alone/dist"], environment)
    script = folder / f"{name}.sh"
    script.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    script.chmod(0o755)
    return script
