"""A Mac's executable with a payload behind it, so that macOS takes the whole file for a program in good order.

Mach-O keeps its symbol strings at the end, in the segment `__LINKEDIT`. The payload is declared to be more of those
strings, as PyInstaller does it, and the code signature to be the segment's last part. Nothing then lies outside of a
segment, and nothing behind the signature (which takes the archive's directory in: `runtime.container.codesign`).
Format: Apple's `mach-o/loader.h`. All numbers here are little-endian.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from bundler.errors import KitError

MAGIC = 0xFEEDFACF
LC_SEGMENT_64, LC_SYMTAB, LC_CODE_SIGNATURE = 0x19, 0x02, 0x1D

_HEADER = struct.Struct("<8I")
_COMMANDS_FIELD = struct.Struct("<2I")
_SEGMENT = struct.Struct("<2I16s4Q4I")
_SYMTAB = struct.Struct("<6I")
_SIGNATURE = struct.Struct("<4I")
_COMMANDS_AT = 16  # of the header: number of load commands, and their size
_PAGE = 0x4000  # arm64's; a multiple of x86_64's
_AGAIN = "Build the kit again, with PyInstaller's own bootloader."


@dataclass(frozen=True, slots=True)
class _Command:
    """A load command: what it is, and where it stands in the file."""

    kind: int
    offset: int
    size: int


def bare(stub: bytes) -> bytes:
    """The program without its signature, but with the load command of one. Raises `KitError` where that cannot be."""
    program = bytearray(stub)
    found = _find(_commands(program), LC_CODE_SIGNATURE)
    if found is None:
        found = _append_command(program)
    else:
        _, _, start, size = _SIGNATURE.unpack_from(program, found.offset)
        if start + size < len(program):
            raise KitError("The kit's stub has bytes behind its code signature.", _AGAIN)
        del program[start:]
    _SIGNATURE.pack_into(program, found.offset, LC_CODE_SIGNATURE, _SIGNATURE.size, 0, 0)
    _check(bytes(program))
    return bytes(program)


def fit(stub: bytes, code_end: int, file_size: int) -> bytes:
    """The stub's header for a file of `file_size` bytes whose code signature begins at `code_end`.

    stub: made by `bare`, or fitted before.
    """
    program = bytearray(stub)
    commands = _commands(program)
    symtab, signature, linkedit = _must(commands, LC_SYMTAB), _must(commands, LC_CODE_SIGNATURE), _linkedit(program)
    values = list(_SYMTAB.unpack_from(program, symtab.offset))
    values[5] = code_end - values[4]  # the strings reach from where they begin to the signature
    _SYMTAB.pack_into(program, symtab.offset, *values)
    _SIGNATURE.pack_into(program, signature.offset, LC_CODE_SIGNATURE, _SIGNATURE.size, code_end, file_size - code_end)
    fields = list(_SEGMENT.unpack_from(program, linkedit.offset))
    fields[6] = file_size - fields[5]
    fields[4] = fields[6] + -fields[6] % _PAGE
    _SEGMENT.pack_into(program, linkedit.offset, *fields)
    return bytes(program)


def _commands(program: bytes | bytearray) -> list[_Command]:
    try:
        magic, _, _, _, count, _, _, _ = _HEADER.unpack_from(program)
        at, commands = _HEADER.size, []
        for _ in range(count):
            kind, size = struct.unpack_from("<2I", program, at)
            if magic != MAGIC or size < 8:
                break
            commands.append(_Command(kind, at, size))
            at += size
    except struct.error:
        raise KitError("The kit's stub is no whole Mach-O program.", _AGAIN) from None
    return commands


def _find(commands: list[_Command], kind: int) -> _Command | None:
    return next((command for command in commands if command.kind == kind), None)


def _must(commands: list[_Command], kind: int) -> _Command:
    found = _find(commands, kind)
    if found is None:
        raise KitError(f"The kit's stub lacks the load command {kind:#x}.", _AGAIN)
    return found


def _linkedit(program: bytes | bytearray) -> _Command:
    """The last segment, which must be `__LINKEDIT`: only the last one can grow."""
    segments = [command for command in _commands(program) if command.kind == LC_SEGMENT_64]
    by_place = sorted(segments, key=lambda command: int(_SEGMENT.unpack_from(program, command.offset)[5]))
    if not by_place or bytes(program[by_place[-1].offset + 8 :][:16]).rstrip(b"\0") != b"__LINKEDIT":
        raise KitError("The kit's stub does not end in the segment __LINKEDIT.", _AGAIN)
    return by_place[-1]


def _append_command(program: bytearray) -> _Command:
    """A load command for a signature behind the others, in the room linkers leave before the code."""
    commands = _commands(program)
    last = commands[-1]
    place = _Command(LC_CODE_SIGNATURE, last.offset + last.size, _SIGNATURE.size)
    if any(program[place.offset : place.offset + place.size]) or place.offset + place.size > len(program):
        raise KitError("The kit's stub has no room for the load command of a code signature.", _AGAIN)
    count, size = _COMMANDS_FIELD.unpack_from(program, _COMMANDS_AT)
    _COMMANDS_FIELD.pack_into(program, _COMMANDS_AT, count + 1, size + place.size)
    _SIGNATURE.pack_into(program, place.offset, LC_CODE_SIGNATURE, _SIGNATURE.size, 0, 0)
    return place


def _check(program: bytes) -> None:
    """The strings must be what the file ends with (up to alignment), or the payload could not pass for more of them."""
    _linkedit(program)
    _, _, _, _, start, size = _SYMTAB.unpack_from(program, _must(_commands(program), LC_SYMTAB).offset)
    if not 0 <= len(program) - (start + size) < 16:
        raise KitError("The kit's stub does not end in its symbol strings.", _AGAIN)
