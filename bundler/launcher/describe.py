"""`runtime.txt`: what the launcher reads before anything else. `runtime/launcher/record.h` shows one."""

from __future__ import annotations

import io
import tarfile
import zlib
from collections.abc import Iterator

from bundler.errors import ToolError
from bundler.freeze.folder import PROGRAM
from bundler.targets import Target

VERSION = 1

_LOADERS = {"x86_64": "/lib64/ld-linux-x86-64.so.2", "aarch64": "/lib/ld-linux-aarch64.so.1"}


def describe(archive: bytes, identity: str, launcher: bytes, target: Target, glibc: str) -> bytes:
    """The text. archive: the runtime's tar, decoded. identity: names its folder in a cache, 32 hex digits.

    launcher: the stub that will read it. glibc: the oldest one the runtime starts on.
    """
    lines = [
        f"pannier-runtime {VERSION}",
        f"id {identity}",
        f"stub {len(launcher)} {zlib.crc32(launcher):08x}",
        f"program {PROGRAM}",
        f"loader {_LOADERS[target.machine]}",
        f"glibc {glibc}",
        *(f"file {len(data)} {zlib.crc32(data):08x} {path}" for path, data in _files(archive)),
    ]
    return "".join(f"{line}\n" for line in lines).encode()


def _files(archive: bytes) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            file = tar.extractfile(member)
            if file is None or "\n" in member.name:
                raise ToolError(f"The frozen runtime holds {member.name!r}, which is no file.", "Report this as a bug.")
            yield member.name, file.read()
