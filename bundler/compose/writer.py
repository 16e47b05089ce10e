"""Write an archive: stub, manifest, entries, directory. The layout decides every place; this only fills it in.

The manifest comes first in the file but holds hashes that are known last. Since a hash has a fixed length, the
manifest's size, and with it the whole layout, is known before the first byte is copied: entries are streamed to their
places, then the manifest and all headers are written into the gaps.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Generic

from bundler.compose.copying import copy_hashed, copy_trusting
from bundler.errors import PannierError
from runtime.container import codesign
from runtime.container.archive import Kind, M, derive_layout, open_archive
from runtime.container.atomic import replacing
from runtime.container.layout import SIGNATURE_SIZE, Layout, signature_member
from runtime.container.source import Source
from runtime.manifest import Entry, Role, encode

UNKNOWN_SHA256 = "0" * 64
UNKNOWN_CRC32 = "0" * 8


@dataclass(frozen=True, slots=True)
class Payload:
    """An entry and where its stored bytes come from.

    entry: hashes may be `UNKNOWN_*`; then they are taken from the bytes that pass, else compared with them.
    open: gives a readable stream of exactly `entry.size` bytes. mismatch: the error to raise when they differ.
    trusted: copy the bytes without looking at them; the entry's hashes are believed.
    """

    entry: Entry
    open: Callable[[], AbstractContextManager[BinaryIO]]
    mismatch: Callable[[str], PannierError]
    trusted: bool = False

    @property
    def name(self) -> str:
        """The entry's name."""
        return self.entry.name


@dataclass(frozen=True, slots=True)
class Derived:
    """An entry made from the others, once their hashes are known (a bill of materials).

    render: its bytes, of the same length whatever the hashes are; it sees the entries that are not derived.
    """

    name: str
    role: Role
    render: Callable[[tuple[Entry, ...]], bytes]

    def entry(self, data: bytes) -> Entry:
        """The entry that `data` makes."""
        return Entry(self.name, self.role, len(data), hashlib.sha256(data).hexdigest(), f"{zlib.crc32(data):08x}")


@dataclass(frozen=True, slots=True)
class Written(Generic[M]):
    """A finished archive: where, how large, what is in it, and the SHA-256 of its manifest, which identifies it.

    signature: of the manifest, if it was signed.
    """

    path: Path
    size: int
    manifest: M
    manifest_sha256: str
    signature: bytes = b""


def write_archive(
    target: Path,
    kind: Kind[M],
    stub: bytes,
    payloads: Sequence[Payload | Derived],
    manifest_with: Callable[[tuple[Entry, ...]], M],
    advance: Callable[[int], object] | None = None,
    mode: int = 0o755,
    *,
    sign: Callable[[bytes], bytes] | None = None,
    shared: int = 0,
) -> Written[M]:
    """Write the archive to `target`, atomically. advance: called with every number of bytes copied.

    sign: the signature of the manifest's bytes, if the file shall carry one. shared: see `atomic.replacing`.
    """
    given = tuple(p.entry for p in payloads if isinstance(p, Payload))
    layout = planned(kind, payloads, manifest_with, signed=sign is not None)
    with replacing(target, layout.file_size, mode, shared) as out:
        out.write(stub)
        copied: dict[str, Entry] = {}
        for payload in payloads:
            if isinstance(payload, Payload):
                out.seek(layout.placement(payload.entry.name).data_offset)
                copied[payload.entry.name] = _copy(payload, out, advance)
        for payload in payloads:
            if isinstance(payload, Derived):
                data = payload.render(tuple(copied[entry.name] for entry in given))
                out.seek(layout.placement(payload.name).data_offset)
                out.write(data)
                copied[payload.name] = payload.entry(data)
        told = manifest_with(tuple(copied[payload.name] for payload in payloads))
        manifest = encode(told)
        signature = sign(manifest) if sign else b""
        final = _plan(kind, told, manifest, signature)
        if final.file_size != layout.file_size:
            raise AssertionError("a file's size must not depend on the hashes in it")
        _write_frame(out, final, {kind.manifest_name: manifest, _signature_name(kind): signature})
        if identifier := kind.code_signature(told):
            _sign_code(out, final, identifier, codesign.text_size(stub))
        out.flush()
        archive = open_archive(Source(out.fileno(), str(target)), kind)  # raises where what was written does not read
    return Written(target, final.file_size, archive.manifest, archive.manifest_sha256, signature)


def _signature_name(kind: Kind[M]) -> str:
    return signature_member(kind.manifest_name).name


def planned(
    kind: Kind[M],
    payloads: Sequence[Payload | Derived],
    manifest_with: Callable[[tuple[Entry, ...]], M],
    *,
    signed: bool,
) -> Layout:
    """The layout these payloads will have: every place is right, for it does not depend on hashes."""
    given = tuple(p.entry for p in payloads if isinstance(p, Payload))
    told = manifest_with(tuple(p.entry if isinstance(p, Payload) else p.entry(p.render(given)) for p in payloads))
    return _plan(kind, told, encode(told), bytes(SIGNATURE_SIZE) if signed else b"")


def _plan(kind: Kind[M], told: M, manifest: bytes, signature: bytes) -> Layout:
    return derive_layout(kind, told, manifest, signature_member(kind.manifest_name, signature) if signature else None)


def _sign_code(out: BinaryIO, layout: Layout, identifier: str, text_size: int) -> None:
    """Read back all that was written, and write the code signature of it."""
    out.flush()
    place = layout.placement(codesign.MEMBER).data_offset
    chunks = Source(out.fileno(), "").chunks(0, place)
    out.seek(place)
    out.write(codesign.member(chunks, place, identifier, text_size))


def _copy(payload: Payload, out: BinaryIO, advance: Callable[[int], object] | None) -> Entry:
    entry = payload.entry
    with payload.open() as stream:
        if payload.trusted:
            done = copy_trusting(stream, out, entry.size, advance)
            if done != entry.size:
                raise payload.mismatch(f"it ended after {done:,} of {entry.size:,} bytes")
            return entry
        known = entry.crc32 if entry.sha256 != UNKNOWN_SHA256 and entry.crc32 != UNKNOWN_CRC32 else ""
        copied = copy_hashed(stream, out, entry.size, advance, known)
    if copied.size != entry.size:
        raise payload.mismatch(f"it ended after {copied.size:,} of {entry.size:,} bytes")
    if entry.sha256 not in (copied.sha256, UNKNOWN_SHA256) or entry.crc32 not in (copied.crc32, UNKNOWN_CRC32):
        raise payload.mismatch(f"its SHA-256 is {copied.sha256}, not {entry.sha256}")
    return replace(entry, sha256=copied.sha256, crc32=copied.crc32)


def _write_frame(out: BinaryIO, layout: Layout, made: Mapping[str, bytes]) -> None:
    """Everything between the entries: headers, padding, the manifest, its signature, the central directory."""
    for placement in layout.placements:
        out.seek(placement.header_offset)
        out.write(placement.header)
        if placement.padding:
            out.write(bytes(placement.member.size))
        elif placement.member.name in made:
            out.write(made[placement.member.name])
    out.seek(layout.directory_offset)
    out.write(layout.directory)
