"""A model's bytes as one stream, wherever they lie.

A model that comes in parts is joined while it is packed: the joined file is a new header followed by ranges of the
parts, so it never needs a second copy on the disk. Composing reads a `Content` and need not know the difference.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast


@dataclass(frozen=True, slots=True)
class Literal:
    """Bytes in memory: headers and padding."""

    data: bytes

    @property
    def size(self) -> int:
        """Number of bytes."""
        return len(self.data)


@dataclass(frozen=True, slots=True)
class Range:
    """`size` bytes of the file at `path`, from `offset`."""

    path: Path
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Content:
    """Pieces that are read one after the other."""

    pieces: tuple[Literal | Range, ...]

    @classmethod
    def of_file(cls, path: Path) -> Content:
        """All of one file, at its present size."""
        return cls((Range(path, 0, path.stat().st_size),))

    @classmethod
    def of_bytes(cls, data: bytes) -> Content:
        """Some bytes in memory."""
        return cls((Literal(data),))

    @property
    def size(self) -> int:
        """Number of bytes."""
        return sum(piece.size for piece in self.pieces)

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """A readable stream of all of it, for `size` bytes. It ends early where a file has become shorter."""
        if len(self.pieces) == 1 and isinstance(only := self.pieces[0], Range):
            with only.path.open("rb") as file:  # a plain file, so that the kernel may copy it
                file.seek(only.offset)
                yield file
            return
        with _Stream(self.pieces) as stream:
            yield cast("BinaryIO", stream)


class _Stream(io.RawIOBase):
    """Reads through the pieces; has at most one file open."""

    def __init__(self, pieces: Iterable[Literal | Range]) -> None:
        self._pieces = iter(pieces)
        self._current: BinaryIO = io.BytesIO()
        self._left = 0
        self._path: Path | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the caller's buffers are memoryviews
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._enter(piece)
        view = memoryview(buffer).cast("B")[: self._left]
        count: int = self._current.readinto(view)  # type: ignore[attr-defined]
        self._left = self._left - count if count else 0
        if not count:  # the file ended early: nothing after it may stand in its place
            self._pieces = iter(())
        return count

    def close(self) -> None:
        self._current.close()
        super().close()

    def _enter(self, piece: Literal | Range) -> None:
        if isinstance(piece, Literal):
            self._current.close()
            self._current, self._path = io.BytesIO(piece.data), None
        else:
            if self._path != piece.path:
                self._current.close()
                # Unbuffered: the reader asks for megabytes, and a buffer would only copy them once more.
                self._current, self._path = cast("BinaryIO", piece.path.open("rb", buffering=0)), piece.path
            self._current.seek(piece.offset)
        self._left = piece.size
