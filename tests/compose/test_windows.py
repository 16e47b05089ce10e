"""A dist for Windows shows its own name, version and icon there; pefile and LIEF read them back."""

from __future__ import annotations

import struct
from pathlib import Path

import lief
import pefile
import pytest

from bundler.compose import pe, windows
from bundler.compose.compose import compose
from bundler.errors import KitError, SpecError
from bundler.renew.changes import Changes
from bundler.renew.repack import repack
from runtime.container.archive import DIST, open_dist
from runtime.container.source import Source
from runtime.container.verify import verify
from tests import handmade

PICTURES = (b"\x89PNG a small one", b"\x89PNG a larger one, of another size")
DIST_TABLE = {"name": "tiny", "version": "1.2.3-beta4", "description": "Übungen für die Klasse"}


def ico() -> bytes:
    """An icon file with two pictures."""
    out = struct.pack("<3H", 0, 1, len(PICTURES))
    offset = len(out) + 16 * len(PICTURES)
    for size, data in zip((16, 0), PICTURES, strict=True):  # 0 means 256
        out += struct.pack("<4B2H2I", size, size, 0, 0, 1, 32, len(data), offset)
        offset += len(data)
    return out + b"".join(PICTURES)


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    kit = handmade.kit(tmp_path, "windows-x86_64")
    spec = handmade.spec(dist=dict(DIST_TABLE))
    return compose(kit, handmade.model(tmp_path), spec, tmp_path / "out", icon=ico()).written.path


def test_pefile_reads_version_and_names(dist: Path) -> None:
    program = pefile.PE(str(dist))
    (fixed,) = program.VS_FIXEDFILEINFO
    assert (fixed.FileVersionMS, fixed.FileVersionLS) == ((1 << 16) | 2, (3 << 16) | 4)
    (strings,) = [info.StringTable[0].entries for info in program.FileInfo[0] if info.Key == b"StringFileInfo"]
    assert strings[b"FileDescription"].decode() == "Übungen für die Klasse"
    assert strings[b"FileVersion"] == b"1.2.3-beta4"
    assert strings[b"OriginalFilename"] == dist.name.encode()
    assert [warning for warning in program.get_warnings() if not warning.startswith("Byte 0x00 makes up")] == []


def test_lief_reads_icons_and_manifest(dist: Path) -> None:
    program = lief.PE.parse(str(dist))
    assert program is not None
    manager = program.resources_manager
    assert not isinstance(manager, lief.lief_errors)
    assert [bytes(icon.pixels) for icon in sorted(manager.icons, key=lambda icon: icon.id)] == list(PICTURES)
    assert "longPathAware" in str(manager.manifest)
    assert "UTF-8" in str(manager.manifest)


def test_sections_lie_in_order_and_the_image_ends_with_the_last_one(dist: Path) -> None:
    program = pefile.PE(str(dist))
    paging = program.OPTIONAL_HEADER.SectionAlignment
    ends = [section.VirtualAddress + section.Misc_VirtualSize for section in program.sections]
    starts = [section.VirtualAddress for section in program.sections]
    assert all(start >= end for start, end in zip(starts[1:], ends, strict=False))
    assert -(-ends[-1] // paging) * paging == program.OPTIONAL_HEADER.SizeOfImage
    assert program.OPTIONAL_HEADER.Subsystem == pefile.SUBSYSTEM_TYPE["IMAGE_SUBSYSTEM_WINDOWS_CUI"]
    with Source.open(dist) as source:
        assert verify(source, DIST).sound


def test_resources_that_are_read_back_are_those_that_were_written() -> None:
    stub = windows.dressed(handmade.pe(), handmade.spec(dist=dict(DIST_TABLE)), "tiny.exe", windows.icons(ico()))
    found = pe.resources(stub)
    assert found[windows.ICON, 2, 0] == PICTURES[1]
    assert pe.with_resources(stub, found) == stub


def test_without_an_icon_the_bootloaders_own_stays() -> None:
    theirs = pe.with_resources(handmade.pe(), windows.icons(ico()))
    found = pe.resources(windows.dressed(theirs, handmade.spec(), "tiny.exe", {}))
    assert found[windows.ICON, 1, 0] == PICTURES[0]


def test_relocations_behind_the_resources_move_with_their_table() -> None:
    """As Microsoft's linker lays a program out."""
    stub = pe.with_resources(handmade.pe(), windows.icons(ico()))
    program = pefile.PE(data=stub)
    moved = bytearray(stub)
    rsrc = program.sections[1]
    header = program.sections[0].get_file_offset() + 2 * 40
    raw, address = len(stub), rsrc.VirtualAddress + 0x1000
    struct.pack_into("<8s6I2HI", moved, header, b".reloc", 12, address, 0x200, raw, 0, 0, 0, 0, 0x42000040)
    struct.pack_into("<H", moved, program.FILE_HEADER.get_file_offset() + 2, 3)
    struct.pack_into("<2I", moved, program.OPTIONAL_HEADER.get_file_offset() + 112 + 40, address, 12)
    block = struct.pack("<2I2H", 0x1000, 12, 0xA000, 0)
    moved += block.ljust(0x200, b"\0")
    large = {**pe.resources(bytes(moved)), (10, 1, 0): bytes(range(256)) * 40}
    result = pefile.PE(data=pe.with_resources(bytes(moved), large))
    where = result.OPTIONAL_HEADER.DATA_DIRECTORY[5]
    assert result.sections[2].VirtualAddress == where.VirtualAddress > address
    assert result.get_data(where.VirtualAddress, 12) == block


@pytest.mark.parametrize(
    ("stub", "words"),
    [
        (handmade.pe() + b"tail", "bytes behind its sections"),
        (handmade.pe()[:200], "no whole Windows program"),
        (handmade.pe().replace(b"PE\0\0", b"PF\0\0"), "no 64-bit Windows program"),
    ],
    ids=["trailing bytes", "cut", "another format"],
)
def test_a_stub_that_cannot_be_dressed_is_refused(stub: bytes, words: str) -> None:
    with pytest.raises(KitError, match=words):
        windows.dressed(stub, handmade.spec(), "tiny.exe", {})


@pytest.mark.parametrize("data", [b"", b"GIF89a" + bytes(20), ico()[:-1]], ids=["empty", "a gif", "cut"])
def test_what_is_no_icon_is_refused_before_anything_is_built(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "icon.ico").write_bytes(data)
    with pytest.raises(SpecError):
        windows.read_icon(tmp_path / "icon.ico")


def test_a_renewed_dist_keeps_its_icon_and_tells_its_new_version(dist: Path, tmp_path: Path) -> None:
    spec = handmade.spec(dist={**DIST_TABLE, "version": "2.0"})
    kit = handmade.kit(tmp_path / "newer", "windows-x86_64", commit="1" * 9)
    with open_dist(dist) as old:
        renewed = repack(old, Changes(spec, told=frozenset({"dist.version"})), tmp_path / "new", kit=kit).path
    program = renewed.read_bytes()
    assert windows.icon_of(program)[windows.ICON, 2, 0] == PICTURES[1]
    assert pefile.PE(data=program).VS_FIXEDFILEINFO[0].FileVersionMS == 2 << 16
