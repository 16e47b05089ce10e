"""What a server's processes use, however many they are."""

from __future__ import annotations

import re
from pathlib import Path

import psutil

_ANONYMOUS = re.compile(r"^RssAnon:\s+(\d+) kB", re.MULTILINE)


class Usage:
    """Of a process and its children, from now on. One that was started with `--worker` computes, the others serve."""

    def __init__(self, pid: int) -> None:
        root = psutil.Process(pid)
        self._processes = [root, *root.children(recursive=True)]
        self._before = self._serving()

    def so_far(self) -> dict[str, float]:
        """Processor time of those who serve; memory that is not a mapped file."""
        return {
            "server_cpu_s": self._serving() - self._before,
            "memory_mib": sum(map(_anonymous, self._processes)) / 1024,
        }

    def _serving(self) -> float:
        times = [one.cpu_times() for one in self._processes if "--worker" not in one.cmdline()]
        return sum(one.user + one.system for one in times)


def _anonymous(process: psutil.Process) -> int:
    """KiB; Linux only, elsewhere 0."""
    status = Path(f"/proc/{process.pid}/status")
    found = _ANONYMOUS.search(status.read_text()) if status.exists() else None
    return int(found[1]) if found else 0
