"""The interface of `runtime.launch.osdep`, with everything that is the same on every system."""

from __future__ import annotations

import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

APP = "pannier"


@dataclass(frozen=True, slots=True)
class Command:
    """How to start this same program once more: `Popen([*argv, …], executable=executable, env=environment)`.

    argv: what the child sees as its name and first arguments. executable: what is really started.
    """

    argv: tuple[str, ...]
    executable: str
    environment: dict[str, str]


class System(ABC):
    """One operating system. Methods never raise unless they say so."""

    library_path_variables: ClassVar[tuple[str, ...]] = ()
    """Variables PyInstaller's bootloader changes for its own child; `<name>_ORIG` holds the user's value."""

    @abstractmethod
    def die_with_parent(self, expected_parent: int | None = None, *, gently: bool = False) -> None:
        """End this process when its parent ends: at once, or with the way to clean up that SIGTERM gives (`gently`).

        expected_parent: the parent's process id as told by the parent itself (`tempdirs.bootloader_pid` for the first
        process). Without it, a parent that died before this call goes unnoticed.
        """

    @abstractmethod
    def user_cache_dir(self, environ: Mapping[str, str]) -> Path | None:
        """The folder the system gives a user's programs for what can be made again; None if there is no home.

        The same answers as platformdirs, whose import alone costs 20 ms of a start.
        """

    @abstractmethod
    def shared_dirs(self, environ: Mapping[str, str]) -> list[tuple[Path, str]]:
        """Folders everyone may write to, with a description; to be used only through a private folder inside."""

    @abstractmethod
    def browser_command(self, url: str, environ: Mapping[str, str]) -> list[str] | None:
        """The command that shows `url` to a person here and now; None where nobody is looking."""

    @abstractmethod
    def cpu_identity(self) -> str:
        """Text that changes when this machine's processor, or what it offers to programs, changes."""

    @abstractmethod
    def mark_alive(self, marker: Path) -> bool:
        """Create `marker`, locked from the moment it appears until this process ends. False if that cannot be had."""

    @abstractmethod
    def marker_of_the_dead(self, marker: Path) -> AbstractContextManager[bool]:
        """Whether the process that marked it has ended. While the context lasts nobody else gets True for it."""

    @abstractmethod
    def is_mine(self, directory: Path) -> bool:
        """Whether `directory` is a real directory (no link) of this user that nobody else may write to."""

    def no_crash_reports(self) -> None:  # noqa: B027 - doing nothing is a good answer
        """Let this process crash quietly: no core dump, no dialog. For children that are meant to take the risk."""

    def private_runtime_dir(self, environ: Mapping[str, str]) -> Path | None:
        """A folder of this user alone that lasts as long as their session."""
        return None

    def enable_colours(self) -> bool:
        """Make the console understand ANSI sequences. False if it does not."""
        return True

    def self_command(self, dist_fd: int | None = None) -> Command:
        """How to start this same program again.

        PyInstaller's `_PYI_*` variables stay, so that the child of a one-file program uses what is unpacked already.
        dist_fd: this process's descriptor of the dist, for when the unpacked program is gone (Linux).
        """
        if not getattr(sys, "frozen", False):
            return Command((sys.executable, "-m", "runtime"), sys.executable, dict(os.environ))
        return Command((sys.executable,), sys.executable, dict(os.environ))

    def worker_command(self, dist_fd: int | None = None) -> Command:
        """How to start this same program again to be a worker."""
        return self.self_command(dist_fd)

    def outside_environment(self, environ: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment for programs that are not ours: library paths as the user had them, no traces of the bundle.

        With the bundle's own library path a browser would load our libraries instead of its own and fail.
        """
        result = dict(os.environ if environ is None else environ)
        if getattr(sys, "frozen", False):
            for name in self.library_path_variables:
                original = result.pop(f"{name}_ORIG", None)
                if original is None:
                    result.pop(name, None)
                else:
                    result[name] = original
        for name in [name for name in result if name.startswith("_PYI_") or name == "PANNIER_DIST_FD"]:
            del result[name]
        return result

    def open_browser(self, url: str) -> bool:
        """Show `url` in the user's browser. False where there is no display or no browser. Never waits."""
        environment = self.outside_environment()
        command = self.browser_command(url, environment)
        if command is None:
            return False
        import subprocess
        import threading

        try:
            process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C here must not close the browser
            )
        except OSError:
            return False
        threading.Thread(target=process.wait, name="browser", daemon=True).start()  # leaves no zombie
        return True
