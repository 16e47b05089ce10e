"""Where every byte lies, as a pure function of the members: the writer follows it, `verify` derives it again.

    [ stub ][ manifest ][ .pad ]?[ model ] … [ runtime ][ signature ]?[ code signature ]?[ central directory ][ end ]

A member's data starts at a multiple of its alignment. The gap is filled by an extra field of its local header; a gap
too large for one (an extra field holds at most 65,535 bytes) is filled by a small stored `.pad/N` member before it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from runtime.container import codesign, zipformat
from runtime.manifest import Entry

MAX_ALIGNMENT = 1 << 16
PAD_PREFIX = ".pad/"
MAX_EXTRA = 0xFFFF

SIGNATURE_SUFFIX = ".sig"
"""A signed file has one member more, `manifest.json.sig`: last, so that signing moves nothing and changes no hash."""

SIGNATURE_SIZE = 64  # Ed25519, the bare signature


@dataclass(frozen=True, slots=True)
class Member:
    """One thing to place: a manifest, an entry, or padding."""

    name: str
    size: int
    crc32: int
    alignment: int = 1

    @classmethod
    def of(cls, entry: Entry) -> Member:
        """The member an entry becomes."""
        return cls(entry.name, entry.size, int(entry.crc32, 16), entry.alignment)


@dataclass(frozen=True, slots=True)
class Placement:
    """A member in its place. `header` is the local header, which ends where the data begins."""

    member: Member
    header_offset: int
    header: bytes
    padding: bool = False

    @property
    def data_offset(self) -> int:
        """Where the data begins, from the start of the file."""
        return self.header_offset + len(self.header)

    @property
    def end(self) -> int:
        """Where the data ends."""
        return self.data_offset + self.member.size


@dataclass(frozen=True, slots=True)
class Layout:
    """A whole file: placements in order of the file, then the central directory with the end records."""

    stub_size: int
    placements: tuple[Placement, ...]
    directory: bytes

    @property
    def directory_offset(self) -> int:
        """Where the central directory begins."""
        return self.placements[-1].end if self.placements else self.stub_size

    @property
    def file_size(self) -> int:
        """Size of the whole file in bytes."""
        return self.directory_offset + len(self.directory)

    def placement(self, name: str) -> Placement:
        """The placement of the member called `name`; `KeyError` if there is none."""
        for placement in self.placements:
            if placement.member.name == name:
                return placement
        raise KeyError(name)


def plan(stub_size: int, members: Iterable[Member], comment: bytes, code_signature: str = "") -> Layout:
    """Lay out `members` in the order given, behind a stub of `stub_size` bytes.

    comment: the archive comment (`manifest_comment`). code_signature: the identifier in the code signature that comes
    last, if there is one; its size follows from its place. The geometry depends on names, sizes and alignments alone;
    CRCs only fill fields, so a plan with unknown CRCs has every offset right.
    """
    placements: list[Placement] = []
    offset = stub_size
    for member in members:
        if not 1 <= member.alignment <= MAX_ALIGNMENT or member.alignment & (member.alignment - 1):
            raise ValueError(f"{member.name}: alignment {member.alignment} is not a power of two up to {MAX_ALIGNMENT}")
        gap = _gap(offset, member)
        if gap + _wide_extra(member) > MAX_EXTRA:
            pad = _pad_member(gap, index=sum(p.padding for p in placements))
            placement = Placement(pad, offset, zipformat.local_header(pad.name, pad.size, pad.crc32, 0), padding=True)
            placements.append(placement)
            offset, gap = placement.end, 0
        header = zipformat.local_header(member.name, member.size, member.crc32, gap)
        placements.append(Placement(member, offset, header))
        offset = placements[-1].end
    if code_signature:
        placements.append(_code_signature(offset, code_signature))
        offset = placements[-1].end
    return Layout(stub_size, tuple(placements), _directory(placements, offset, comment))


def manifest_comment(format_name: str, manifest_sha256: str) -> bytes:
    """The archive comment: names the format and the hash of the manifest, which itself names everything else."""
    return f"{format_name} manifest sha256 {manifest_sha256}".encode("ascii")


def signature_member(manifest_name: str, signature: bytes = bytes(SIGNATURE_SIZE)) -> Member:
    """The member that holds the signature of the manifest; always the last one."""
    return Member(manifest_name + SIGNATURE_SUFFIX, SIGNATURE_SIZE, zlib.crc32(signature))


def members_of(manifest_name: str, manifest: bytes, entries: Sequence[Entry]) -> list[Member]:
    """The members of an archive in order: the manifest, then its entries."""
    return [Member(manifest_name, len(manifest), zlib.crc32(manifest)), *(Member.of(e) for e in entries)]


def _wide_extra(member: Member) -> int:
    return 20 if zipformat.needs_zip64(member.size) else 0


def _gap(offset: int, member: Member) -> int:
    """Bytes the alignment field must take so that the data lands on its boundary; 0, or at least the smallest field."""
    data = offset + zipformat.LOCAL.size + len(member.name) + _wide_extra(member)
    gap = -data % member.alignment
    while 0 < gap < zipformat.MIN_ALIGN_FIELD:
        gap += member.alignment
    return gap


def _pad_member(gap: int, index: int) -> Member:
    """A member of zeros which, header included, takes `gap` bytes."""
    name = f"{PAD_PREFIX}{index}"
    size = gap - zipformat.LOCAL.size - len(name)
    return Member(name, size, zlib.crc32(bytes(size)))


def _code_signature(offset: int, identifier: str) -> Placement:
    """The member that signs every byte before its data, its own header included."""
    gap = _gap(offset, Member(codesign.MEMBER, 0, 0, codesign.ALIGNMENT))
    header_size = len(zipformat.local_header(codesign.MEMBER, 0, 0, gap))
    size = codesign.size(offset + header_size, identifier)
    member = Member(codesign.MEMBER, size, 0, codesign.ALIGNMENT)
    return Placement(member, offset, zipformat.local_header(member.name, size, 0, gap))


def _directory(placements: Sequence[Placement], offset: int, comment: bytes) -> bytes:
    records = b"".join(
        zipformat.central_record(p.member.name, p.member.size, p.member.crc32, p.header_offset) for p in placements
    )
    return records + zipformat.end_records(offset, len(records), len(placements), comment)
