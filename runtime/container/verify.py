"""Account for every byte of a dist or kit.

Entries are compared with their hashes. All else (stub, headers, padding, central directory) is derived again from the
manifest and compared byte for byte. So each byte belongs to exactly one region, and each region has a known content.

The manifest itself is the one thing that cannot be derived. It is vouched for by three copies of its checksum in
different places (its local header's CRC-32, the central directory's CRC-32, the archive comment's SHA-256): as long as
one of them agrees, the manifest is sound and the disagreeing copy is named as damaged; if none does, the manifest is.
The signature of a signed file cannot be derived either; its CRC-32 stands in two headers, and the majority decides.
Whether it is the right key's signature is another question, and not one a file can answer about itself.
"""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from runtime.container import codesign, zipformat
from runtime.container.archive import MAX_DIRECTORY, MAX_MANIFEST, TAIL, Kind, M, derive_layout
from runtime.container.layout import SIGNATURE_SIZE, Layout, Member, manifest_comment, signature_member
from runtime.container.source import Source
from runtime.errors import DamagedError
from runtime.manifest import DistManifest, Entry, KitManifest

SCAN = 32 << 20
"""How far from the start a manifest is looked for when the end of the file does not lead to it."""


@dataclass(frozen=True, slots=True)
class Damage:
    """One damaged region: its name in words ("entry model.gguf"), its place in the file, and what is wrong."""

    region: str
    offset: int
    size: int
    problem: str

    def __str__(self) -> str:
        return f"{self.region}: {self.problem} (bytes {self.offset:,} to {self.offset + self.size:,})"


@dataclass(frozen=True, slots=True)
class Report:
    """What `verify` found. `checked` counts the bytes compared; an empty `damages` means all of the file is sound.

    manifest: what the file says is inside; it is sound whatever else is not.
    """

    file_size: int
    checked: int
    manifest_sha256: str
    damages: tuple[Damage, ...]
    manifest: DistManifest | KitManifest

    @property
    def sound(self) -> bool:
        """Whether nothing is damaged."""
        return not self.damages


@dataclass(frozen=True, slots=True)
class _Region:
    """A range of the file and what must stand there: literal bytes, or bytes with a known SHA-256 or CRC-32."""

    label: str
    offset: int
    size: int
    literal: bytes | None = None
    sha256: str = ""
    crc32: int = 0


def verify(source: Source, kind: Kind[M], progress: Callable[[int], None] | None = None) -> Report:
    """Check all of `source`. progress: called with the number of bytes checked since the last call.

    Raises `DamagedError` only where the manifest itself is beyond use; every other damage is in the report.
    """
    raw = _find_manifest(source, kind)
    manifest = kind.decode(raw)
    layout = derive_layout(kind, manifest, raw, _find_signature(source, kind, manifest, raw))
    damages: list[Damage] = []
    checked = 0
    for region in _regions(layout, manifest, {e.name: e for e in manifest.entries}, raw):
        problem = _check(source, region, progress)
        checked += region.size
        if problem:
            damages.append(Damage(region.label, region.offset, region.size, problem))
    if not damages and isinstance(manifest, DistManifest) and manifest.code_signature:
        damages += _check_code_signature(source, layout, manifest.code_signature)
    if source.size > layout.file_size:
        extra = source.size - layout.file_size
        damages.append(
            Damage("end of file", layout.file_size, extra, "bytes that belong to nothing follow the archive")
        )
    return Report(source.size, checked, hashlib.sha256(raw).hexdigest(), tuple(damages), manifest)


def _regions(
    layout: Layout, manifest: DistManifest | object, entries: dict[str, Entry], raw: bytes
) -> Iterator[_Region]:
    if isinstance(manifest, DistManifest):
        yield _Region("stub", 0, manifest.stub.size, sha256=manifest.stub.sha256)
    for placement in layout.placements:
        name = placement.member.name
        yield _Region(f"header of {name}", placement.header_offset, len(placement.header), placement.header)
        if placement.padding:
            yield _Region(f"padding {name}", placement.data_offset, placement.member.size, bytes(placement.member.size))
        elif name in entries:
            yield _Region(f"entry {name}", placement.data_offset, placement.member.size, sha256=entries[name].sha256)
        elif placement.header_offset == layout.stub_size:
            yield _Region(f"entry {name}", placement.data_offset, placement.member.size, raw)
        else:
            yield _Region(f"entry {name}", placement.data_offset, placement.member.size, crc32=placement.member.crc32)
    yield _Region("central directory", layout.directory_offset, len(layout.directory), layout.directory)


def _check(source: Source, region: _Region, progress: Callable[[int], None] | None) -> str:
    """What is wrong with a region, or nothing."""
    available = max(0, min(region.size, source.size - region.offset))
    digest = hashlib.sha256()
    crc32 = 0
    seen = 0
    different = -1
    for chunk in source.chunks(region.offset, region.size):
        if region.literal is None:
            digest.update(chunk)
            crc32 = zlib.crc32(chunk, crc32) if not region.sha256 else 0
        elif different < 0 and chunk != region.literal[seen : seen + len(chunk)]:
            expected = region.literal[seen : seen + len(chunk)]
            different = seen + next(i for i, byte in enumerate(chunk) if byte != expected[i])
        seen += len(chunk)
        if progress:
            progress(len(chunk))
    if available < region.size:
        return f"the file ends {region.size - available:,} bytes too early"
    if region.sha256 and digest.hexdigest() != region.sha256:
        return "its SHA-256 is not the one in the manifest"
    if region.literal is None and not region.sha256 and crc32 != region.crc32:
        return "its CRC-32 is not the one in its headers"
    if different >= 0:
        return f"byte {region.offset + different:,} is not what the manifest implies"
    return ""


def _check_code_signature(source: Source, layout: Layout, identifier: str) -> Iterator[Damage]:
    """Make a Mac's code signature anew and compare; only where all it signs is known to be sound."""
    placement = layout.placement(codesign.MEMBER)
    offset, size = placement.data_offset, placement.member.size
    text = codesign.text_size(source.read_at(0, layout.stub_size))
    if source.read_at(offset, size) != codesign.member(source.chunks(0, offset), offset, identifier, text):
        yield Damage(f"entry {codesign.MEMBER}", offset, size, "it is not the code signature of this file")


def _find_manifest(source: Source, kind: Kind[M]) -> bytes:
    """The manifest, found by whichever way still works, vouched for by whichever checksum still agrees."""
    size = source.size
    vouchers: list[Callable[[bytes], bool]] = []
    places: list[tuple[int, int]] = []  # data offset, size
    tail = source.read_at(max(0, size - TAIL), TAIL)
    mark = manifest_comment(kind.format_name, "")
    at = tail.rfind(mark)
    if at >= 0:
        named = tail[at + len(mark) : at + len(mark) + 64].decode("ascii", "replace")
        vouchers.append(lambda raw: hashlib.sha256(raw).hexdigest() == named)
    record = _central_record(source, kind.manifest_name, tail)
    header_offsets = {_scan(source, kind.manifest_name)}
    if record:
        header_offsets.add(record.header_offset)
        vouchers.append(_crc_is(record.crc32))
    for header_offset in sorted(o for o in header_offsets if o >= 0):
        head_size = zipformat.LOCAL.size + len(kind.manifest_name)  # the manifest is never aligned: no extra field
        places += [(header_offset + head_size, record.size)] if record else []
        try:
            _, member_size, crc32, _ = zipformat.parse_local(source.read_at(header_offset, head_size))
        except zipformat.ZipFormatError:
            continue
        places.append((header_offset + head_size, member_size))
        vouchers.append(_crc_is(crc32))
    for offset, length in places:
        raw = source.read_at(offset, min(length, MAX_MANIFEST))
        if raw and any(vouch(raw) for vouch in vouchers):
            return raw
    if not places:
        raise DamagedError(
            f"{source.name} has no {kind.manifest_name}: it is not a {kind.format_name}, or too little of it is left.",
            "Get the file again.",
        )
    raise DamagedError(
        f"entry {kind.manifest_name} of {source.name} is damaged (none of its checksums agrees), "
        "so nothing else can be checked.",
        "Get the file again.",
    )


def _find_signature(source: Source, kind: Kind[M], manifest: M, raw: bytes) -> Member | None:
    """The signature's member, with the CRC-32 that most of its copies agree on; None if the file is not signed.

    That it is signed shows in the file's length, or, where something else changed that, in the member's name.
    """
    signed = derive_layout(kind, manifest, raw, signature_member(kind.manifest_name))
    placement = signed.placement(signature_member(kind.manifest_name).name)
    header = source.read_at(placement.header_offset, len(placement.header))
    if source.size != signed.file_size and placement.member.name.encode() not in header:
        return None
    data = source.read_at(placement.data_offset, SIGNATURE_SIZE)
    copies = [zlib.crc32(data)]
    with suppress(zipformat.ZipFormatError):
        copies.append(zipformat.parse_local(header)[2])
    record = _central_record(source, placement.member.name, source.read_at(max(0, source.size - TAIL), TAIL))
    copies += [record.crc32] if record else []
    crc32 = Counter(copies).most_common(1)[0][0]
    return Member(placement.member.name, SIGNATURE_SIZE, crc32)


def _crc_is(crc32: int) -> Callable[[bytes], bool]:
    return lambda raw: zlib.crc32(raw) == crc32


def _central_record(source: Source, name: str, tail: bytes) -> zipformat.CentralRecord | None:
    try:
        end = zipformat.parse_end(tail, source.size)
        directory = source.read_at(end.central_offset, min(end.central_size, MAX_DIRECTORY))
        records = zipformat.parse_central(directory, min(end.members, len(directory) // zipformat.CENTRAL.size))
    except zipformat.ZipFormatError:
        return None
    return next((r for r in records if r.name == name), None)


def _scan(source: Source, name: str) -> int:
    """Offset of the local header in front of the first `name`, -1 if there is none near the start."""
    head = source.read_at(0, SCAN)
    wanted = name.encode("ascii") + b"{"  # the manifest's own first byte follows its header at once
    at = head.find(wanted)
    while at >= 0 and at < zipformat.LOCAL.size:
        at = head.find(wanted, at + 1)
    return at - zipformat.LOCAL.size if at >= 0 else -1
