"""`verify` accounts for every byte: whatever is changed, it names the place."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from bundler.compose.compose import compose
from runtime.container.archive import DIST, KIT, open_dist
from runtime.container.layout import Layout
from runtime.container.source import Source
from runtime.container.verify import Report, verify
from runtime.errors import DamagedError
from tests import handmade


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verify")
    spec = handmade.spec(engine={"backends": ["cpu", "vulkan"]})
    model = handmade.model(folder)

    def composed(stub_size: int) -> Path:
        return compose(handmade.kit(folder, stub=handmade.elf(size=stub_size)), model, spec, folder).written.path

    # Three bytes short of a boundary: too few for an extra field, so that a padding member must reach the next one.
    with open_dist(composed(100_000)) as first:
        header_end = first.layout.placement("model.gguf").header_offset + 40
    return composed(100_000 + (-3 - header_end) % 65536)


def checked(path: Path) -> Report:
    with Source.open(path) as source:
        return verify(source, DIST)


def region_of(layout: Layout, offset: int) -> str:
    """The name of the region a byte lies in, worked out from the layout alone."""
    if offset < layout.stub_size:
        return "stub"
    for placement in layout.placements:
        if offset < placement.data_offset:
            return f"header of {placement.member.name}"
        if offset < placement.end:
            return f"{'padding' if placement.padding else 'entry'} {placement.member.name}"
    return "central directory"


def damaged_region(path: Path) -> str:
    try:
        report = checked(path)
    except DamagedError as error:
        return error.message
    assert len(report.damages) == 1, report.damages
    return report.damages[0].region


def test_a_sound_dist_is_sound_and_wholly_checked(dist: Path) -> None:
    report = checked(dist)
    assert report.sound
    assert report.checked == report.file_size == dist.stat().st_size


def test_a_sound_kit_is_sound(tmp_path: Path) -> None:
    kit = handmade.kit(tmp_path)
    assert verify(kit.source, KIT).sound


def test_the_dist_has_a_region_of_every_kind(dist: Path) -> None:
    with open_dist(dist) as archive:
        assert any(p.padding for p in archive.layout.placements)
        assert archive.layout.stub_size > 0


def test_one_flipped_bit_anywhere_is_named_every_time(dist: Path, tmp_path: Path) -> None:
    with open_dist(dist) as archive:
        layout = archive.layout
    rng = random.Random(20)
    # 300 random places, and beside them some in every region however small it is.
    places = [rng.randrange(layout.file_size) for _ in range(300)]
    starts = [0, layout.directory_offset]
    for placement in layout.placements:
        starts += [placement.header_offset, placement.data_offset]
    places += [start + rng.randrange(20) for start in starts for _ in range(6)]
    places += [layout.file_size - 1 - i for i in range(0, 120, 3)]
    copy = tmp_path / "flipped"
    whole = dist.read_bytes()
    for place in places:
        data = bytearray(whole)
        data[place] ^= 1 << rng.randrange(8)
        copy.write_bytes(data)
        expected = region_of(layout, place)
        assert expected in damaged_region(copy), f"byte {place}"


def test_a_file_cut_off_anywhere_is_named_and_never_sound(dist: Path, tmp_path: Path) -> None:
    whole = dist.read_bytes()
    rng = random.Random(5)
    copy = tmp_path / "cut"
    for length in [0, 1, 100, *(rng.randrange(len(whole)) for _ in range(30)), len(whole) - 1]:
        copy.write_bytes(whole[:length])
        try:
            report = checked(copy)
        except DamagedError as error:
            assert str(copy) in error.message  # noqa: PT017 - either outcome names the file
            continue
        assert not report.sound
        assert any("too early" in damage.problem for damage in report.damages)


def test_bytes_behind_the_end_are_noticed(dist: Path, tmp_path: Path) -> None:
    copy = tmp_path / "longer"
    copy.write_bytes(dist.read_bytes() + b"PK and something")
    assert "end of file" in [d.region for d in checked(copy).damages] or "central directory" in damaged_region(copy)


def test_opening_refuses_a_cut_file_in_one_sentence(dist: Path, tmp_path: Path) -> None:
    copy = tmp_path / "cut"
    copy.write_bytes(dist.read_bytes()[:-10])
    with pytest.raises(DamagedError) as caught:
        open_dist(copy)
    assert "\n" not in str(caught.value)


def test_reading_a_damaged_entry_is_refused(dist: Path, tmp_path: Path) -> None:
    copy = tmp_path / "flipped"
    data = bytearray(dist.read_bytes())
    with open_dist(dist) as archive:
        offset, size = archive.data_range("engine/libllama.so.zst")
    data[offset + size // 2] ^= 4
    copy.write_bytes(data)
    with open_dist(copy) as archive, pytest.raises(DamagedError, match=r"libllama\.so"):
        archive.read("engine/libllama.so.zst")
