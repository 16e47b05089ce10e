"""The programs that make and run such a system: where each is, and how to get it where it is missing."""

from __future__ import annotations

import shutil

from bundler.engine.finding import Finding
from bundler.errors import ToolError

PACKAGES = {
    "mmdebstrap": "mmdebstrap debian-archive-keyring",
    "unshare": "util-linux",
    "qemu-aarch64-static": "qemu-user-static",
}
"""Debian's packages that each comes with."""


def find(program: str) -> Finding:
    """Whether one of `PACKAGES`' programs is here."""
    path = shutil.which(program)
    if path is None:
        remedy = f"Debian/Ubuntu: apt install {PACKAGES[program]}"
        return Finding(program, found=False, detail=f"{program} is not installed", remedy=remedy)
    return Finding(program, found=True, detail=path, path=path)


def needed(program: str) -> str:
    """Its path. Raises `ToolError` where it is missing."""
    finding = find(program)
    if not finding.found:
        raise ToolError(f"The program {finding.detail}.", finding.remedy)
    return finding.path


def qemu(machine: str) -> str:
    """Name of the program that runs programs for this processor."""
    return f"qemu-{machine}-static"
