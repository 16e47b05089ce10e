from __future__ import annotations

import sys
from pathlib import Path

import pytest

from runtime.launch.osdep.linux import Linux
from runtime.launch.places import Place, Places, places

ENVIRON = {"PANNIER_CACHE_DIR": "/named", "HOME": "/home/ada", "XDG_RUNTIME_DIR": "/run/user/5", "TMPDIR": "/t"}
FOLDERS = ("/", "/home/ada/.cache/pannier", "/run/user/5", "/t", "/tmp", "/var/tmp", "/dev/shm")


def test_places_come_in_the_order_of_how_long_they_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "_MEI0000abcdxyz"
    monkeypatch.setattr(sys, "_MEIPASS", str(own), raising=False)
    found = places(ENVIRON, Linux()).candidates
    assert [str(place.path.parent) for place in found] == [*FOLDERS, str(own)]
    assert [place.among_others for place in found] == [False, False, True, True, True, True, True, False]
    assert [place.lasting for place in found] == [*[True] * 7, False]


def test_where_the_launcher_found_a_place_the_engine_may_live_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path / "runtime-0" / "_internal"), raising=False)
    assert places(ENVIRON, Linux()).candidates[-1].path == tmp_path
    monkeypatch.setattr(sys, "_MEIPASS", "/named/runtime-0/_internal", raising=False)
    assert len(places(ENVIRON, Linux()).candidates) == len(FOLDERS)


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
