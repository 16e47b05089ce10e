"""Builds the fake engine in a process of its own, for tests that kill it or run several.

ROOT SOURCE [no-locks|useless-locks]: on a file system without locks, or with locks that lock nobody out.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from filelock import FileLock

from bundler.console import Console
from bundler.engine import part
from bundler.engine.build import build_engine
from bundler.targets import host


def main() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background ignores it, and so would we
    root, source = Path(sys.argv[1]), Path(sys.argv[2])
    part.source_tree = lambda _root, _console: source  # type: ignore[assignment]
    if "no-locks" in sys.argv:
        FileLock.acquire = _refuse  # type: ignore[method-assign]
    if "useless-locks" in sys.argv:
        FileLock.acquire = _pretend  # type: ignore[method-assign,assignment]
    engine = build_engine(host(), ["cpu"], root, Console(quiet=True))
    sys.stdout.write(f"{engine.path}\n")


def _refuse(*_: object, **__: object) -> None:
    raise NotImplementedError("this file system knows no locks")


def _pretend(*_: object, **__: object) -> None:
    pass


if __name__ == "__main__":
    main()
