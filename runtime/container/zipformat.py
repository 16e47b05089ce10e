"""The ZIP records Pannier writes, as pure functions from values to bytes and back.

Source: PKWARE APPNOTE.TXT 6.3.10, sections 4.3.7 (local header), 4.3.12 (central directory), 4.3.14-16 (end records),
4.5.3 (ZIP64). Only what a dist needs: stored entries, ASCII names, no data descriptors, no encryption, one disk.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

LOCAL_MAGIC = b"PK\x03\x04"
CENTRAL_MAGIC = b"PK\x01\x02"
END64_MAGIC = b"PK\x06\x06"
LOCATOR64_MAGIC = b"PK\x06\x07"
END_MAGIC = b"PK\x05\x06"

LOCAL = struct.Struct("<4sHHHHHIIIHH")
CENTRAL = struct.Struct("<4sHHHHHHIIIHHHHHII")
END64 = struct.Struct("<4sQHHIIQQQQ")
LOCATOR64 = struct.Struct("<4sIQI")
END = struct.Struct("<4sHHHHIIH")

LIMIT32 = 0xFFFFFFFF
LIMIT16 = 0xFFFF

ZIP64_ID = 0x0001
ALIGN_ID = 0xD935
"""Extra field of Android's zipalign: two bytes that name the alignment, then zeros. Unknown to readers, skipped."""

MIN_ALIGN_FIELD = 6
"""Smallest alignment field: id, length, alignment (two bytes each)."""

DOS_TIME = 0
DOS_DATE = (0 << 9) | (1 << 5) | 1
"""1980-01-01 00:00, ZIP's earliest moment: a dist carries no time, so that equal inputs give equal bytes."""

VERSION_PLAIN = 20
VERSION_ZIP64 = 45
MADE_BY_UNIX = 3 << 8
MODE_FILE = 0o100644 << 16


@dataclass(frozen=True, slots=True)
class CentralRecord:
    """One member as the central directory tells it. Offsets count from the start of the file."""

    name: str
    size: int
    crc32: int
    header_offset: int


@dataclass(frozen=True, slots=True)
class EndRecords:
    """The end of the archive: where the central directory lies, how many members it has, and the comment."""

    central_offset: int
    central_size: int
    members: int
    comment: bytes


class ZipFormatError(ValueError):
    """The bytes are not the ZIP record they should be; the message says which and why."""


def needs_zip64(size: int) -> bool:
    """Whether a member of `size` bytes needs 64-bit sizes in its headers."""
    return size >= LIMIT32


def local_header(name: str, size: int, crc32: int, align_field: int) -> bytes:
    """A local header. align_field: total bytes of the alignment field (0 for none, else at least 6)."""
    extra = b""
    field_size = size
    if needs_zip64(size):
        extra += struct.pack("<HHQQ", ZIP64_ID, 16, size, size)
        field_size = LIMIT32
    if align_field:
        # The alignment is 65,536, which two bytes cannot say; the largest power of two they can is as true.
        extra += struct.pack("<HHH", ALIGN_ID, align_field - 4, 0x8000) + bytes(align_field - MIN_ALIGN_FIELD)
    version = VERSION_ZIP64 if needs_zip64(size) else VERSION_PLAIN
    raw = name.encode("ascii")
    head = LOCAL.pack(
        LOCAL_MAGIC, version, 0, 0, DOS_TIME, DOS_DATE, crc32, field_size, field_size, len(raw), len(extra)
    )
    return head + raw + extra


def central_record(name: str, size: int, crc32: int, header_offset: int) -> bytes:
    """A central directory record; the alignment field is the local header's alone."""
    wide = b""
    field_size, field_offset = size, header_offset
    if needs_zip64(size):
        wide += struct.pack("<QQ", size, size)
        field_size = LIMIT32
    if header_offset >= LIMIT32:
        wide += struct.pack("<Q", header_offset)
        field_offset = LIMIT32
    extra = struct.pack("<HH", ZIP64_ID, len(wide)) + wide if wide else b""
    version = VERSION_ZIP64 if wide else VERSION_PLAIN
    raw = name.encode("ascii")
    return (
        CENTRAL.pack(
            CENTRAL_MAGIC, MADE_BY_UNIX | version, version, 0, 0, DOS_TIME, DOS_DATE, crc32, field_size, field_size,
            len(raw), len(extra), 0, 0, 0, MODE_FILE, field_offset,
        )
        + raw
        + extra
    )  # fmt: skip


def end_records(central_offset: int, central_size: int, members: int, comment: bytes) -> bytes:
    """The end-of-archive records, with the ZIP64 pair only where 32 bits do not suffice."""
    out = b""
    wide = central_offset >= LIMIT32 or central_size >= LIMIT32 or members >= LIMIT16
    if wide:
        out += END64.pack(
            END64_MAGIC, END64.size - 12, MADE_BY_UNIX | VERSION_ZIP64, VERSION_ZIP64, 0, 0,
            members, members, central_size, central_offset,
        )  # fmt: skip
        out += LOCATOR64.pack(LOCATOR64_MAGIC, 0, central_offset + central_size, 1)
    count = min(members, LIMIT16)
    out += END.pack(
        END_MAGIC, 0, 0, count, count, min(central_size, LIMIT32), min(central_offset, LIMIT32), len(comment)
    )
    return out + comment


def parse_end(tail: bytes, file_size: int) -> EndRecords:
    """Read the end records from the file's last bytes. Raises `ZipFormatError` where there are none.

    tail: at least the end records; what precedes them is ignored.
    """
    at = tail.rfind(END_MAGIC)
    if at < 0 or len(tail) - at < END.size:
        raise ZipFormatError("no end-of-archive record")
    _, disk, cd_disk, _, members, central_size, central_offset, comment_size = END.unpack_from(tail, at)
    comment = tail[at + END.size :]
    if disk or cd_disk or len(comment) != comment_size:
        raise ZipFormatError("the end-of-archive record is garbled")
    locator_at = at - LOCATOR64.size
    if locator_at >= 0 and tail[locator_at : locator_at + 4] == LOCATOR64_MAGIC:
        _, _, end64_offset, _ = LOCATOR64.unpack_from(tail, locator_at)
        end64_at = end64_offset - (file_size - len(tail))
        if end64_at < 0 or tail[end64_at : end64_at + 4] != END64_MAGIC:
            raise ZipFormatError("the ZIP64 end-of-archive record is not where its locator says")
        _, _, _, _, _, _, _, members, central_size, central_offset = END64.unpack_from(tail, end64_at)
    return EndRecords(central_offset, central_size, members, comment)


def parse_central(data: bytes, members: int) -> list[CentralRecord]:
    """Read the central directory. Raises `ZipFormatError` naming the first record that is not one."""
    records = []
    at = 0
    for index in range(members):
        if data[at : at + 4] != CENTRAL_MAGIC or len(data) - at < CENTRAL.size:
            raise ZipFormatError(f"central directory record {index} is garbled")
        values = CENTRAL.unpack_from(data, at)
        crc32, size, name_size, extra_size, comment_size, offset = (values[i] for i in (7, 9, 10, 11, 12, 16))
        name = data[at + CENTRAL.size : at + CENTRAL.size + name_size].decode("ascii", "replace")
        extra = data[at + CENTRAL.size + name_size : at + CENTRAL.size + name_size + extra_size]
        size, offset = _widen(extra, size, offset)
        records.append(CentralRecord(name, size, crc32, offset))
        at += CENTRAL.size + name_size + extra_size + comment_size
    return records


def parse_local(head: bytes) -> tuple[str, int, int, int]:
    """Name, size, CRC-32 and total header length of a local header. Raises `ZipFormatError` where it is not one.

    head: the header's bytes, name and extra field included; more may follow.
    """
    if len(head) < LOCAL.size or head[:4] != LOCAL_MAGIC:
        raise ZipFormatError("not a local header")
    *_, crc32, _, size, name_size, extra_size = LOCAL.unpack_from(head)
    name = head[LOCAL.size : LOCAL.size + name_size].decode("ascii", "replace")
    extra = head[LOCAL.size + name_size : LOCAL.size + name_size + extra_size]
    size, _ = _widen(extra, size, 0)
    return name, size, crc32, LOCAL.size + name_size + extra_size


def _widen(extra: bytes, size: int, offset: int) -> tuple[int, int]:
    """Replace 32-bit place-holders by the values of the ZIP64 field."""
    at = 0
    while at + 4 <= len(extra):
        field_id, length = struct.unpack_from("<HH", extra, at)
        if field_id == ZIP64_ID:
            values = [v for (v,) in struct.iter_unpack("<Q", extra[at + 4 : at + 4 + length // 8 * 8])]
            if size == LIMIT32 and len(values) >= 2:
                size = values[0]
                values = values[2:]
            if offset == LIMIT32 and values:
                offset = values[0]
        at += 4 + length
    return size, offset
