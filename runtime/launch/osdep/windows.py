"""Windows."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from runtime.launch.osdep.api import APP, System

SYNCHRONIZE = 0x00100000
INFINITE = 0xFFFFFFFF
GENERIC_READ_WRITE = 0xC0000000
CREATE_NEW = 1
OPEN_EXISTING = 3
INVALID_HANDLE = -1
QUIET_CRASHES = 0x0001 | 0x0002 | 0x8000  # SEM_FAILCRITICALERRORS, SEM_NOGPFAULTERRORBOX, SEM_NOOPENFILEERRORBOX
STD_OUTPUT, STD_ERROR = -11, -12
VIRTUAL_TERMINAL = 0x0004


class Windows(System):
    """Windows 10 and later."""

    _held: int | None = None

    def die_with_parent(self, expected_parent: int | None = None, *, gently: bool = False) -> None:
        """Wait for the parent's process handle in a thread. There is no gentle signal from outside here.

        A job object would kill children with us but cannot tie us to a parent that is not ours (the bootloader);
        this ties every process of the tree to the one above it in the same way.
        """
        if sys.platform == "win32":
            import ctypes

            parent = expected_parent or os.getppid()
            kernel = ctypes.WinDLL("kernel32", use_last_error=True)
            kernel.OpenProcess.restype = ctypes.c_void_p
            handle = kernel.OpenProcess(SYNCHRONIZE, False, parent)

            def watch() -> None:
                if handle:
                    kernel.WaitForSingleObject(ctypes.c_void_p(handle), INFINITE)
                os._exit(1)

            threading.Thread(target=watch, name="parent watch", daemon=True).start()

    def no_crash_reports(self) -> None:
        """No "has stopped working" dialog: it would hold the dead child until a person clicks it away."""
        if sys.platform == "win32":
            import ctypes

            ctypes.WinDLL("kernel32").SetErrorMode(QUIET_CRASHES)

    def user_cache_dir(self, environ: Mapping[str, str]) -> Path | None:
        """Local application data: never carried along to other computers of a domain."""
        local = environ.get("LOCALAPPDATA", "")
        if not local:
            profile = environ.get("USERPROFILE", "")
            local = os.path.join(profile, "AppData", "Local") if profile else ""  # noqa: PTH118 - must work as text
        return Path(local) / APP / "Cache" if local else None

    def shared_dirs(self, environ: Mapping[str, str]) -> list[tuple[Path, str]]:
        """The temp folder, which is the user's own here."""
        named = environ.get("TEMP") or environ.get("TMP") or ""
        return [(Path(named), "temp folder")] if named else []

    def browser_command(self, url: str, environ: Mapping[str, str]) -> list[str] | None:
        """Explorer hands an address to the default browser."""
        if environ.get("SSH_CONNECTION"):
            return None
        return [os.path.join(environ.get("SYSTEMROOT", r"C:\Windows"), "explorer.exe"), url]  # noqa: PTH118

    def cpu_identity(self) -> str:
        """What the system puts into every environment."""
        names = ("PROCESSOR_ARCHITECTURE", "PROCESSOR_IDENTIFIER", "PROCESSOR_REVISION")
        return "\n".join(os.environ.get(name, "") for name in names)

    def mark_alive(self, marker: Path) -> bool:
        """A file opened without sharing is locked from birth; the system closes it when the process ends."""
        if sys.platform == "win32":
            handle = _open_alone(marker, CREATE_NEW)
            if handle is not None:
                self._held = handle
                return True
        return False

    @contextmanager
    def marker_of_the_dead(self, marker: Path) -> Iterator[bool]:
        """While its owner lives, opening the marker is a sharing violation.

        The handle is closed again before the caller acts, since an open file could not be deleted; of two cleaners
        the second then finds less to delete.
        """
        free = False
        if sys.platform == "win32":
            import ctypes

            handle = _open_alone(marker, OPEN_EXISTING)
            if handle is not None:
                ctypes.WinDLL("kernel32").CloseHandle(ctypes.c_void_p(handle))
                free = True
        yield free

    def is_mine(self, directory: Path) -> bool:
        """The folders used here lie in the user's profile, which others cannot write to."""
        return directory.is_dir() and not directory.is_symlink()

    def enable_colours(self) -> bool:
        """Consoles before Windows Terminal show escape sequences as text unless asked to interpret them."""
        if sys.platform == "win32":
            import ctypes

            kernel = ctypes.WinDLL("kernel32")
            kernel.GetStdHandle.restype = ctypes.c_void_p
            done = False
            for stream in (STD_OUTPUT, STD_ERROR):
                handle = ctypes.c_void_p(kernel.GetStdHandle(stream))
                mode = ctypes.c_uint32()
                if kernel.GetConsoleMode(handle, ctypes.byref(mode)):
                    done = bool(kernel.SetConsoleMode(handle, mode.value | VIRTUAL_TERMINAL)) or done
            return done
        return False


def _open_alone(path: Path, disposition: int) -> int | None:
    if sys.platform == "win32":
        import ctypes

        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.CreateFileW.restype = ctypes.c_void_p
        handle = kernel.CreateFileW(str(path), GENERIC_READ_WRITE, 0, None, disposition, 0, None)
        if handle not in (None, ctypes.c_void_p(INVALID_HANDLE).value):
            return int(handle)
    return None
