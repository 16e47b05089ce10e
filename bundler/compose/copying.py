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
from typing import BinaryIO

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


def copy_hashed(source: BinaryIO, target: BinaryIO, size: int, advance: Advance | None = None) -> Copied:
    """Copy `size` bytes (or fewer, if `source` ends early: compare `Copied.size`) and hash them.

    Both are used from their current positions. advance: called with the size of every piece.
    """
    descriptors = _descriptors(source, target)
    if descriptors and hasattr(os, "pread"):
        copied = _in_kernel(*descriptors, size, advance)
        if copied:
            _skip(source, target, copied.size)
            return copied
    return _through_memory(source, target, size, advance)


def copy_trusting(source: BinaryIO, target: BinaryIO, size: int, advance: Advance | None = None) -> int:
    """Copy `size` bytes without looking at them, sharing blocks where possible; returns how many there were."""
    done = 0
    descriptors = _descriptors(source, target)
    if descriptors:
        for count in _stretches(*descriptors, size):
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


def _stretches(source: int, offset: int, target: int, place: int, size: int) -> Iterator[int]:
    """Copy inside the kernel, telling the size of every stretch done; ends early where it cannot go on."""
    done = ranges.share(source, offset, target, place, size)
    if done:
        yield done
    while done < size:
        count = ranges.move(source, offset + done, target, place + done, min(STRETCH, size - done))
        if not count:
            return
        done += count
        yield count


def _in_kernel(source: int, offset: int, target: int, place: int, size: int, advance: Advance | None) -> Copied | None:
    """Copy between descriptors; None if the kernel cannot (then nothing has happened)."""
    sha = hashlib.sha256()
    crc = 0
    done = 0

    def checksum(view: memoryview) -> None:
        nonlocal crc
        crc = zlib.crc32(view, crc)

    with ThreadPoolExecutor(1) as sha_thread, ThreadPoolExecutor(1) as crc_thread:
        behind: deque[tuple[Future[None], Future[None]]] = deque()
        for count in _stretches(source, offset, target, place, size):
            for at in range(done, done + count, STRETCH):
                where = (target, place + at, min(STRETCH, done + count - at))
                behind.append(
                    (sha_thread.submit(_feed, sha.update, *where), crc_thread.submit(_feed, checksum, *where))
                )
                while len(behind) > LAG:
                    _wait(behind.popleft())
                if advance:
                    advance(where[2])
            done += count
        for pair in behind:
            _wait(pair)
    return Copied(done, sha.hexdigest(), f"{crc:08x}") if done or not size else None


def _feed(take: Callable[[memoryview], None], fd: int, offset: int, size: int) -> None:
    """Give a range of a file to `take`, piece by piece. Raises `OSError`, also where the range ends early."""
    end = offset + size
    while offset < end:
        data = os.pread(fd, min(PIECE, end - offset), offset)
        if not data:
            raise OSError("what was just written cannot be read back")
        take(memoryview(data))
        offset += len(data)


def _wait(pair: tuple[Future[None], Future[None]]) -> None:
    for future in pair:
        future.result()


def _through_memory(source: BinaryIO, target: BinaryIO, size: int, advance: Advance | None) -> Copied:
    """Copy by reading and writing: streams that are no files, and systems whose kernel cannot copy."""
    sha = hashlib.sha256()
    crc = 0
    done = 0

    def checksum(view: memoryview) -> None:
        nonlocal crc
        crc = zlib.crc32(view, crc)

    # One thread each keeps the pieces of one checksum in order; the pool of buffers bounds the memory.
    with ThreadPoolExecutor(1) as sha_thread, ThreadPoolExecutor(1) as crc_thread:
        free = deque(bytearray(min(CHUNK, max(size, 1))) for _ in range(BUFFERS))
        busy: deque[tuple[bytearray, tuple[Future[None], Future[None]]]] = deque()
        while done < size:
            if not free:
                buffer, pair = busy.popleft()
                _wait(pair)
                free.append(buffer)
            buffer = free.popleft()
            view = memoryview(buffer)[: min(CHUNK, size - done)]
            count = _read_into(source, view)
            if not count:
                break
            view = view[:count]
            busy.append((buffer, (sha_thread.submit(sha.update, view), crc_thread.submit(checksum, view))))
            target.write(view)
            done += count
            if advance:
                advance(count)
        for _, pair in busy:
            _wait(pair)
    return Copied(done, sha.hexdigest(), f"{crc:08x}")


def _read_into(source: BinaryIO, view: memoryview) -> int:
    """Fill `view` as far as the source goes; returns how far."""
    count = 0
    while count < len(view):
        part = source.readinto(view[count:])  # type: ignore[attr-defined]
        if not part:
            break
        count += part
    return count
