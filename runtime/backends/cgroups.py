"""Linux's control groups, as far as they limit us: what a container, or a session's slice, may use of the machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def levels(root: Path, controller: str) -> Iterator[Path]:
    """The folders of our groups that may limit `controller`, ours first: each level up may limit further.

    root: the machine's file tree. Both versions, also where they are mounted beside each other.
    """
    for line in text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2) if line.count(":") >= 2 else ("", "-", "")
        if controllers == "":
            bases = [root / "sys/fs/cgroup", root / "sys/fs/cgroup/unified"]
        elif controller in controllers.split(","):
            bases = [root / "sys/fs/cgroup" / controllers, root / "sys/fs/cgroup" / controller]
        else:
            continue
        for base in bases:
            group = base / path.lstrip("/")
            for level in [group, *group.parents]:
                yield level
                if level == base:
                    break


def number(path: Path) -> float:
    """The number in a file; 0 where there is none, or "max"."""
    found = text(path).strip()
    return float(found) if found.isdigit() else 0.0


def text(path: Path) -> str:
    """A file's text; nothing where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
