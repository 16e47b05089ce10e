"""Programs for other systems, from zig's compiler, which comes as a package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def compile_program(target: str, *arguments: str, cwd: Path) -> None:
    """`zig cc` for a target by zig's name, in a folder."""
    command = [sys.executable, "-m", "ziglang", "cc", "-target", target, *arguments]
    subprocess.run(command, cwd=cwd, check=True, timeout=600)
