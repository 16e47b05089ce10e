"""The zstd decoder the launcher is compiled with: from the pinned source archive of the `zstandard` package.

The archive has zstd as one file ("amalgamated"), in which comments mark where each of its sources begins and ends. The
compressing half and the dictionary builder are left out: they are never called, and compiling them takes longer than
all the rest.
"""

from __future__ import annotations

import re
import tarfile
from pathlib import Path

from bundler.console import Console
from bundler.engine.source import SourceRelease, source_archive
from bundler.errors import ToolError

RELEASE = SourceRelease(
    package="zstandard",
    version="0.25.0",
    sha256="7713e1179d162cf5c7906da876ec2ccb9c3a9dcbdffef0cc7f70c3667a205f0b",
    commit="",
)

ZSTD_VERSION = "1.5.7"
SOURCE, HEADER, LICENSE = "zstd.c", "zstd.h", "LICENSE"
_HEADERS = (HEADER, "zstd_errors.h")
_MARK = re.compile(r"/\*\*\*\* (start|ended) inlining ((?:compress|dictBuilder)/\S+\.c) \*\*\*\*/")


def place_decoder(folder: Path, cache: Path, console: Console) -> None:
    """Put the decoder's source, its headers and zstd's licence into `folder`. Raises `ToolError`."""
    archive = source_archive(cache, console, RELEASE)
    try:
        with tarfile.open(archive) as tar:
            for name in (SOURCE, *_HEADERS, LICENSE):
                member = tar.extractfile(f"{RELEASE.package}-{RELEASE.version}/zstd/{name}")
                if member is None:
                    raise KeyError(name)
                text = member.read().decode()
                (folder / name).write_text(decoding_half(text) if name == SOURCE else text, encoding="utf-8")
    except (tarfile.TarError, KeyError, OSError, EOFError) as error:
        raise ToolError(f"{archive} has no zstd inside ({error}).", "Delete it and try again.") from None
    if _version_of((folder / HEADER).read_text(encoding="utf-8")) != ZSTD_VERSION:
        raise ToolError(f"{archive} has another zstd inside than {ZSTD_VERSION}.", "Report this as a bug.")


def decoding_half(amalgamated: str) -> str:
    """The source without what only compressing needs."""
    kept: list[str] = []
    within = ""
    for line in amalgamated.splitlines(keepends=True):
        mark = _MARK.match(line)
        if mark and mark[1] == "start" and not within:
            within = mark[2]
        if not within:
            kept.append(line)
        if mark and mark[1] == "ended" and mark[2] == within:
            within = ""
    return "".join(kept)


def _version_of(header: str) -> str:
    return ".".join(re.findall(r"#define ZSTD_VERSION_(?:MAJOR|MINOR|RELEASE)\s+(\d+)", header))
