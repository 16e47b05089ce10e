"""The targets and what each of them demands; data only, so that any host can compose for any target."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass

from bundler.errors import UsageError

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Target:
    """One operating system and architecture.

    max_executable: largest file the system starts, in bytes; None if it knows no such bound.
    suffix: of an executable's name. signed: the stub carries a code signature that appending would break.
    launcher: the stub is our own launcher, not PyInstaller's bootloader. anywhere: its kit can be made on any Linux,
    not only on a system of its own. oldest: the version of the system that kits are made for at least; "" where glibc
    decides, which is read from what was built.
    """

    name: str
    system: str
    machine: str
    suffix: str = ""
    max_executable: int | None = None
    signed: bool = False
    launcher: bool = False
    anywhere: bool = False
    oldest: str = ""


# Windows maps an executable through 32-bit sizes and refuses larger ones; macOS keeps `strsize` of the
# symbol table, which must reach to the end of the file, in 32 bits.
TARGETS: dict[str, Target] = {
    t.name: t
    for t in (
        Target("linux-x86_64", "linux", "x86_64", launcher=True),
        Target("linux-aarch64", "linux", "aarch64", launcher=True, anywhere=True),
        Target("macos-arm64", "macos", "arm64", max_executable=4 * GIB - 1, signed=True, oldest="12.0"),
        Target("macos-x86_64", "macos", "x86_64", max_executable=4 * GIB - 1, signed=True, oldest="12.0"),
        # 10.0.18362 is Windows 10 1903, the first to give a program UTF-8 by its manifest.
        Target("windows-x86_64", "windows", "x86_64", suffix=".exe", max_executable=4 * GIB - 1, oldest="10.0.18362"),
    )
}


def find(name: str) -> Target:
    """The target called `name`. Raises `UsageError` listing those there are."""
    if name not in TARGETS:
        raise UsageError(f"There is no target {name!r}.", f"Targets are: {', '.join(TARGETS)}.")
    return TARGETS[name]


def host() -> Target:
    """The target of this machine. Raises `UsageError` on a system Pannier does not know."""
    system = {"linux": "linux", "darwin": "macos", "win32": "windows"}.get(sys.platform, sys.platform)
    machine = platform.machine().lower()
    machine = {"amd64": "x86_64", "arm64": "arm64" if system == "macos" else "aarch64"}.get(machine, machine)
    return find(f"{system}-{machine}")
