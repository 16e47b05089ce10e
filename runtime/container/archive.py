"""Reading a dist or a kit: find its manifest, derive its layout, read entries and check them on the way.

Only the manifest is trusted for structure. It is found through the end of the file, checked against the hash in the
archive comment, and everything else follows from it (`layout.plan`), so no local header needs to be parsed.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Generic, Self, TypeVar

import runtime.manifest as manifests
from runtime.container import zipformat
from runtime.container.layout import (
    SIGNATURE_SIZE,
    Layout,
    Member,
    manifest_comment,
    members_of,
    plan,
    signature_member,
)
from runtime.container.source import Source
from runtime.errors import DamagedError
from runtime.manifest import DistManifest, Entry, KitManifest

M = TypeVar("M", DistManifest, KitManifest)

TAIL = 64 << 10
"""Bytes read from the end at first; the central directory of a dist fits."""

MAX_DIRECTORY = 64 << 20
MAX_MANIFEST = 64 << 20

GET_AGAIN = "Get the file again; `verify` shows what is damaged."


@dataclass(frozen=True, slots=True)
class Kind(Generic[M]):
    """What tells a dist from a kit."""

    manifest_name: str
    format_name: str
    decode: Callable[[bytes], M]
    stub_size: Callable[[M], int]
    code_signature: Callable[[M], str] = lambda _: ""


DIST: Kind[DistManifest] = Kind(
    manifests.DIST_MANIFEST_NAME,
    manifests.DIST_FORMAT,
    manifests.decode_dist,
    lambda m: m.stub.size,
    lambda m: m.code_signature,
)
KIT: Kind[KitManifest] = Kind(manifests.KIT_MANIFEST_NAME, manifests.KIT_FORMAT, manifests.decode_kit, lambda _: 0)


class Archive(Generic[M]):
    """An opened dist or kit.

    manifest: what is inside. raw_manifest: its bytes. manifest_sha256: their hash, the identity of the whole file.
    layout: where everything lies. signature: of the manifest's bytes, unchecked; empty if the file is not signed.
    """

    def __init__(self, source: Source, kind: Kind[M], raw_manifest: bytes) -> None:
        self.source = source
        self.manifest: M = kind.decode(raw_manifest)
        self.raw_manifest = raw_manifest
        self.manifest_sha256 = hashlib.sha256(raw_manifest).hexdigest()
        self.layout: Layout = derive_layout(kind, self.manifest, raw_manifest)
        self.signature = b""
        if source.size != self.layout.file_size:
            # Whether a file is signed shows in its length alone: the signature's size is fixed.
            signed = derive_layout(kind, self.manifest, raw_manifest, signature_member(kind.manifest_name))
            if source.size == signed.file_size:
                place = signed.placement(signature_member(kind.manifest_name).name)
                self.signature = source.read_at(place.data_offset, SIGNATURE_SIZE)
                member = signature_member(kind.manifest_name, self.signature)
                self.layout = derive_layout(kind, self.manifest, raw_manifest, member)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; entries cannot be read afterwards."""
        self.source.close()

    def entry(self, name: str) -> Entry:
        """The entry called `name`; `KeyError` if there is none."""
        for entry in self.manifest.entries:
            if entry.name == name:
                return entry
        raise KeyError(name)

    def data_range(self, name: str) -> tuple[int, int]:
        """Offset and size of an entry's stored bytes in the file."""
        placement = self.layout.placement(name)
        return placement.data_offset, placement.member.size

    def stored_chunks(self, name: str) -> Iterator[bytes]:
        """An entry's stored bytes in pieces. Raises `DamagedError` after the last if they are not what they should be.

        The pieces come before the verdict: write them to a temporary place and keep it only if this ends well.
        """
        entry = self.entry(name)
        offset, size = self.data_range(name)
        digest = hashlib.sha256()
        for chunk in self.source.chunks(offset, size):
            digest.update(chunk)
            yield chunk
        if digest.hexdigest() != entry.sha256:
            raise DamagedError(f"{name} inside {self.source.name} is damaged (its SHA-256 is wrong).", GET_AGAIN)

    def chunks(self, name: str) -> Iterator[bytes]:
        """An entry's decoded bytes in pieces; checked like `stored_chunks`, and once more after decoding."""
        entry = self.entry(name)
        if not entry.encoding:
            yield from self.stored_chunks(name)
            return
        if entry.encoding != "zstd" or entry.content is None:
            raise DamagedError(f"{name} has an unknown encoding {entry.encoding!r}.", "Use a newer Pannier.")
        import zstandard  # late: most commands never decode anything

        decoder = zstandard.ZstdDecompressor().decompressobj()
        digest = hashlib.sha256()
        try:
            for chunk in self.stored_chunks(name):
                data = decoder.decompress(chunk)
                digest.update(data)
                yield data
        except zstandard.ZstdError as error:
            raise DamagedError(f"{name} inside {self.source.name} cannot be decoded ({error}).", GET_AGAIN) from None
        if digest.hexdigest() != entry.content.sha256:
            raise DamagedError(f"{name} inside {self.source.name} decodes to other bytes than it should.", GET_AGAIN)

    def read(self, name: str) -> bytes:
        """An entry's decoded bytes, checked. Raises `DamagedError`."""
        return b"".join(self.chunks(name))


def open_dist(path: Path | str) -> Archive[DistManifest]:
    """Open the dist at `path`. Raises `DamagedError` if it is not a sound one, `OSError` if it cannot be read."""
    return _opened(Source.open(path), DIST)


def open_kit(path: Path | str) -> Archive[KitManifest]:
    """Open the kit at `path`. Raises `DamagedError` if it is not a sound one, `OSError` if it cannot be read."""
    return _opened(Source.open(path), KIT)


def open_archive(source: Source, kind: Kind[M]) -> Archive[M]:
    """Open through a source. Its end, its manifest and its length are checked here; entries when they are read."""
    try:
        archive = Archive(source, kind, _read_manifest(source, kind))
    except zipformat.ZipFormatError as error:
        raise DamagedError(f"{source.name} is not a complete {kind.format_name} ({error}).", GET_AGAIN) from None
    if archive.layout.file_size != source.size:
        raise DamagedError(
            f"{source.name} has {source.size:,} bytes where its manifest makes {archive.layout.file_size:,}.", GET_AGAIN
        )
    return archive


def _opened(source: Source, kind: Kind[M]) -> Archive[M]:
    try:
        return open_archive(source, kind)
    except BaseException:
        source.close()
        raise


def derive_layout(kind: Kind[M], manifest: M, raw: bytes, signature: Member | None = None) -> Layout:
    """The layout a manifest implies. Raises `DamagedError` where it implies none.

    signature: the last member of a signed file; it is the one thing that does not follow from the manifest.
    """
    try:
        members = [*members_of(kind.manifest_name, raw, manifest.entries), *([signature] if signature else [])]
        comment = manifest_comment(kind.format_name, hashlib.sha256(raw).hexdigest())
        return plan(kind.stub_size(manifest), members, comment, kind.code_signature(manifest))
    except (ValueError, OverflowError) as error:
        raise DamagedError(f"The manifest describes an impossible layout ({error}).", GET_AGAIN) from None


def _read_manifest(source: Source, kind: Kind[M]) -> bytes:
    size = source.size
    end = zipformat.parse_end(source.read_at(max(0, size - TAIL), TAIL), size)
    if end.central_size > MAX_DIRECTORY or end.central_offset + end.central_size > size:
        raise zipformat.ZipFormatError("the central directory lies outside the file")
    records = zipformat.parse_central(source.read_at(end.central_offset, end.central_size), end.members)
    record = next((r for r in records if r.name == kind.manifest_name), None)
    if record is None:
        raise zipformat.ZipFormatError(f"it has no {kind.manifest_name}")
    raw = read_manifest_at(source, record.header_offset, kind.manifest_name)
    if end.comment != manifest_comment(kind.format_name, hashlib.sha256(raw).hexdigest()):
        raise zipformat.ZipFormatError("the manifest is not the one the archive comment names")
    return raw


def read_manifest_at(source: Source, header_offset: int, name: str) -> bytes:
    """The bytes of the manifest whose local header is at `header_offset`; `ZipFormatError` if it is not there."""
    head = source.read_at(header_offset, 4096)
    found, size, crc32, header_size = zipformat.parse_local(head)
    if found != name or size > MAX_MANIFEST:
        raise zipformat.ZipFormatError(f"{name} is not where the central directory says")
    raw = source.read_at(header_offset + header_size, size)
    if len(raw) != size or zlib.crc32(raw) != crc32:
        raise zipformat.ZipFormatError(f"{name} fails its CRC")
    return raw
