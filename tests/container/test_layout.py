"""The layout puts every aligned member on its boundary and stays a valid archive, whatever the sizes."""

from __future__ import annotations

import io
import zipfile
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.container import zipformat
from runtime.container.layout import MAX_ALIGNMENT, Layout, Member, plan

COMMENT = b"a comment"


def rendered(layout: Layout, datas: dict[str, bytes]) -> bytes:
    out = bytearray(layout.stub_size)
    for placement in layout.placements:
        assert len(out) == placement.header_offset
        out += placement.header
        out += bytes(placement.member.size) if placement.padding else datas[placement.member.name]
    assert len(out) == layout.directory_offset
    return bytes(out) + layout.directory


def member(name: str, data: bytes, alignment: int = 1) -> Member:
    return Member(name, len(data), zlib.crc32(data), alignment)


@pytest.mark.parametrize("name_length", [1, 10, 200])
@pytest.mark.parametrize("size", [5, 1 << 33], ids=["small", "zip64"])
def test_at_every_residue_the_data_lands_on_its_boundary(name_length: int, size: int) -> None:
    name = "m" * name_length
    for residue in range(MAX_ALIGNMENT):
        layout = plan(residue, [Member(name, size, 0, MAX_ALIGNMENT)], COMMENT)
        placement = layout.placement(name)
        assert placement.data_offset % MAX_ALIGNMENT == 0
        assert placement.data_offset - residue < 2 * MAX_ALIGNMENT
        parsed = zipformat.parse_local(placement.header)
        assert parsed == (name, size, 0, len(placement.header))
        ends = [p.end for p in layout.placements]
        assert [p.header_offset for p in layout.placements] == [residue, *ends[:-1]]


RESIDUES = [0, 1, 2, 5, 6, 7, 100, *range(65480, 65536)]


@pytest.mark.parametrize("residue", RESIDUES)
def test_python_reads_every_member_at_the_awkward_residues(residue: int) -> None:
    datas = {"model.gguf": b"weights", "b": b"", "c.txt": b"text" * 99}
    members = [member(name, data, MAX_ALIGNMENT if name == "model.gguf" else 1) for name, data in datas.items()]
    layout = plan(residue, members, COMMENT)
    with zipfile.ZipFile(io.BytesIO(rendered(layout, datas))) as archive:
        assert archive.testzip() is None
        assert archive.comment == COMMENT
        for name, data in datas.items():
            assert archive.read(name) == data


names = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=80)


@settings(max_examples=200, deadline=None)
@given(
    stub=st.integers(0, 200_000),
    datas=st.dictionaries(names, st.binary(max_size=300), min_size=1, max_size=6),
    alignments=st.lists(st.sampled_from([1, 2, 32, 4096, 65536]), min_size=6, max_size=6),
)
def test_any_mix_of_members_is_an_archive_that_python_reads(
    stub: int, datas: dict[str, bytes], alignments: list[int]
) -> None:
    members = [member(name, data, align) for (name, data), align in zip(datas.items(), alignments, strict=False)]
    layout = plan(stub, members, COMMENT)
    whole = rendered(layout, datas)
    assert len(whole) == layout.file_size
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert archive.testzip() is None
        for name, data in datas.items():
            assert archive.read(name) == data
    for placement in layout.placements:
        assert placement.data_offset % placement.member.alignment == 0


@settings(max_examples=200, deadline=None)
@given(
    sizes=st.lists(st.sampled_from([0, 10, 0xFFFFFFFE, 0xFFFFFFFF, 1 << 32, 5 << 30]), min_size=1, max_size=6),
    stub=st.integers(0, 200_000),
)
def test_the_directory_of_huge_members_reads_back_the_same(sizes: list[int], stub: int) -> None:
    members = [Member(f"m{i}", size, i, 65536 if i == 0 else 1) for i, size in enumerate(sizes)]
    layout = plan(stub, members, COMMENT)
    end = zipformat.parse_end(layout.directory, layout.file_size)
    assert (end.central_offset, end.comment) == (layout.directory_offset, COMMENT)
    records = zipformat.parse_central(layout.directory, end.members)
    assert [(r.name, r.size, r.crc32, r.header_offset) for r in records] == [
        (p.member.name, p.member.size, p.member.crc32, p.header_offset) for p in layout.placements
    ]


@pytest.mark.parametrize("alignment", [0, 3, 131072])
def test_an_alignment_that_cannot_be_kept_is_refused(alignment: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        plan(0, [Member("m", 1, 0, alignment)], COMMENT)
