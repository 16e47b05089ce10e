"""The temporary folders PyInstaller's bootloader unpacks into: marking ours as alive, removing those of the dead.

The bootloader removes its folder when the program ends, but not when the bootloader itself was killed. The next start
does it then. It must never remove a folder in use, nor one of another PyInstaller program:
- ours is a folder that contains `RECOGNISED`, a file every frozen runtime carries;
- a running copy holds the lock of its marker; the marker appears locked (`System.mark_alive`);
- between the bootloader's work and our marking lies a fraction of a second: a folder without a marker counts as dead
  only after an hour, and only if the process the bootloader named it after is gone;
- where locks do not work (our own marking failed) nothing is removed.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import threading
import time
from pathlib import Path

from runtime.launch.osdep import System, system

RECOGNISED = "pannier-runtime"
"""A data file in the top folder of every frozen runtime; its content does not matter."""

MARKER = "pannier-alive"
UNMARKED_AGE = 3600.0  # seconds
MARKED_AGE = 10.0  # seconds; so that no rule hangs on one instant
_NAME = re.compile(r"_MEI([0-9a-f]{8})\w+")


def unpacked_dir() -> Path | None:
    """The folder this program was unpacked into; None if it was not."""
    found = getattr(sys, "_MEIPASS", None)
    return Path(found) if found else None


def bootloader_pid() -> int | None:
    """The process that unpacked us and is our parent; the bootloader writes it into the folder's name."""
    directory = unpacked_dir()
    match = _NAME.fullmatch(directory.name) if directory else None
    return int(match[1], 16) if match else None


def claim_temp_dir(directory: Path | None = None, osdep: System = system) -> bool:
    """Mark our unpacked folder as in use until this process ends. False if it is not ours to mark or cannot be locked.

    Only the first process of a launch does this; those it starts live in the same folder and shorter.
    """
    directory = directory or unpacked_dir()
    return directory is not None and (directory / RECOGNISED).exists() and osdep.mark_alive(directory / MARKER)


def sweep_stale_temp_dirs(own: Path, osdep: System = system) -> list[Path]:
    """Remove the folders that dead copies of a Pannier left beside `own`. Returns what was removed; never raises."""
    removed: list[Path] = []
    with contextlib.suppress(OSError):
        for directory in own.parent.iterdir():
            match = _NAME.fullmatch(directory.name)
            if match is None or directory == own or not osdep.is_mine(directory):
                continue
            if (directory / RECOGNISED).exists() and _remove_if_dead(directory, int(match[1], 16), osdep):
                removed.append(directory)
    return removed


def claim_and_sweep() -> None:
    """What every start does: claim at once, sweep in the background, at no cost to the start."""
    own = unpacked_dir()
    if own is not None and claim_temp_dir(own):
        threading.Thread(target=sweep_stale_temp_dirs, args=(own,), name="sweep", daemon=True).start()


def _remove_if_dead(directory: Path, unpacker: int, osdep: System) -> bool:
    marker = directory / MARKER
    if _age(marker) is None:
        if (_age(directory) or 0.0) < UNMARKED_AGE or _runs(unpacker):
            return False
        shutil.rmtree(directory, ignore_errors=True)
        return not directory.exists()
    if (_age(marker) or 0.0) < MARKED_AGE:
        return False
    with osdep.marker_of_the_dead(marker) as dead:
        if not dead:
            return False
        # The two files others judge by go last: what is interrupted here is still recognised by the next start.
        for path in directory.iterdir():
            if path.name not in (MARKER, RECOGNISED):
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() and not path.is_symlink() else _unlink(path)
    shutil.rmtree(directory, ignore_errors=True)
    return not directory.exists()


def _age(path: Path) -> float | None:
    """Seconds since `path` changed; None if it is not there. The clock may have been set back: never negative."""
    try:
        return max(0.0, time.time() - path.lstat().st_mtime)
    except OSError:
        return None


def _unlink(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _runs(pid: int) -> bool:
    if sys.platform == "win32":
        return False  # os.kill would end it; the age must do
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
