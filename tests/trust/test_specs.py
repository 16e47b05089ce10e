"""The ready specs compose, with a tiny model in place of the big one they name."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundler.compose.compose import compose
from bundler.spec import load
from runtime.container.archive import DIST, open_dist
from runtime.container.source import Source
from runtime.container.verify import verify
from runtime.manifest import Role
from tests import handmade

SPECS = sorted((Path(__file__).parents[2] / "dist-specs").glob("*.toml"))


def test_the_ready_specs_are_there() -> None:
    assert {"demo", "classroom", "air-gapped", "archive"} <= {path.stem for path in SPECS}


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_a_ready_spec_composes_and_says_what_it_is(path: Path, tmp_path: Path) -> None:
    spec = load(path)
    kit = handmade.kit(tmp_path, sources=spec.archive.sources)
    done = compose(kit, handmade.model(tmp_path), spec, tmp_path / "out")
    with open_dist(done.written.path) as dist, Source.open(done.written.path) as source:
        assert verify(source, DIST).sound
        assert dist.manifest.name == spec.dist.name
        assert dist.manifest.spec["serve"] == spec.serve.model_dump()
        assert dist.manifest.spec["dist"]["description"]
        assert any(entry.role is Role.SOURCE for entry in dist.manifest.entries) is spec.archive.sources


def test_the_air_gapped_dist_listens_to_nobody_else() -> None:
    spec = load(next(path for path in SPECS if path.stem == "air-gapped"))
    assert spec.serve.host == "127.0.0.1"
    assert not spec.serve.browser


def test_the_classroom_has_room_for_a_class() -> None:
    spec = load(next(path for path in SPECS if path.stem == "classroom"))
    assert spec.serve.parallel >= 30
    assert spec.serve.port
