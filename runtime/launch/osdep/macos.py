"""macOS."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from runtime.launch.osdep.api import APP
from runtime.launch.osdep.posix import Posix, home


class MacOS(Posix):
    """macOS 12 and later."""

    library_path_variables: ClassVar[tuple[str, ...]] = ("DYLD_LIBRARY_PATH", "DYLD_FRAMEWORK_PATH")

    def die_with_parent(self, expected_parent: int | None = None, *, gently: bool = False) -> None:
        """Watch the parent with a kernel queue in a thread; the parent's closed pipe remains the second way."""
        number = signal.SIGTERM if gently else signal.SIGKILL
        if sys.platform == "darwin":
            parent = expected_parent or os.getppid()

            def watch() -> None:
                event = select.kevent(parent, select.KQ_FILTER_PROC, select.KQ_EV_ADD, select.KQ_NOTE_EXIT)
                try:
                    if os.getppid() == parent:
                        select.kqueue().control([event], 1, None)
                except OSError:
                    pass  # it ended before we could look
                os.kill(os.getpid(), number)

            threading.Thread(target=watch, name="parent watch", daemon=True).start()

    def user_cache_dir(self, environ: Mapping[str, str]) -> Path | None:
        """~/Library/Caches, unless the user set the XDG variable."""
        named = environ.get("XDG_CACHE_HOME", "").strip()
        if named.startswith("/"):
            return Path(named) / APP
        base = home(environ)
        return base / "Library" / "Caches" / APP if base else None

    def shared_dirs(self, environ: Mapping[str, str]) -> list[tuple[Path, str]]:
        """TMPDIR is private to each user here, /tmp is not."""
        named = environ.get("TMPDIR", "")
        return [(Path(path), "temp folder") for path in dict.fromkeys((named, "/tmp")) if path.startswith("/")]

    def browser_command(self, url: str, environ: Mapping[str, str]) -> list[str] | None:
        """`open` is part of the system; in a remote login the window would open on the wrong desk."""
        if environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"):
            return None
        return ["/usr/bin/open", url]

    def cpu_identity(self) -> str:
        """Brand and features as the kernel names them."""
        texts = [os.uname().machine]
        if sys.platform == "darwin":
            texts += [_sysctl(name) for name in ("machdep.cpu.brand_string", "machdep.cpu.features", "hw.model")]
        return "\n".join(texts)


def _sysctl(name: str) -> str:
    import ctypes

    libc = ctypes.CDLL(None)
    size = ctypes.c_size_t(4096)
    buffer = ctypes.create_string_buffer(size.value)
    if libc.sysctlbyname(name.encode(), buffer, ctypes.byref(size), None, ctypes.c_size_t(0)) != 0:
        return ""
    return buffer.value.decode(errors="replace")
