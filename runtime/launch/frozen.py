"""What a frozen program must mend about its own freezing.

PyInstaller's importer opens the program's file *by name* for every module it imports. Modules are imported late here,
so a program whose cache was emptied after its start would fail at the first request, with PyInstaller's words. Through
/proc/self/exe the file is found whatever became of its name. (The importer has no setting for it; the pinned version's
attribute is used, and a test empties the cache of a running dist.)
"""

from __future__ import annotations

import sys
from pathlib import Path

SELF = Path("/proc/self/exe")


def find_modules_whatever_happens() -> None:
    """Let the importer find the program's file by what it is, not by name; where the system offers no way, nothing."""
    if getattr(sys, "frozen", False) and SELF.exists():
        importers = sys.modules.get("pyimod02_importers")
        archive = getattr(importers, "pyz_archive", None)
        if archive is not None:
            archive._filename = str(SELF)
