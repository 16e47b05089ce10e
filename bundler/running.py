"""Runs a tool that has much to say: into a log, whose end is quoted where the tool fails."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from bundler.errors import ToolError

_LAST_LINES = 15


def run_logged(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path, failure: str, remedy: str = ""
) -> None:
    """Run `command` in `folder`. Raises `ToolError`: `failure`, the last lines, and `remedy` with the log's place."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as sink:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=environment,
            check=False,
        )
    if done.returncode:
        said = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:])
        raise ToolError(f"{failure}:\n{said}", f"{remedy} The whole log is in {log}.".lstrip())
