"""Where every process of a dist begins: the program the user starts, its worker, its probes."""

from __future__ import annotations

import sys
from collections.abc import Callable

from runtime.launch.frozen import find_modules_after_a_rename


def main() -> int:
    """Become what the first argument says; each branch imports only what it needs."""
    find_modules_after_a_rename()
    first = sys.argv[1] if len(sys.argv) > 1 else ""
    if first == "--worker":
        from runtime.engine.worker.main import main as worker

        return worker(_ends_with(parent=int(sys.argv[2])))
    if first == "--probe":
        from runtime.backends.probe import child_main

        return child_main(sys.argv[2:])
    from runtime.launch.osdep import system
    from runtime.launch.tempdirs import bootloader_pid, claim_and_sweep

    system.die_with_parent(bootloader_pid(), gently=True)
    claim_and_sweep()
    from runtime.cli.main import main as command_line

    return command_line()


def _ends_with(parent: int) -> Callable[[], None]:
    from runtime.launch.osdep import system

    return lambda: system.die_with_parent(parent)


if __name__ == "__main__":
    sys.exit(main())
