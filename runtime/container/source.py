"""Random access to a file by position, through one descriptor that stays open.

The descriptor is the point: a dist may be renamed or unlinked while it runs, and two threads may read at once.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

CHUNK = 4 << 20
"""Bytes per read where a whole entry is streamed."""


class Source:
    """A file opened for positioned reads. Owns its descriptor; use as a context manager or call `close`."""

    def __init__(self, fd: int, name: str) -> None:
        self.fd = fd
        self.name = name
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """Open `path` for reading. Raises `OSError` as `open` does."""
        flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        return cls(os.open(path, flags), str(path))

    @property
    def size(self) -> int:
        """Size of the file in bytes, as it is now."""
        return os.fstat(self.fd).st_size

    def read_at(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes from `offset`; shorter only at the end of the file."""
        parts = []
        while size > 0:
            part = self._read_once(offset, size)
            if not part:
                break
            parts.append(part)
            offset += len(part)
            size -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def chunks(self, offset: int, size: int) -> Iterator[bytes]:
        """The bytes of a range in pieces of at most `CHUNK`; ends early at the end of the file."""
        end = offset + size
        while offset < end:
            data = self.read_at(offset, min(CHUNK, end - offset))
            if not data:
                return
            yield data
            offset += len(data)

    def close(self) -> None:
        """Close the descriptor; reading afterwards is an error."""
        os.close(self.fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read_once(self, offset: int, size: int) -> bytes:
        if hasattr(os, "pread"):
            return os.pread(self.fd, size, offset)
        with self._lock:  # Windows has no pread: seek and read must not be torn apart
            os.lseek(self.fd, offset, os.SEEK_SET)
            return os.read(self.fd, size)
