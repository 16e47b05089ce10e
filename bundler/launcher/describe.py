"""`runtime.txt`: what the launcher reads before anything else. `runtime/launcher/record.h` shows one."""

from __future__ import annotations

import zlib

from bundler.errors import ToolError
from bundler.freeze.folder import PROGRAM, Listing
from bundler.targets import Target

VERSION = 1

_LOADERS = {"x86_64": "/lib64/ld-linux-x86-64.so.2", "aarch64": "/lib/ld-linux-aarch64.so.1"}


def describe(listing: Listing, launcher: bytes, target: Target, glibc: str) -> bytes:
    """The text. launcher: the stub that will read it. glibc: the oldest one the runtime starts on."""
    if any("\n" in path for path, _ in listing.files):
        raise ToolError("A file of the frozen runtime has a line break in its name.", "Report this as a bug.")
    lines = [
        f"pannier-runtime {VERSION}",
        f"id {listing.id}",
        f"stub {len(launcher)} {zlib.crc32(launcher):08x}",
        f"program {PROGRAM}",
        f"loader {_LOADERS[target.machine]}",
        f"glibc {glibc}",
        *(f"file {size} {path}" for path, size in listing.files),
    ]
    return "".join(f"{line}\n" for line in lines).encode()
