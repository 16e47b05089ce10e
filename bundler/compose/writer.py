"""Write an archive: stub, manifest, entries, directory. The layout decides every place; this only fills it in.

The manifest comes first in the file but holds hashes that are known last. Since a hash has a fixed length, the
manifest's size, and with it the whole layout, is known before the first byte is copied: entries are streamed to their
places, then the manifest and all headers are written into the gaps.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Generic

from bundler.compose.copying import copy_hashed
from bundler.errors import PannierError
from runtime.container.archive import Kind, M, open_archive
from runtime.container.atomic import replacing
from runtime.container.layout import Layout, manifest_comment, members_of, plan
from runtime.container.source import Source
from runtime.manifest import Entry, encode

UNKNOWN_SHA256 = "0" * 64
UNKNOWN_CRC32 = "0" * 8


@dataclass(frozen=True, slots=True)
class Payload:
    """An entry and where its stored bytes come from.

    entry: hashes may be `UNKNOWN_*`; then they are taken from the bytes that pass, else compared with them.
    open: gives a readable stream of exactly `entry.size` bytes. mismatch: the error to raise when they differ.
    """

    entry: Entry
    open: Callable[[], AbstractContextManager[BinaryIO]]
    mismatch: Callable[[str], PannierError]


@dataclass(frozen=True, slots=True)
class Written(Generic[M]):
    """A finished archive: where, how large, what is in it, and the SHA-256 of its manifest, which identifies it."""

    path: Path
    size: int
    manifest: M
    manifest_sha256: str


def write_archive(
    target: Path,
    kind: Kind[M],
    stub: bytes,
    payloads: Sequence[Payload],
    manifest_with: Callable[[tuple[Entry, ...]], M],
    advance: Callable[[int], object] | None = None,
    mode: int = 0o755,
) -> Written[M]:
    """Write the archive to `target`, atomically. advance: called with every number of bytes copied."""
    entries = tuple(p.entry for p in payloads)
    draft = encode(manifest_with(entries))
    layout = _plan(kind, stub, draft, entries)
    with replacing(target, layout.file_size, mode) as out:
        out.write(stub)
        finished = []
        for payload in payloads:
            out.seek(layout.placement(payload.entry.name).data_offset)
            finished.append(_copy(payload, out, advance))
        manifest = encode(manifest_with(tuple(finished)))
        final = _plan(kind, stub, manifest, finished)
        if final.file_size != layout.file_size:
            raise AssertionError("a manifest's size must not depend on the hashes in it")
        _write_frame(out, final, kind, manifest)
        out.flush()
        archive = open_archive(Source(out.fileno(), str(target)), kind)  # raises where what was written does not read
    return Written(target, final.file_size, archive.manifest, archive.manifest_sha256)


def _plan(kind: Kind[M], stub: bytes, manifest: bytes, entries: Sequence[Entry]) -> Layout:
    comment = manifest_comment(kind.format_name, hashlib.sha256(manifest).hexdigest())
    return plan(len(stub), members_of(kind.manifest_name, manifest, entries), comment)


def _copy(payload: Payload, out: BinaryIO, advance: Callable[[int], object] | None) -> Entry:
    entry = payload.entry
    with payload.open() as stream:
        copied = copy_hashed(stream, out, entry.size, advance)
    if copied.size != entry.size:
        raise payload.mismatch(f"it ended after {copied.size:,} of {entry.size:,} bytes")
    if entry.sha256 not in (copied.sha256, UNKNOWN_SHA256) or entry.crc32 not in (copied.crc32, UNKNOWN_CRC32):
        raise payload.mismatch(f"its SHA-256 is {copied.sha256}, not {entry.sha256}")
    return replace(entry, sha256=copied.sha256, crc32=copied.crc32)


def _write_frame(out: BinaryIO, layout: Layout, kind: Kind[M], manifest: bytes) -> None:
    """Everything between the entries: headers, padding, the manifest, the central directory."""
    for placement in layout.placements:
        out.seek(placement.header_offset)
        out.write(placement.header)
        if placement.padding:
            out.write(bytes(placement.member.size))
        elif placement.member.name == kind.manifest_name:
            out.write(manifest)
    out.seek(layout.directory_offset)
    out.write(layout.directory)
