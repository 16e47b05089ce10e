"""A Windows program with other resources: icon, version, and the manifest that says what it expects of Windows.

Only the section `.rsrc` is made anew; `.reloc`, which linkers put behind it, moves with it. Format: Microsoft's "PE
Format" and "Resource file formats". All numbers are little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from bundler.errors import KitError

RESOURCES, RELOCATIONS = 2, 5  # places in the table of data directories
_AGAIN = "Build the kit again, with PyInstaller's own bootloader."

_SECTION = struct.Struct("<8s6I2HI")
_DIRECTORY = struct.Struct("<2I2H2H")
_ENTRY = struct.Struct("<2I")
_DATA = struct.Struct("<4I")
_DEEPER = 1 << 31
_READABLE_DATA = 0x40000040

Key = tuple[int, int, int]
"""Type, name and language of a resource, all of them numbers."""


@dataclass(frozen=True, slots=True)
class _Section:
    name: bytes
    virtual_size: int
    address: int
    raw_size: int
    raw: int
    rest: tuple[int, ...]

    @property
    def packed(self) -> bytes:
        return _SECTION.pack(self.name, self.virtual_size, self.address, self.raw_size, self.raw, *self.rest)


class _Program:
    """The headers of a PE32+ program, in place in its bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = bytearray(data)
        try:
            (self.header,) = struct.unpack_from("<I", data, 0x3C)
            count, size = self.number("H", 6), self.number("H", 20)
            if data[self.header : self.header + 4] != b"PE\0\0" or self.number("H", 24) != 0x20B:
                raise KitError("The kit's stub is no 64-bit Windows program.", _AGAIN)
            self.table = self.header + 24 + size
            self.sections = [
                _Section(name, virtual_size, address, raw_size, raw, tuple(rest))
                for name, virtual_size, address, raw_size, raw, *rest in (
                    _SECTION.unpack_from(data, self.table + _SECTION.size * index) for index in range(count)
                )
            ]
        except struct.error:
            raise KitError("The kit's stub is no whole Windows program.", _AGAIN) from None

    def number(self, form: str, offset: int) -> int:
        """A number of the header, `offset` bytes behind its signature's beginning."""
        return int(struct.unpack_from("<" + form, self.data, self.header + offset)[0])

    def put(self, offset: int, *values: int) -> None:
        """Replace 32-bit numbers of the header, `offset` bytes behind its signature's beginning."""
        struct.pack_into(f"<{len(values)}I", self.data, self.header + offset, *values)

    def directory(self, index: int) -> tuple[int, int]:
        """Address and size of a data directory."""
        at = 24 + 112 + 8 * index
        return self.number("I", at), self.number("I", at + 4)


def resources(stub: bytes) -> dict[Key, bytes]:
    """The program's resources; those that are named by text are left out, for bootloaders have none."""
    program = _Program(stub)
    address, _ = program.directory(RESOURCES)
    section = next((s for s in program.sections if s.name.rstrip(b"\0") == b".rsrc"), None)
    if not address or section is None:
        return {}
    base = section.raw + address - section.address
    found: dict[Key, bytes] = {}

    def walk(at: int, path: tuple[int, ...]) -> None:
        *_, named, numbered = _DIRECTORY.unpack_from(stub, base + at)
        for index in range(named, named + numbered):
            name, place = _ENTRY.unpack_from(stub, base + at + _DIRECTORY.size + _ENTRY.size * index)
            if place & _DEEPER:
                walk(place & ~_DEEPER, (*path, name))
            else:
                start, size, _, _ = _DATA.unpack_from(stub, base + place)
                start += section.raw - section.address
                found[path[0], path[1], name] = stub[start : start + size]

    try:
        walk(0, ())
    except (struct.error, IndexError, RecursionError):
        raise KitError("The resources of the kit's stub are damaged.", _AGAIN) from None
    return found


def with_resources(stub: bytes, wanted: Mapping[Key, bytes]) -> bytes:
    """The program with exactly these resources. Raises `KitError` where its sections do not allow it."""
    program = _Program(stub)
    if max(section.raw + section.raw_size for section in program.sections) != len(stub):
        raise KitError("The kit's stub has bytes behind its sections.", _AGAIN)
    names = [section.name.rstrip(b"\0") for section in program.sections]
    if b".rsrc" not in names:
        names.append(_append_section(program, len(stub)))
    if [name for name in names[names.index(b".rsrc") + 1 :] if name != b".reloc"]:
        raise KitError("The sections of the kit's stub are in no order that could be extended.", _AGAIN)
    place = names.index(b".rsrc")
    paging, filing = program.number("I", 24 + 32), program.number("I", 24 + 36)

    old = program.sections[place]
    data = _section(wanted, old.address)
    contents = [data, *(stub[s.raw : s.raw + s.raw_size] for s in program.sections[place + 1 :])]
    sizes = [len(data), *(s.virtual_size for s in program.sections[place + 1 :])]
    sections, tail = program.sections[:place], b""
    address, raw = old.address, old.raw
    for section, content, size in zip(program.sections[place:], contents, sizes, strict=True):
        content = content.ljust(_up(len(content), filing), b"\0")
        sections.append(_Section(section.name, size, address, len(content), raw, section.rest))
        address, raw, tail = address + _up(size, paging), raw + len(content), tail + content

    growth = sum(s.raw_size for s in sections) - sum(s.raw_size for s in program.sections)
    program.put(24 + 8, program.number("I", 24 + 8) + growth)  # size of initialised data
    program.put(24 + 56, address)  # size of the image
    program.put(24 + 64, 0)  # no checksum: it would be one of the whole dist, and only drivers must have one
    program.put(24 + 112 + 8 * RESOURCES, old.address, len(data))
    if place + 1 < len(sections):
        program.put(24 + 112 + 8 * RELOCATIONS, sections[-1].address, program.directory(RELOCATIONS)[1])
    for index, section in enumerate(sections):
        program.data[program.table + 40 * index : program.table + 40 * index + 40] = section.packed
    return bytes(program.data[: old.raw]) + tail


def _append_section(program: _Program, end: int) -> bytes:
    """Declare an empty `.rsrc` behind the last section; PyInstaller's own bootloader comes without one."""
    last, count = program.sections[-1], len(program.sections)
    if program.table + _SECTION.size * (count + 1) > min(s.raw for s in program.sections if s.raw):
        raise KitError("The kit's stub has no room for one more section.", _AGAIN)
    address = last.address + _up(last.virtual_size, program.number("I", 24 + 32))
    program.sections.append(_Section(b".rsrc", 0, address, 0, end, (0, 0, 0, 0, _READABLE_DATA)))
    struct.pack_into("<H", program.data, program.header + 6, count + 1)
    return b".rsrc"


def _section(wanted: Mapping[Key, bytes], address: int) -> bytes:
    """The resource section: three levels of directories (type, name, language), data entries, then the data."""
    keys = sorted(wanted)
    types = sorted({key[0] for key in keys})
    names = sorted({key[:2] for key in keys})
    levels: list[list[tuple[int, int]]] = []  # each directory's (id, place of what it leads to)
    at = _size(len(types))
    starts: dict[tuple[int, ...], int] = {}
    for kind in types:
        starts[kind,] = at
        at += _size(sum(name[0] == kind for name in names))
    for name in names:
        starts[name] = at
        at += _size(sum(key[:2] == name for key in keys))
    entries = {key: at + _DATA.size * index for index, key in enumerate(keys)}
    levels.append([(kind, starts[kind,] | _DEEPER) for kind in types])
    levels += [[(name[1], starts[name] | _DEEPER) for name in names if name[0] == kind] for kind in types]
    levels += [[(key[2], entries[key]) for key in keys if key[:2] == name] for name in names]
    out = b"".join(
        _DIRECTORY.pack(0, 0, 0, 0, 0, len(level)) + b"".join(_ENTRY.pack(*entry) for entry in level)
        for level in levels
    )
    offset = _up(at + _DATA.size * len(keys), 16)
    table, data = b"", b""
    for key in keys:
        table += _DATA.pack(address + offset + len(data), len(wanted[key]), 0, 0)
        data += wanted[key].ljust(_up(len(wanted[key]), 8), b"\0")
    return (out + table).ljust(offset, b"\0") + data


def _size(entries: int) -> int:
    return _DIRECTORY.size + _ENTRY.size * entries


def _up(number: int, multiple: int) -> int:
    return number + -number % multiple
