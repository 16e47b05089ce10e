"""Copying: what is told of the bytes is true, wherever the file ends."""

from __future__ import annotations

import hashlib
import random
import zlib
from pathlib import Path

import pytest

from bundler.compose.copying import STRETCH, Copied, copy_hashed, copy_trusting

SIZE = 3 * STRETCH + 12_345


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(random.Random(1).randbytes(SIZE))
    return path


@pytest.mark.parametrize("size", [0, 1, STRETCH, SIZE])
def test_hashes_are_those_of_the_bytes(source: Path, tmp_path: Path, size: int) -> None:
    data = source.read_bytes()[:size]
    with source.open("rb") as old, (tmp_path / "target").open("w+b") as new:
        copied = copy_hashed(old, new, size)
        assert old.tell() == new.tell() == size
    assert copied == Copied(size, hashlib.sha256(data).hexdigest(), f"{zlib.crc32(data):08x}")
    assert (tmp_path / "target").read_bytes() == data


def test_trusted_bytes_are_the_same_as_far_as_there_are_any(source: Path, tmp_path: Path) -> None:
    with source.open("rb") as old, (tmp_path / "target").open("w+b") as new:
        old.seek(7)
        assert copy_trusting(old, new, SIZE) == SIZE - 7
    assert (tmp_path / "target").read_bytes() == source.read_bytes()[7:]
