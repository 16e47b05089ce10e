"""Runs zig's compiler for what is ours and small: the launcher, what is preloaded, a library to link against."""

from __future__ import annotations

import subprocess
from pathlib import Path

from bundler import cache
from bundler.engine.toolchain import clean_environment
from bundler.errors import ToolError

_LAST_LINES = 20


def compile_with_zig(command: list[str], folder: Path) -> None:
    """Run zig in `folder`. Raises `ToolError`.

    Zig compiles its C library at the first use, which takes longer than all of ours, and keeps it: in our cache."""
    environment = {
        **{name: value for name, value in clean_environment().items() if not name.startswith("ZIG_")},
        "ZIG_GLOBAL_CACHE_DIR": str(cache.root() / "work" / "zig"),
        "ZIG_LOCAL_CACHE_DIR": str(folder / "zig"),
    }
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-_LAST_LINES:])
        raise ToolError(f"zig does not compile what is ours:\n{said}", "Report this as a bug.")
