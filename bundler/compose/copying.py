"""Copy a large payload once, and hash it on the way (or take it on trust, and only copy).

SHA-256, CRC-32 and the copy run side by side (each releases the interpreter's lock), so the copy takes as long as the
slowest of them and not their sum. Where the kernel can copy between files, what is hashed is read back from the target:
so the hash is that of the bytes that were written, and the pieces are small enough to stay in the processor's cache.
"""

from __future__ import annotations

import hashlib
import io
import os
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import BinaryIO, Self

from bundler.compose import ranges

CHUNK = 1 << 20
BUFFERS = 4
STRETCH = 8 << 20  # bytes copied by one call of the kernel
LAG = 8  # stretches the hashing may be behind: still in the page cache, whatever the disk does
PIECE = 256 << 10  # bytes hashed at once

Advance = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Copied:
    """What went by: number of bytes, SHA-256 and CRC-32 (lower-case hex)."""

    size: int
    sha256: str
    crc32: str


def copy_hashed(
    source: BinaryIO, target: BinaryIO, size: int, advance: Advance | None = None, crc32: str = ""
) -> Copied:
    """Copy `size` bytes (or fewer, if `source` ends early: compare `Copied.size`) and hash them.

    Both are used from their current positions. advance: called with the size of every piece. crc32: the CRC-32 if it is
    known; then it is not computed again, for whoever compares the SHA-256 has it vouched for.
    """
    descriptors = _descriptors(source, target)
    if descriptors and hasattr(os, "preadv"):
        copied = _in_kernel(*descriptors, size, advance, crc32)
        if copied:
            _skip(source, target, copied.size)
            return copied
    return _through_memory(source, target, size, advance, crc32)


def copy_trusting(source: BinaryIO, target: BinaryIO, size: int, advance: Advance | None = None) -> int:
    """Copy `size` bytes without looking at them, sharing blocks where possible; returns how many there were."""
    done = 0
    descriptors = _descriptors(source, target)
    if descriptors:
        for count, _shared in _stretches(*descriptors, size):
            done += count
            if advance:
                advance(count)
        _skip(source, target, done)
    while done < size:
        data = source.read(min(CHUNK, size - done))
        if not data:
            break
        target.write(data)
        done += len(data)
        if advance:
            advance(len(data))
    return done


def _descriptors(source: BinaryIO, target: BinaryIO) -> tuple[int, int, int, int] | None:
    """Descriptor and position of both, None where one is no file."""
    try:
        target.flush()
        return source.fileno(), source.tell(), target.fileno(), target.tell()
    except io.UnsupportedOperation:
        return None


def _skip(source: BinaryIO, target: BinaryIO, size: int) -> None:
    """Step over what was copied past the streams."""
    source.seek(size, io.SEEK_CUR)
    target.seek(size, io.SEEK_CUR)


def _stretches(source: int, offset: int, target: int, place: int, size: int) -> Iterator[tuple[int, bool]]:
    """Copy inside the kernel, telling of every stretch how long it is and whether both files share it now.

    Ends early where the kernel cannot go on.
    """
    done = ranges.share(source, offset, target, place, size)
    if done:
        yield done, True
    while done < size:
        count = ranges.move(source, offset + done, target, place + done, min(STRETCH, size - done))
        if not count:
            return
        done += count
        yield count, False


def _in_kernel(
    source: int, offset: int, target: int, place: int, size: int, advance: Advance | None, crc32: str
) -> Copied | None:
    """Copy between descriptors; None if the kernel cannot (then nothing has happened)."""
    done = 0
    with _Hashing(crc32) as hashing:
        for count, shared in _stretches(source, offset, target, place, size):
            # What is shared is read from the source: the same blocks, and more likely to be in memory already.
            fd, start = (source, offset) if shared else (target, place)
            for at in range(done, done + count, STRETCH):
                part = min(STRETCH, done + count - at)
                hashing.read(fd, start + at, part)
                if advance:
                    advance(part)
            done += count
        hashing.finish()
    return hashing.copied(done) if done or not size else None


def _through_memory(source: BinaryIO, target: BinaryIO, size: int, advance: Advance | None, crc32: str) -> Copied:
    """Copy by reading and writing: streams that are no files, and systems whose kernel cannot copy."""
    done = 0
    with _Hashing(crc32) as hashing:
        free = deque(bytearray(min(CHUNK, max(size, 1))) for _ in range(BUFFERS))
        while done < size:
            buffer = free.popleft() if free else hashing.finish_oldest()
            view = memoryview(buffer)[: min(CHUNK, size - done)]
            count = _read_into(source, view)
            if not count:
                break
            hashing.take(buffer, view[:count])
            target.write(view[:count])
            done += count
            if advance:
                advance(count)
        hashing.finish()
    return hashing.copied(done)


class _Hashing:
    """SHA-256 and CRC-32 in a thread each, which keeps the pieces of one in order. A context: ends its threads."""

    def __init__(self, crc32: str) -> None:
        self._known = crc32
        self._crc = 0
        self._sha = hashlib.sha256()
        self._sums: list[tuple[ThreadPoolExecutor, Callable[[memoryview], None]]] = []
        self._behind: deque[tuple[bytearray, list[Future[None]]]] = deque()

    def __enter__(self) -> Self:
        takers = [self._sha.update] if self._known else [self._sha.update, self._checksum]
        self._sums = [(ThreadPoolExecutor(1), take) for take in takers]
        return self

    def __exit__(self, *_: object) -> None:
        for thread, _take in self._sums:
            thread.shutdown()

    def take(self, buffer: bytearray, view: memoryview) -> None:
        """Hash `view`; `buffer` is lent until `finish_oldest` gives it back."""
        self._behind.append((buffer, [thread.submit(take, view) for thread, take in self._sums]))

    def read(self, fd: int, offset: int, size: int) -> None:
        """Hash a range of a file, soon."""
        futures = [thread.submit(_feed, take, fd, offset, size) for thread, take in self._sums]
        self._behind.append((bytearray(), futures))
        while len(self._behind) > LAG:
            self.finish_oldest()

    def finish_oldest(self) -> bytearray:
        """Wait for the oldest piece; gives its buffer back. Raises what its reading raised."""
        buffer, futures = self._behind.popleft()
        for future in futures:
            future.result()
        return buffer

    def finish(self) -> None:
        """Wait for all pieces."""
        while self._behind:
            self.finish_oldest()

    def copied(self, size: int) -> Copied:
        """What went by."""
        return Copied(size, self._sha.hexdigest(), self._known or f"{self._crc:08x}")

    def _checksum(self, view: memoryview) -> None:
        self._crc = zlib.crc32(view, self._crc)


def _feed(take: Callable[[memoryview], None], fd: int, offset: int, size: int) -> None:
    """Give a range of a file to `take`, piece by piece. Raises `OSError`, also where the range ends early."""
    buffer = memoryview(bytearray(min(PIECE, size)))
    end = offset + size
    while offset < end:
        count = os.preadv(fd, [buffer[: min(PIECE, end - offset)]], offset)
        if not count:
            raise OSError("what was just written cannot be read back")
        take(buffer[:count])
        offset += count


def _read_into(source: BinaryIO, view: memoryview) -> int:
    """Fill `view` as far as the source goes; returns how far."""
    count = 0
    while count < len(view):
        part = source.readinto(view[count:])  # type: ignore[attr-defined]
        if not part:
            break
        count += part
    return count
