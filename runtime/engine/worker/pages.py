"""The page tables of a mapped model, filled by us instead of by llama.cpp, where the system lets us (Linux).

llama.cpp maps a file with MAP_POPULATE: `mmap` returns when every page has been read and entered, which is most of the
time it takes to load a big model, silent, on one processor. With the library the launcher preloads
(runtime/launcher/preload/pages.c) it maps at once, and the pages are entered afterwards. What is in memory already,
because the model ran before, is entered beside everything else, while somebody is still typing a first question. What
has to come from a disk is waited for, and how far it got is told.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from runtime.engine.messages import Load

_POPULATE_READ = 22  # MADV_POPULATE_READ, Linux 5.14
_PIECE = 16 << 20  # bytes entered at a time
_SAMPLES = 128
_POLITENESS = 10  # nice value
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Stretch:
    """A mapped piece of a file: address in this process, and bytes."""

    address: int
    size: int


class Pages:
    """Of one range of an open file. fd: descriptor; offset, size: bytes."""

    def __init__(self, fd: int, offset: int, size: int) -> None:
        self._fd, self._offset, self._size = fd, offset, size

    @classmethod
    def of(cls, load: Load) -> Pages:
        """The model's; none of them where llama.cpp copies it, to a device or in another order, and so needs them all
        at once.
        """
        copied = bool(load.device or load.repack or load.model_splits)
        if copied or load.model_fd is None:
            return cls(-1, 0, 0)
        return cls(load.model_fd, load.model_offset, load.model_size)

    @contextmanager
    def left_alone(self) -> Iterator[bool]:
        """While files are mapped in here, their pages are left to us. False where that cannot be had."""
        switch = self._switch
        if switch is None:
            yield False
            return
        switch.value = 1
        try:
            yield True
        finally:
            switch.value = 0

    def are_in_memory(self) -> bool:
        """Whether the file need not be read from its disk; judged by samples, and no where the system does not tell."""
        step = max(self._size // _SAMPLES, 1)
        try:
            for position in range(self._offset, self._offset + self._size, step):
                os.preadv(self._fd, [bytearray(1)], position, os.RWF_NOWAIT)
        except OSError:  # BlockingIOError where it would have to wait
            return False
        return True

    def fill(self, progress: Callable[[float], None] = lambda _: None) -> None:
        """Enter all pages; takes as long as reading them. progress: told the fraction done. Stops at the first refusal:
        a page that is not there by then is entered when it is needed.
        """
        done = 0
        for stretch in self._stretches():
            for start in range(0, stretch.size, _PIECE):
                piece = min(_PIECE, stretch.size - start)
                if self._advise(stretch.address + start, piece) != 0:
                    return
                done += piece
                progress(min(1.0, done / self._size))

    def fill_beside(self) -> None:
        """The same in a thread that nobody waits for, and that waits for everybody."""

        def fill() -> None:
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _POLITENESS)  # on Linux, of a thread
            with suppress(OSError):  # without it pages are entered when they are needed
                self.fill()

        threading.Thread(target=fill, name="pages", daemon=True).start()

    @cached_property
    def _libc(self) -> ctypes.CDLL:
        libc = ctypes.CDLL(None)
        libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        return libc

    def _advise(self, address: int, size: int) -> int:
        return int(self._libc.madvise(address, size, _POPULATE_READ))

    @cached_property
    def _switch(self) -> ctypes.c_int | None:
        """The preloaded library's, if it is there, the kernel can fill, and there is room for it all."""
        if not self._size or not hasattr(os, "RWF_NOWAIT"):
            return None
        try:
            switch = ctypes.c_int.in_dll(self._libc, "pannier_leaves_pages")
        except ValueError:
            return None
        return switch if self._advise(0, 0) == 0 and self._size < _available() else None

    def _stretches(self) -> Iterator[Stretch]:
        """Where our range is mapped. llama.cpp gives back what it has copied to a device."""
        status, page = os.fstat(self._fd), os.sysconf("SC_PAGESIZE")
        wanted = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}", str(status.st_ino)
        first, last = self._offset // page * page, self._offset + self._size
        for line in (_PROC / "self" / "maps").read_text(encoding="utf-8", errors="replace").splitlines():
            addresses, _, offset, device, inode, *_ = line.split(maxsplit=5)
            if (device, inode) != wanted:
                continue
            begin, end = (int(one, 16) for one in addresses.split("-"))
            start = max(first, int(offset, 16))
            size = min(last, int(offset, 16) + end - begin) - start
            if size > 0:
                yield Stretch(begin + start - int(offset, 16), size)


def _available() -> int:
    """Bytes of memory that can be had without swapping."""
    try:
        for line in (_PROC / "meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
