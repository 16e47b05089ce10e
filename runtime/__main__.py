"""Where every process of a dist begins: the program the user starts, its worker, its probes."""

from __future__ import annotations

import sys
from collections.abc import Callable

from runtime.launch.frozen import find_modules_whatever_happens


def main() -> int:
    """Become what the first argument says; each branch imports only what it needs."""
    find_modules_whatever_happens()
    first = sys.argv[1] if len(sys.argv) > 1 else ""
    if first == "--worker":
        from runtime.engine.worker.main import main as worker

        return worker(_ends_with(parent=int(sys.argv[2])))
    if first == "--probe":
        from runtime.backends.probe import child_main

        return child_main(sys.argv[2:])
    from runtime.launch.early import start_spare

    start_spare(sys.argv[1:])
    _live_with_the_bootloader()
    from runtime.cli.main import main as command_line

    return command_line()


def _live_with_the_bootloader() -> None:
    """In a one-file program PyInstaller's bootloader is our parent, and its folder ours to mark. A launcher is neither:
    it became us.
    """
    from runtime.launch import tempdirs

    bootloader = tempdirs.bootloader_pid()
    if bootloader is not None:
        from runtime.launch.osdep import system

        system.die_with_parent(bootloader, gently=True)
        tempdirs.claim_and_sweep()


def _ends_with(parent: int) -> Callable[[], None]:
    from runtime.launch.osdep import system

    return lambda: system.die_with_parent(parent)


if __name__ == "__main__":
    sys.exit(main())
