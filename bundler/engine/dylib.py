"""Reads what a Mac's library demands of the system: the libraries it needs, and the oldest macOS it is marked for.

The counterpart of `elf` and `dll`. A file may hold the same library for several processors; one of them is looked at.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from bundler.errors import ToolError

_MAGIC, _SEVERAL = 0xFEEDFACF, 0xCAFEBABE
_LOADING = (0x0C, 0x80000018, 0x8000001F)  # plainly, if it is there, and to hand on
_BUILD_VERSION, _VERSION_MIN = 0x32, 0x24
_PROCESSORS = {"x86_64": 0x01000007, "arm64": 0x0100000C}


@dataclass(frozen=True, slots=True)
class LibraryFacts:
    """needed: the names it needs libraries by. oldest: the macOS below which it is refused; empty if it says none."""

    needed: tuple[str, ...]
    oldest: tuple[int, ...]


def read_dylib(path: Path, machine: str) -> LibraryFacts:
    """Facts about a 64-bit library for `machine`. Raises `ToolError` where it is not one, or not whole."""
    try:
        return _read(_for(path.read_bytes(), _PROCESSORS[machine]))
    except (struct.error, ValueError, UnicodeDecodeError) as error:
        raise ToolError(
            f"{path.name} is not a whole library for a Mac ({error}).", "Clean the engine and build it again."
        ) from None


def _for(data: bytes, processor: int) -> bytes:
    """The part of the file that is for this processor: nearly always all of it."""
    if struct.unpack_from(">I", data) != (_SEVERAL,):
        return data
    (count,) = struct.unpack_from(">I", data, 4)
    for index in range(count):
        cpu, _, offset, size = struct.unpack_from(">4I", data, 8 + 20 * index)
        if cpu == processor:
            return data[offset : offset + size]
    raise ValueError("it has nothing for this processor")


def _read(data: bytes) -> LibraryFacts:
    magic, count = struct.unpack_from("<I12xI", data)
    if magic != _MAGIC:
        raise ValueError("no 64-bit Mach-O header")
    needed, oldest, at = [], 0, 32
    for _ in range(count):
        command, size, first, second = struct.unpack_from("<4I", data, at)
        if command in _LOADING:
            needed.append(data[at + first : at + size].split(b"\0", 1)[0].decode())
        elif command in (_BUILD_VERSION, _VERSION_MIN):
            oldest = second if command == _BUILD_VERSION else first
        at += size
    return LibraryFacts(tuple(needed), (oldest >> 16, oldest >> 8 & 0xFF) if oldest else ())
