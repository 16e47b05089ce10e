"""The npm packages that the page is built with, as one archive: what npm fetched, file by file."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import zstandard

from bundler import resources
from bundler.console import Console
from bundler.errors import ToolError
from bundler.page.packages import packages, place_of
from bundler.publish import publishing

NAME = "page-packages.tar.zst"
ZSTD_LEVEL = 6


def pack(path: Path, console: Console, root: Path | None = None) -> tuple[int, str]:
    """Write the archive to `path`; size and SHA-256 of what is inside the compression. Equal packages, equal bytes.

    root: the cache; None means the usual one.
    """
    folder = packages(resources.page_sources(), root, console)
    plain = path.with_suffix(".plain")
    with tarfile.open(plain, "w", format=tarfile.PAX_FORMAT) as tar:
        for file in _files(folder):
            member = tar.gettarinfo(file, file.relative_to(folder).as_posix())
            member.uid = member.gid = member.mtime = 0
            member.uname = member.gname = ""
            member.mode = 0o755 if member.mode & 0o100 else 0o644
            with file.open("rb") if member.isreg() else io.BytesIO() as data:
                tar.addfile(member, data)
    with plain.open("rb") as source, path.open("wb") as out:
        compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL, write_content_size=True)
        compressor.copy_stream(source, out, size=plain.stat().st_size)
    with plain.open("rb") as source:
        content = plain.stat().st_size, hashlib.file_digest(source, "sha256").hexdigest()
    plain.unlink()
    return content


def unpack(path: Path, root: Path) -> None:
    """Put what `pack` packed (`path`: without the compression) where the page's build looks for it in the cache."""
    place = place_of(resources.page_sources(), root)
    if place.is_dir():
        return
    try:
        with publishing(place) as partial, tarfile.open(path) as tar:
            tar.extractall(partial, filter="data")
    except (tarfile.TarError, EOFError) as error:
        raise ToolError(
            f"The page's packages cannot be unpacked ({error}).", "Is the file sound? `verify` it."
        ) from None


def _files(root: Path) -> Iterator[Path]:
    """What npm wrote, sorted: files and links, without the folders that builds left there."""
    tops = [root / "node_modules", *root.glob("package*.json")]
    for top in sorted(tops):
        if top.is_file():
            yield top
        for where, folders, names in os.walk(top):
            folders.sort()
            links = [name for name in folders if Path(where, name).is_symlink()]
            yield from (Path(where, name) for name in sorted([*names, *links]))
