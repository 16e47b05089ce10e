"""Linux."""

from __future__ import annotations

import os
import shutil
import signal
import struct
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from runtime.launch.osdep.api import APP, Command
from runtime.launch.osdep.posix import Posix, home

PRELOAD = "libpannier-worker.so"
"""What `runtime/launcher/preload` is compiled to; it lies beside the runtime's other libraries."""

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
AT_HWCAP, AT_HWCAP2 = 16, 26
IDENTIFYING = (
    *("vendor_id", "cpu family", "model", "model name", "stepping", "flags"),
    *("CPU implementer", "CPU architecture", "CPU variant", "CPU part", "CPU revision", "Features"),
)
"""The lines of a processor in /proc/cpuinfo that stay the same from one start to the next (x86, then ARM)."""


class Linux(Posix):
    """Linux with glibc. `proc` is where the process file system is, for tests."""

    library_path_variables: ClassVar[tuple[str, ...]] = ("LD_LIBRARY_PATH",)

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self.proc = proc

    def die_with_parent(self, expected_parent: int | None = None, *, gently: bool = False) -> None:
        """Ask the kernel for a signal at the parent's death.

        The kernel means the parent's *thread* that started us: start children from a thread that stays. A parent that
        died before the request was made sends nothing any more, hence the look at our parent afterwards.
        """
        import ctypes

        number = signal.SIGTERM if gently else signal.SIGKILL
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(number), 0, 0, 0)
        if expected_parent and os.getppid() != expected_parent:
            os.kill(os.getpid(), number)

    def no_crash_reports(self) -> None:
        """The limit alone does not stop a kernel that pipes dumps into a crash reporter; this does."""
        import ctypes

        super().no_crash_reports()
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, ctypes.c_ulong(0), 0, 0, 0)

    def user_cache_dir(self, environ: Mapping[str, str]) -> Path | None:
        """The XDG base directory, relative values ignored as its specification asks."""
        named = environ.get("XDG_CACHE_HOME", "").strip()
        if named.startswith("/"):
            return Path(named) / APP
        base = home(environ)
        return base / ".cache" / APP if base else None

    def private_runtime_dir(self, environ: Mapping[str, str]) -> Path | None:
        """XDG_RUNTIME_DIR: in memory, of this user alone, gone when they log out."""
        named = environ.get("XDG_RUNTIME_DIR", "")
        return Path(named) / APP if named.startswith("/") else None

    def shared_dirs(self, environ: Mapping[str, str]) -> list[tuple[Path, str]]:
        """The temp folders, then shared memory, which is writable and executable on most hardened systems."""
        named = environ.get("TMPDIR", "")
        temp = [Path(named)] if named.startswith("/") else []
        temp += [path for path in (Path("/tmp"), Path("/var/tmp")) if path not in temp]
        return [*((path, "temp folder") for path in temp), (Path("/dev/shm"), "shared memory")]

    def browser_command(self, url: str, environ: Mapping[str, str]) -> list[str] | None:
        """Only with a display, and not in a remote login, where the window would open on the wrong desk."""
        if not (environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")):
            return None
        if environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"):
            return None
        for opener in (["xdg-open"], ["gio", "open"], ["x-www-browser"], ["firefox"], ["chromium"]):
            found = shutil.which(opener[0], path=environ.get("PATH"))
            if found:
                return [found, *opener[1:], url]
        return None

    def cpu_identity(self) -> str:
        """The first processor's block in /proc/cpuinfo, and what the kernel tells a program it may use.

        The kernel offers only what all processors have. Under an emulator cpuinfo may be about the machine outside.
        """
        kept: list[str] = []
        try:
            with (self.proc / "cpuinfo").open(encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    name, colon, value = line.partition(":")
                    if not colon and kept:
                        break
                    if name.strip() in IDENTIFYING:
                        kept.append(f"{name.strip()}: {' '.join(sorted(value.split()))}")
        except OSError:
            pass
        return "\n".join([os.uname().machine, *kept, *self._capabilities()])

    def _capabilities(self) -> list[str]:
        """The instruction sets as bits (getauxval(3)), by their tags."""
        try:
            words = (self.proc / "self" / "auxv").read_bytes()
        except OSError:
            return []
        size = struct.calcsize("@LL")
        pairs = struct.iter_unpack("@LL", words[: len(words) // size * size])
        return [f"{tag}: {value:x}" for tag, value in pairs if tag in (AT_HWCAP, AT_HWCAP2)]

    def worker_command(self, dist_fd: int | None = None) -> Command:
        """The same with a library of ours in front (runtime/launcher/preload), if the loader can be told its path:
        it takes a list, in which spaces and colons part the names.
        """
        command = self.self_command(dist_fd)
        library = str(Path(getattr(sys, "_MEIPASS", "")) / PRELOAD)
        if command.executable != sys.executable or " " in library or ":" in library or not Path(library).exists():
            return command
        users = command.environment.get("LD_PRELOAD", "")
        return replace(command, environment={**command.environment, "LD_PRELOAD": f"{library} {users}".rstrip()})

    def self_command(self, dist_fd: int | None = None) -> Command:
        """The unpacked program; if that is gone (a cache was emptied), the dist itself, whose launcher unpacks it anew.

        The dist may have been renamed or deleted, so it is started through our descriptor of it.
        """
        command = super().self_command()
        if not getattr(sys, "frozen", False):
            return command
        if dist_fd is None or Path(sys.executable).exists():
            return Command((sys.argv[0],), command.executable, command.environment)
        through = self.proc / str(os.getpid()) / "fd" / str(dist_fd)
        return Command((sys.argv[0],), str(through), self.outside_environment())
