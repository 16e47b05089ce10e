"""What differs between operating systems: one interface (`api`), one module for each, chosen here.

Every module can be imported and, as far as it makes no system call, tested on every system.
"""

from __future__ import annotations

import sys

from runtime.launch.osdep.api import Command, System

__all__ = ["Command", "System", "system"]


def _choose() -> System:
    if sys.platform == "win32":
        from runtime.launch.osdep.windows import Windows

        return Windows()
    if sys.platform == "darwin":
        from runtime.launch.osdep.macos import MacOS

        return MacOS()
    from runtime.launch.osdep.linux import Linux

    return Linux()


system: System = _choose()
"""The system this process runs on."""
