"""The frozen runtime as a folder of files, packed into one archive that the launcher unpacks.

`runtime.tar.zst` is a plain tar archive (ustar: regular files only, sorted, no owner, no time) in one zstd frame.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from dataclasses import dataclass
from pathlib import Path

import zstandard

from runtime.manifest import Digest

PROGRAM = "pannier"
"""Name of the program in the folder; `ps` shows it."""

CONTENTS = "_internal"
"""Where PyInstaller puts everything but the program."""

ZSTD_LEVEL = 19
"""15 seconds once per runtime. At 22 it would be 2 % smaller and take the launcher 16 times the memory to decode."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What is in the archive. files: (path, size) in its order. content: of the archive before it was compressed."""

    files: tuple[tuple[str, int], ...]
    content: Digest

    @property
    def id(self) -> str:
        """Stands for paths, modes and contents of all files; names their folder in a cache."""
        return self.content.sha256[:32]


def pack(folder: Path) -> tuple[Listing, bytes]:
    """Pack every file of `folder`. A link becomes a copy: a cache may lie on a file system that has none."""
    buffer = io.BytesIO()
    files: list[tuple[str, int]] = []
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            data = path.read_bytes()
            info = tarfile.TarInfo(path.relative_to(folder).as_posix())
            info.size, info.mode = len(data), 0o755 if path.stat().st_mode & 0o100 else 0o644
            tar.addfile(info, io.BytesIO(data))
            files.append((info.name, info.size))
    plain = buffer.getvalue()
    compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL, write_content_size=True, write_checksum=True)
    digest = Digest(len(plain), hashlib.sha256(plain).hexdigest())
    return Listing(tuple(files), digest), compressor.compress(plain)
