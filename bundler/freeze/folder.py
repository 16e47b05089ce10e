"""The frozen runtime as a folder of files: packed into one archive, and described for the launcher.

`runtime.tar.zst` is a plain tar archive (ustar: regular files only, sorted, no owner, no time) in one zstd frame.
`runtime.txt` is what `runtime/launcher` reads before anything else; `runtime/launcher/record.h` shows one.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import zstandard

from bundler.errors import ToolError
from runtime.manifest import Digest

PROGRAM = "pannier"
"""Name of the program in the folder; `ps` shows it."""

VERSION = 1
ZSTD_LEVEL = 19
"""15 seconds once per runtime. At 22 it would be 2 % smaller and take the launcher 16 times the memory to decode."""

_LOADERS = {"x86_64": "/lib64/ld-linux-x86-64.so.2", "aarch64": "/lib/ld-linux-aarch64.so.1"}


@dataclass(frozen=True, slots=True)
class PackedFolder:
    """A folder as an archive. files: (path, size) in the archive's order. content: of the archive before `compressed`.

    id: stands for paths, modes and contents of all files.
    """

    files: tuple[tuple[str, int], ...]
    content: Digest
    compressed: bytes

    @property
    def id(self) -> str:
        """Names the folder in a cache."""
        return self.content.sha256[:32]


def pack(folder: Path) -> PackedFolder:
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
    return PackedFolder(tuple(files), Digest(len(plain), hashlib.sha256(plain).hexdigest()), compressor.compress(plain))


def record(packed: PackedFolder, launcher: bytes, machine: str, glibc: str) -> bytes:
    """The text of `runtime.txt`. launcher: the stub that will read it."""
    if any("\n" in path for path, _ in packed.files):
        raise ToolError("A file of the frozen runtime has a line break in its name.", "Report this as a bug.")
    lines = [
        f"pannier-runtime {VERSION}",
        f"id {packed.id}",
        f"stub {len(launcher)} {zlib.crc32(launcher):08x}",
        f"program {PROGRAM}",
        f"loader {_LOADERS[machine]}",
        f"glibc {glibc}",
        *(f"file {size} {path}" for path, size in packed.files),
    ]
    return "".join(f"{line}\n" for line in lines).encode()
