"""Reads what an ELF shared library demands of the system: needed libraries, its own name, glibc's version.

Tells two things a build must know about its result: which glibc the library will refuse to start below, and whether
its references to its siblings will be found under the names they are packed by.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from bundler.errors import ToolError

_DT_NEEDED, _DT_SONAME, _DT_RPATH, _DT_RUNPATH = 1, 14, 15, 29
_SHT_DYNAMIC, _SHT_VERNEED = 6, 0x6FFFFFFE


@dataclass(frozen=True, slots=True)
class LibraryFacts:
    """needed: DT_NEEDED entries. soname, runpath: "" if absent. versions: symbol versions it asks for, by library."""

    needed: tuple[str, ...]
    soname: str
    runpath: str
    versions: dict[str, tuple[str, ...]]

    @property
    def glibc(self) -> tuple[int, ...]:
        """The newest glibc version among the symbols it asks for; empty if it asks for none."""
        found = [
            tuple(int(part) for part in version.removeprefix("GLIBC_").split("."))
            for versions in self.versions.values()
            for version in versions
            if version.startswith("GLIBC_") and version[6:7].isdigit()
        ]
        return max(found, default=())


@dataclass(frozen=True, slots=True)
class _Section:
    kind: int
    offset: int
    size: int
    link: int
    info: int


def read_elf(path: Path) -> LibraryFacts:
    """Facts about a 64-bit little-endian ELF library. Raises `ToolError` where it is not one, or not whole."""
    data = path.read_bytes()
    try:
        return _read(data)
    except (struct.error, ValueError, IndexError, UnicodeDecodeError) as error:
        raise ToolError(
            f"{path.name} is not a whole ELF library ({error}).", "Clean the engine and build it again."
        ) from None


def _read(data: bytes) -> LibraryFacts:
    if data[:6] != b"\x7fELF\x02\x01":
        raise ValueError("no 64-bit little-endian ELF header")
    table, entry_size, count = struct.unpack_from("<Q", data, 0x28) + struct.unpack_from("<HH", data, 0x3A)
    sections = []
    for index in range(count):
        kind, offset, size, link, info = struct.unpack_from("<4xI16xQQII", data, table + index * entry_size)
        sections.append(_Section(kind, offset, size, link, info))
    needed: list[str] = []
    names = {_DT_SONAME: "", _DT_RPATH: "", _DT_RUNPATH: ""}
    versions: dict[str, tuple[str, ...]] = {}
    for section in sections:
        if section.kind == _SHT_DYNAMIC:
            strings = sections[section.link].offset
            for tag, value in struct.iter_unpack("<QQ", data[section.offset : section.offset + section.size]):
                if tag == _DT_NEEDED:
                    needed.append(_text(data, strings + value))
                elif tag in names:
                    names[tag] = _text(data, strings + value)
        elif section.kind == _SHT_VERNEED:
            versions.update(_versions(data, section, sections[section.link].offset))
    return LibraryFacts(tuple(needed), names[_DT_SONAME], names[_DT_RUNPATH] or names[_DT_RPATH], versions)


def _versions(data: bytes, section: _Section, strings: int) -> dict[str, tuple[str, ...]]:
    """The version-need table: a chain of libraries, each with a chain of version names."""
    found: dict[str, tuple[str, ...]] = {}
    at = section.offset
    for _ in range(section.info):
        count, file, first, following = struct.unpack_from("<2xHIII", data, at)
        wanted = []
        aux = at + first
        for _ in range(count):
            name, step = struct.unpack_from("<8xII", data, aux)
            wanted.append(_text(data, strings + name))
            aux += step
        found[_text(data, strings + file)] = tuple(sorted(wanted))
        at += following
    return found


def _text(data: bytes, at: int) -> str:
    return data[at : data.index(b"\0", at)].decode()
