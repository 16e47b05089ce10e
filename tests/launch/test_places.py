from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bundler.compose.compose import compose
from runtime.container.archive import open_dist
from runtime.errors import SurroundingsError
from runtime.launch import spare
from runtime.launch.osdep.linux import Linux
from runtime.launch.places import Place, Places, places
from tests import handmade


def test_places_come_in_the_order_of_how_long_they_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    environ = {"PANNIER_CACHE_DIR": "/named", "HOME": "/home/ada", "XDG_RUNTIME_DIR": "/run/user/5", "TMPDIR": "/t"}
    found = places(environ, Linux()).candidates
    assert [str(place.path.parent) for place in found] == [
        *("/", "/home/ada/.cache/pannier", "/run/user/5", "/t", "/tmp", "/var/tmp", "/dev/shm", str(tmp_path)),
    ]
    assert [place.among_others for place in found] == [False, False, True, True, True, True, True, False]
    assert [place.lasting for place in found] == [*[True] * 7, False]


def test_trying_a_place_leaves_nothing_in_it(tmp_path: Path) -> None:
    place = Place(tmp_path / "a" / "b", "for the test")
    assert Places(()).try_out(place, executable=True) == ""
    assert list(place.path.iterdir()) == []


def test_a_place_deeper_than_may_be_made_does_not_exist(tmp_path: Path) -> None:
    assert Places(()).try_out(Place(tmp_path / "a" / "b" / "c", "x"), executable=False) == "does not exist"
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_is_a_refusal(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert Places(()).try_out(Place(tmp_path / "file" / "b", "x"), executable=False)


def test_the_error_names_every_place_once(tmp_path: Path) -> None:
    found = Places(())
    for _ in range(2):
        found.refuse(Place(tmp_path, "temp folder"), "is full")
    assert f"into: {tmp_path} (temp folder) is full." in found.none_left().message


def test_the_stand_in_of_a_deleted_dist_is_its_stub_and_its_runtime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = compose(handmade.kit(tmp_path), handmade.model(tmp_path), handmade.spec(), tmp_path).written.path
    with open_dist(built) as archive:
        with pytest.raises(SurroundingsError):
            spare.spare_program(archive)
        monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
        built.unlink()
        program = spare.spare_program(archive)
        stub = archive.source.read_at(0, archive.manifest.stub.size)
        assert program.read_bytes() == stub + archive.read("runtime.pkg")
        assert program.stat().st_mode & 0o111
        assert spare.spare_program(archive) == program
