"""The ad-hoc code signature that a Mac demands of every program, computed from the bytes of the dist alone.

A Mac starts no arm64 program without a signature, but an ad-hoc one proves no identity: it is a table of hashes, one
for each page of the file, so it can be made on any system, and made again to be compared. Apple's sources publish the
format (`cs_blobs.h`): a SuperBlob holds a CodeDirectory (the page hashes), an empty set of requirements, and an empty
CMS wrapper. Every number in it is big-endian.

It is the archive's last member, and the central directory follows it inside the space the program's header reserves
for signatures: nothing lies behind the signature for a Mac, and ZIP tools find their directory at the end.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable

MEMBER = "code.signature"
ALIGNMENT = 16

PAGE = 4096
HASH_SIZE = 32

SUPER_BLOB, CODE_DIRECTORY, REQUIREMENTS, CMS_WRAPPER = 0xFADE0CC0, 0xFADE0C02, 0xFADE0C01, 0xFADE0B01
SLOT_CODE_DIRECTORY, SLOT_REQUIREMENTS, SLOT_CMS = 0, 2, 0x10000
VERSION = 0x20400  # the first that tells where the main program's code lies
AD_HOC = 0x2
SHA256 = 2
MAIN_BINARY = 0x1
LC_SEGMENT_64 = 0x19
SPECIAL_SLOTS = 2  # Info.plist (none) and the requirements

_DIRECTORY = struct.Struct(">9I4B4I4Q")
_INDEX = struct.Struct(">II")
_BLOB = struct.Struct(">II")

_NO_REQUIREMENTS = struct.pack(">III", REQUIREMENTS, 12, 0)
_NO_CMS = _BLOB.pack(CMS_WRAPPER, 8)
_CRC_FIX = 4
_CRC_OF_NOTHING_TO_ZERO = 0x6DD90A9D  # as little-endian bytes, their CRC-32 is zero


def size(code_limit: int, identifier: str) -> int:
    """Size of the member for a program whose first `code_limit` bytes are signed."""
    pages = -(-code_limit // PAGE)
    blob = _BLOB.size + 4 + 3 * _INDEX.size + len(_NO_REQUIREMENTS) + len(_NO_CMS)
    blob += _DIRECTORY.size + len(identifier) + 1 + (SPECIAL_SLOTS + pages) * HASH_SIZE
    return blob + -blob % ALIGNMENT + ALIGNMENT


def member(chunks: Iterable[bytes], code_limit: int, identifier: str, text_size: int) -> bytes:
    """The member's bytes: the signature, zeros, and four bytes that make the CRC-32 of it all zero.

    The CRC-32 stands in the member's header, which is signed: it must not depend on the signature.
    chunks: the file's first `code_limit` bytes. text_size: how much of it is the program's own code (`__TEXT`).
    """
    blob = _super_blob(_code_directory(page_hashes(chunks), code_limit, identifier, text_size))
    blob += bytes(size(code_limit, identifier) - len(blob) - _CRC_FIX)
    return blob + _crc_fix(blob)


def page_hashes(chunks: Iterable[bytes]) -> list[bytes]:
    """SHA-256 of each page; the last one may be short."""
    hashes = []
    rest = b""
    for chunk in chunks:
        data = rest + chunk
        whole = len(data) - len(data) % PAGE
        view = memoryview(data)
        hashes += [hashlib.sha256(view[at : at + PAGE]).digest() for at in range(0, whole, PAGE)]
        rest = data[whole:]
    return hashes + ([hashlib.sha256(rest).digest()] if rest else [])


def text_size(head: bytes) -> int:
    """Size of a Mach-O program's code in the file: that of its segment `__TEXT`. 0 where there is none.

    head: the file's beginning, with all load commands.
    """
    (count,) = struct.unpack_from("<I", head, 16)
    at = 32
    for _ in range(count):
        command, length, name = struct.unpack_from("<II16s", head, at)
        if command == LC_SEGMENT_64 and name.rstrip(b"\0") == b"__TEXT":
            return int.from_bytes(head[at + 48 : at + 56], "little")
        at += length
    return 0


def _code_directory(pages: list[bytes], code_limit: int, identifier: str, text_size: int) -> bytes:
    name = identifier.encode("ascii") + b"\0"
    special = [hashlib.sha256(_NO_REQUIREMENTS).digest(), bytes(HASH_SIZE)]  # slots -2 and -1
    hash_offset = _DIRECTORY.size + len(name) + len(special) * HASH_SIZE
    head = _DIRECTORY.pack(
        CODE_DIRECTORY,
        hash_offset + len(pages) * HASH_SIZE,
        VERSION,
        AD_HOC,
        hash_offset,
        _DIRECTORY.size,  # where the identifier begins
        len(special),
        len(pages),
        code_limit,
        *(HASH_SIZE, SHA256, 0, PAGE.bit_length() - 1),
        *(0, 0, 0, 0),  # spare, no scatter list, no team, spare
        0,  # no 64-bit limit: the file stays below 4 GiB
        *(0, text_size, MAIN_BINARY),
    )
    return head + name + b"".join(special) + b"".join(pages)


def _super_blob(directory: bytes) -> bytes:
    blobs = ((SLOT_CODE_DIRECTORY, directory), (SLOT_REQUIREMENTS, _NO_REQUIREMENTS), (SLOT_CMS, _NO_CMS))
    offset = _BLOB.size + 4 + len(blobs) * _INDEX.size
    index = b""
    for slot, blob in blobs:
        index += _INDEX.pack(slot, offset)
        offset += len(blob)
    return _BLOB.pack(SUPER_BLOB, offset) + struct.pack(">I", len(blobs)) + index + b"".join(blob for _, blob in blobs)


def _crc_fix(data: bytes) -> bytes:
    """Four bytes after which the CRC-32 of `data` and them is zero.

    Four bytes enter CRC-32 by exclusive or, so what they must be depends on the CRC before them in the same way.
    """
    return (zlib.crc32(data) ^ _CRC_OF_NOTHING_TO_ZERO).to_bytes(4, "little")
