"""Run a dist in a mount namespace of its own: real mounts, because permission bits mean nothing to root."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests import requirements

QUESTION = ("run", "Hello", "--temperature", "0", "--max-tokens", "40")


def run_in(mounts: str, dist: Path, env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the dist after the shell commands `mounts`, which nobody outside sees. $HOME and $TMPDIR are the test's."""
    script = f'set -e; {mounts}\nexec "$@"'
    return subprocess.run(
        [requirements.tool("unshare"), "-m", "sh", "-c", script, "sh", dist, *(arguments or QUESTION)],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def bound(path: str, option: str) -> str:
    """The folder as it is, with a mount option (ro, noexec); what is mounted inside stays."""
    return f'mount --rbind "{path}" "{path}"; mount -o remount,bind,{option} "{path}"'


def fresh(path: str, options: str) -> str:
    """An empty file system there."""
    return f'mount -t tmpfs -o {options} none "{path}"'


NO_SHARED_PLACES = "; ".join(
    [
        f"for folder in {' '.join(f'{path}/pannier-*' for path in ('/tmp', '/var/tmp', '/dev/shm'))}",
        f'do [ ! -d "$folder" ] || {fresh("$folder", "ro")}',
        "done",
        *(bound(path, "ro") for path in ("/tmp", "/var/tmp", "/dev/shm")),
    ]
)
"""This machine's temp folders and shared memory are read-only, and what earlier starts left there is hidden."""
