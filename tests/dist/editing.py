"""Alter a built dist the way damage, or another builder, would: bits and entries, with the archive's checksums kept."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

from runtime.container.archive import open_dist


def flipped(dist: Path, copy: Path, at: int, bit: int = 0) -> Path:
    """A copy with one bit changed."""
    data = bytearray(dist.read_bytes())
    data[at] ^= 1 << bit
    return _written(copy, data)


def replaced(dist: Path, copy: Path, entry: str, change: Callable[[bytes], bytes]) -> Path:
    """A copy in which an entry has other bytes, as many as before, and checksums in both headers that fit them."""
    data = bytearray(dist.read_bytes())
    with open_dist(dist) as archive:
        placement = archive.layout.placement(entry)
        directory = archive.layout.directory_offset
    old = bytes(data[placement.data_offset : placement.end])
    new = change(old)
    assert len(new) == len(old)
    assert new != old
    data[placement.data_offset : placement.end] = new
    before, after = (zlib.crc32(content).to_bytes(4, "little") for content in (old, new))
    for start in (placement.header_offset, directory):
        at = data.index(before, start)
        data[at : at + 4] = after
    return _written(copy, data)


def _written(copy: Path, data: bytearray) -> Path:
    copy.write_bytes(data)
    copy.chmod(0o755)
    return copy
