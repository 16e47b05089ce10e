"""Copy a large payload once, and hash it on the way.

SHA-256, CRC-32 and the write run side by side (each releases the interpreter's lock), so the copy takes as long as the
slowest of them and not their sum.
"""

from __future__ import annotations

import hashlib
import zlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import BinaryIO

CHUNK = 4 << 20
BUFFERS = 4


@dataclass(frozen=True, slots=True)
class Copied:
    """What went by: number of bytes, SHA-256 and CRC-32 (lower-case hex)."""

    size: int
    sha256: str
    crc32: str


def copy_hashed(
    source: BinaryIO, target: BinaryIO | None, size: int, advance: Callable[[int], object] | None = None
) -> Copied:
    """Copy `size` bytes (or fewer, if `source` ends early: compare `Copied.size`) and hash them.

    target: where to write from its current position; None only hashes. advance: called with the size of every piece.
    """
    sha = hashlib.sha256()
    crc = 0
    done = 0

    def checksum(view: memoryview) -> None:
        nonlocal crc
        crc = zlib.crc32(view, crc)

    # One thread each keeps the pieces of one checksum in order; the pool of buffers bounds the memory.
    with ThreadPoolExecutor(1) as sha_thread, ThreadPoolExecutor(1) as crc_thread:
        free = deque(bytearray(min(CHUNK, max(size, 1))) for _ in range(BUFFERS))
        busy: deque[tuple[bytearray, Future[None], Future[None]]] = deque()
        while done < size:
            if not free:
                buffer, first, second = busy.popleft()
                first.result()
                second.result()
                free.append(buffer)
            buffer = free.popleft()
            view = memoryview(buffer)[: min(CHUNK, size - done)]
            count = _read_into(source, view)
            if not count:
                break
            view = view[:count]
            busy.append((buffer, sha_thread.submit(sha.update, view), crc_thread.submit(checksum, view)))
            if target is not None:
                target.write(view)
            done += count
            if advance:
                advance(count)
        for _, first, second in busy:
            first.result()
            second.result()
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
