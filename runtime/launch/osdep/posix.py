"""What Linux and macOS share: owners, permissions, advisory locks."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from runtime.launch.osdep.api import System

if sys.platform != "win32":
    import fcntl


def home(environ: Mapping[str, str]) -> Path | None:
    """The user's home: HOME, or what the user database says. None if neither names an absolute path."""
    named = environ.get("HOME", "")
    if not named:
        with contextlib.suppress(ImportError, KeyError, OSError):
            import pwd

            named = pwd.getpwuid(os.getuid()).pw_dir
    return Path(named) if named.startswith("/") else None


class Posix(System):
    """Owners, permissions and locks of Unix."""

    _held: int | None = None

    def no_crash_reports(self) -> None:
        """No core file."""
        with contextlib.suppress(ImportError, OSError, ValueError):
            import resource

            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def mark_alive(self, marker: Path) -> bool:
        """Lock first, then rename into view: whoever sees the marker sees it locked.

        The descriptor stays open for the life of the process and is closed in every program started from it (Python's
        default), so the lock ends with this process, however it ends.
        """
        hidden = marker.with_name(f"{marker.name}.{os.getpid()}.new")
        try:
            descriptor = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            hidden.rename(marker)
        except OSError:
            os.close(descriptor)
            hidden.unlink(missing_ok=True)
            return False
        self._held = descriptor
        return True

    @contextmanager
    def marker_of_the_dead(self, marker: Path) -> Iterator[bool]:
        """A free lock means a dead owner. Another cleaner may delete the marker between our opening and our locking:
        then the name no longer leads to what we locked, and the answer is no.
        """
        try:
            descriptor = os.open(marker, os.O_RDWR | os.O_NOFOLLOW)
        except OSError:
            yield False
            return
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                free = os.path.samestat(os.fstat(descriptor), os.lstat(marker))
            except OSError:
                free = False
            yield free
        finally:
            os.close(descriptor)

    def is_mine(self, directory: Path) -> bool:
        """A link could lead anywhere, and a folder of somebody else can be filled with libraries of theirs."""
        try:
            found = directory.lstat()
        except OSError:
            return False
        return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022
