"""One flipped bit anywhere, in a signed dist or in a file beside it: `verify` names the place, every time."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from bundler.compose.compose import compose
from bundler.trust import keys
from runtime.container.archive import DIST, open_dist
from runtime.container.beside import verify_beside
from runtime.container.layout import Layout
from runtime.container.source import Source
from runtime.container.verify import verify
from runtime.errors import DamagedError
from tests import handmade

PLACES = 500


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


def named(path: Path) -> str:
    """What `verify` says is damaged; exactly one thing is."""
    try:
        with Source.open(path) as source:
            report = verify_beside(verify(source, DIST), path.parent)
    except DamagedError as error:
        return error.message
    (damage,) = report.damages
    return damage.region


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Signed, with its model beside it: small enough that most places hit headers, directory and signature."""
    folder = tmp_path_factory.mktemp("flipped")
    sign = keys.generate(folder / "key")[0].sign
    spec = handmade.spec(media={"sidecar": True})
    return compose(handmade.kit(folder), handmade.model(folder), spec, folder / "out", sign=sign).written.path


def test_in_a_signed_dist_and_its_sidecar(dist: Path, tmp_path: Path) -> None:
    with open_dist(dist) as archive:
        layout, (beside,) = archive.layout, archive.manifest.model.beside
    rng = random.Random(9)
    files = {dist.name: dist.read_bytes(), beside.file: dist.with_name(beside.file).read_bytes()}
    total = sum(map(len, files.values()))
    places = [rng.randrange(total) for _ in range(PLACES)]
    signature = layout.placements[-1]
    places += range(signature.header_offset, signature.end)  # every byte of what signing adds
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    seen = set()
    for place in places:
        name, offset = (dist.name, place) if place < layout.file_size else (beside.file, place - layout.file_size)
        expected = region_of(layout, offset) if name == dist.name else f"file {beside.file}"
        data = bytearray(files[name])
        data[offset] ^= 1 << rng.randrange(8)
        (tmp_path / name).write_bytes(data)
        assert expected in named(tmp_path / dist.name), f"byte {offset} of {name}"
        (tmp_path / name).write_bytes(files[name])
        seen.add(expected)
    assert {"stub", "entry manifest.json.sig", "header of manifest.json.sig", f"file {beside.file}"} <= seen


def test_a_signed_dist_cut_off_anywhere_is_never_sound(dist: Path, tmp_path: Path) -> None:
    whole = dist.read_bytes()
    rng = random.Random(3)
    copy = tmp_path / dist.name
    for length in [0, 1, *(rng.randrange(len(whole)) for _ in range(30)), len(whole) - 1]:
        copy.write_bytes(whole[:length])
        try:
            with Source.open(copy) as source:
                report = verify(source, DIST)
        except DamagedError as error:
            assert str(copy) in error.message  # noqa: PT017 - either outcome names the file
            continue
        assert any("too early" in damage.problem for damage in report.damages)
