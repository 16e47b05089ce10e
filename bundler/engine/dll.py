"""Reads what a Windows library demands of the system: the libraries it imports, the oldest Windows it is marked for.

The counterpart of `elf`: a library that asks for one that not every Windows has would load here and nowhere else.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bundler.errors import ToolError

_EXPORTS, _IMPORTS, _DELAYED = 0, 1, 13
_SECTION = struct.Struct("<8x4I16x")
_IMPORT, _DELAYED_IMPORT = struct.Struct("<12xI4x"), struct.Struct("<4xI24x")
_PE32_PLUS = 0x20B


@dataclass(frozen=True, slots=True)
class LibraryFacts:
    """needed: names of the libraries it imports from, in lower case. exports: what it shows others.

    machine: the processor, as the format numbers them. oldest: the Windows version below which it is refused.
    """

    needed: tuple[str, ...]
    exports: tuple[str, ...]
    machine: int
    oldest: tuple[int, int]


def read_dll(path: Path) -> LibraryFacts:
    """Facts about a 64-bit Windows library. Raises `ToolError` where it is not one, or not whole."""
    try:
        return _Library(path.read_bytes()).facts()
    except (struct.error, ValueError, UnicodeDecodeError) as error:
        raise ToolError(
            f"{path.name} is not a whole Windows library ({error}).", "Clean the engine and build it again."
        ) from None


class _Library:
    def __init__(self, data: bytes) -> None:
        self.data = data
        (header,) = struct.unpack_from("<I", data, 0x3C)
        if data[:2] != b"MZ" or data[header : header + 4] != b"PE\0\0":
            raise ValueError("no PE header")
        self.machine, count, size = struct.unpack_from("<HH12xH", data, header + 4)
        self.optional = header + 24
        if struct.unpack_from("<H", data, self.optional) != (_PE32_PLUS,):
            raise ValueError("not for a 64-bit system")
        table = self.optional + size
        self.sections = [_SECTION.unpack_from(data, table + _SECTION.size * index) for index in range(count)]

    def facts(self) -> LibraryFacts:
        major, minor = struct.unpack_from("<HH", self.data, self.optional + 48)
        imported = [*self.imported(_IMPORTS, _IMPORT), *self.imported(_DELAYED, _DELAYED_IMPORT)]
        return LibraryFacts(
            needed=tuple(sorted({name.lower() for name in imported})),
            exports=tuple(self.exported()),
            machine=self.machine,
            oldest=(major, minor),
        )

    def imported(self, directory: int, entry: struct.Struct) -> Iterator[str]:
        """The names in a table of imports, which ends with an entry without one."""
        at = self.place(self.directory(directory))
        while at is not None and (name := self.place(entry.unpack_from(self.data, at)[0])) is not None:
            yield self.text(name)
            at += entry.size

    def exported(self) -> Iterator[str]:
        at = self.place(self.directory(_EXPORTS))
        if at is not None:
            count, names = struct.unpack_from("<24xI4xI", self.data, at)
            if (table := self.place(names)) is not None:
                for (address,) in struct.iter_unpack("<I", self.data[table : table + 4 * count]):
                    if (name := self.place(address)) is not None:
                        yield self.text(name)

    def directory(self, index: int) -> int:
        """Where a data directory is loaded to; 0 if there is none."""
        return int(struct.unpack_from("<I", self.data, self.optional + 112 + 8 * index)[0])

    def place(self, address: int) -> int | None:
        """Where in the file lies what is loaded to this address; None for none."""
        if not address:
            return None
        for size, start, raw_size, raw in self.sections:
            if start <= address < start + max(size, raw_size):
                return int(raw + address - start)
        raise ValueError(f"nothing is loaded to {address:#x}")

    def text(self, at: int) -> str:
        return self.data[at : self.data.index(b"\0", at)].decode()
