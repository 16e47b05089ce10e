"""Copying: what is told of the bytes is true, and what the disk says of them is not lost."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from bundler.compose import copying
from bundler.compose.copying import STRETCH, copy_hashed, copy_trusting

SIZE = 3 * STRETCH + 12_345

Copy = Callable[[BinaryIO, BinaryIO, int], object]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(random.Random(1).randbytes(SIZE))
    return path


@pytest.fixture
def busy_disk(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The disk is given work after every stretch; the list has how often."""
    calls: list[int] = []
    real = os.fdatasync

    def count(fd: int) -> None:
        calls.append(fd)
        real(fd)

    monkeypatch.setattr(copying, "WRITEBACK", STRETCH)
    monkeypatch.setattr(os, "fdatasync", count)
    return calls


def test_hashes_are_those_of_the_bytes(source: Path, tmp_path: Path, busy_disk: list[int]) -> None:
    data = source.read_bytes()
    with source.open("rb") as old, (tmp_path / "target").open("w+b") as new:
        copied = copy_hashed(old, new, SIZE)
        assert old.tell() == new.tell() == SIZE
    assert copied == copying.Copied(SIZE, hashlib.sha256(data).hexdigest(), f"{zlib.crc32(data):08x}")
    assert (tmp_path / "target").read_bytes() == data
    assert busy_disk


def test_trusted_bytes_are_the_same(source: Path, tmp_path: Path, busy_disk: list[int]) -> None:
    with source.open("rb") as old, (tmp_path / "target").open("w+b") as new:
        old.seek(7)
        assert copy_trusting(old, new, SIZE) == SIZE - 7
    assert (tmp_path / "target").read_bytes() == source.read_bytes()[7:]
    assert busy_disk


@pytest.mark.parametrize("copy", [copy_hashed, copy_trusting])
def test_the_disks_error_is_raised(copy: Copy, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(fd: int) -> None:
        raise OSError(errno.EIO, "the disk could not write")

    monkeypatch.setattr(copying, "WRITEBACK", SIZE)
    monkeypatch.setattr(os, "fdatasync", fail)
    with (
        source.open("rb") as old,
        (tmp_path / "target").open("w+b") as new,
        pytest.raises(OSError, match="the disk could not write"),
    ):
        copy(old, new, SIZE)
