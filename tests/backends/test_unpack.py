from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from runtime.container import unpack
from runtime.container.unpack import EngineCache, core, engine_hash, sweep
from runtime.errors import DamagedError, SurroundingsError
from runtime.launch.places import Place, Places
from tests.backends.engines import FakeContainer, container


@pytest.fixture
def dist(tmp_path: Path) -> FakeContainer:
    """Libraries that are libraries only by name."""
    for name in ("base", "variant"):
        (tmp_path / name).write_bytes(name.encode() * 3000)
    return container({"libbase.so": tmp_path / "base"}, {"one": (tmp_path / "variant", 1)})


def test_libraries_are_unpacked_once(dist: FakeContainer, one_place: Places) -> None:
    cache = EngineCache(one_place)
    directory = cache.provide(dist, core(dist.manifest.engine))
    assert [path.name for path in directory.iterdir()] == ["libbase.so"]
    assert directory.name == f"engine-{engine_hash(dist.manifest)[:32]}"
    assert cache.provide(dist, dist.manifest.engine.libraries) == directory
    assert dist.reads == ["engine/libbase.so", "engine/libggml-cpu-one.so"]


@pytest.mark.parametrize("damage", [b"", b"base", b"\0" * 12000])
def test_what_a_crash_left_is_replaced(dist: FakeContainer, one_place: Places, damage: bytes) -> None:
    cache = EngineCache(one_place)
    library = cache.provide(dist, dist.manifest.engine.libraries) / "libbase.so"
    sound = library.read_bytes()
    library.write_bytes(damage)
    cache.provide(dist, dist.manifest.engine.libraries)
    assert library.read_bytes() == sound


def test_a_file_in_use_is_replaced_not_rewritten(dist: FakeContainer, one_place: Places) -> None:
    cache = EngineCache(one_place)
    library = cache.provide(dist, dist.manifest.engine.libraries) / "libbase.so"
    library.write_bytes(b"other")
    with library.open("rb") as running:
        cache.provide(dist, dist.manifest.engine.libraries)
        assert running.read() == b"other"


def test_a_damaged_entry_never_appears_under_its_name(dist: FakeContainer, one_place: Places, tmp_path: Path) -> None:
    (tmp_path / "variant").write_bytes(b"flipped")
    with pytest.raises(DamagedError):
        EngineCache(one_place).provide(dist, dist.manifest.engine.libraries)
    (directory,) = one_place.candidates[0].path.iterdir()
    assert [path.name for path in directory.iterdir()] == ["libbase.so"]


def test_engines_that_differ_in_one_backend_share_nothing(dist: FakeContainer, tmp_path: Path) -> None:
    (tmp_path / "variant2").write_bytes(b"x")
    other = container({"libbase.so": tmp_path / "base"}, {"one": (tmp_path / "variant2", 1)})
    assert engine_hash(dist.manifest) != engine_hash(other.manifest)


def test_old_engines_and_litter_are_swept_and_the_rest_stays(tmp_path: Path) -> None:
    old, used = tmp_path / "engine-old", tmp_path / "engine-used"
    for directory in (old, used, tmp_path / ".try-1-a", tmp_path / ".try-2-b", tmp_path / "mine"):
        directory.mkdir()
        (directory / "library").write_bytes(b"x")
    long_ago = time.time() - unpack.KEPT_DAYS * 86400 - 60
    (used / ".library.77-abc.new").write_bytes(b"x")
    (tmp_path / "verdicts-x.json").write_bytes(b"{}")
    for path in (
        old,
        used / ".library.77-abc.new",
        tmp_path / ".try-1-a",
        tmp_path / "mine",
        tmp_path / "verdicts-x.json",
    ):
        os.utime(path, (long_ago, long_ago))
    sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".try-2-b", "engine-used", "mine", "verdicts-x.json"]
    assert [path.name for path in used.iterdir()] == ["library"]


def test_an_engine_in_use_is_never_old(dist: FakeContainer, one_place: Places) -> None:
    cache = EngineCache(one_place)
    directory = cache.provide(dist, core(dist.manifest.engine))
    os.utime(directory, (1, 1))
    cache.provide(dist, core(dist.manifest.engine))
    sweep(directory.parent)
    assert directory.exists()


def test_providing_and_sweeping_at_once_always_ends_with_whole_libraries(
    dist: FakeContainer, one_place: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpack, "KEPT_DAYS", -1)  # everything is old at once: the worst race there is
    cache = EngineCache(one_place)
    stop = threading.Event()
    place = one_place.candidates[0].path
    place.mkdir()
    swept, pause = 0, 0.0

    def sweep_on() -> None:
        nonlocal swept
        while not stop.wait(pause):
            sweep(place)
            swept += 1

    thread = threading.Thread(target=sweep_on)
    thread.start()
    try:
        provided, reasons = 0, set[str]()
        for attempt in range(200):
            pause = attempt // 50 * 0.05  # on a starved machine nobody would ever get between two sweeps
            try:
                cache.provide(dist, dist.manifest.engine.libraries)
            except SurroundingsError as error:
                reasons.add(str(error).partition("(for the test) ")[2].partition(".")[0])
            else:
                provided += 1
    finally:
        stop.set()
        thread.join()
    assert swept
    assert provided
    assert reasons <= {"is being emptied by another program", "does not exist"}
    monkeypatch.setattr(unpack, "KEPT_DAYS", 60)
    directory = cache.provide(dist, dist.manifest.engine.libraries)
    assert (directory / "libbase.so").stat().st_size == 12000


def test_a_shared_folder_of_somebody_else_is_refused(dist: FakeContainer, tmp_path: Path) -> None:
    for name, mode in (("others", 0o777), ("target", 0o700)):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(mode)
    (tmp_path / "link").symlink_to(tmp_path / "target")
    refused = [Place(tmp_path / name, "temp folder", among_others=True) for name in ("others", "link")]
    places = Places((*refused, Place(tmp_path / "good", "temp folder", among_others=True)))
    directory = EngineCache(places).provide(dist, dist.manifest.engine.libraries)
    assert directory.parent == tmp_path / "good"
    assert (tmp_path / "good").stat().st_mode & 0o777 == 0o700
    assert [refusal.reason for refusal in places.refusals] == [
        "belongs to somebody else or may be written to by others"
    ] * 2


def test_a_planted_engine_in_a_folder_of_somebody_else_is_not_used(dist: FakeContainer, tmp_path: Path) -> None:
    first = Places((Place(tmp_path / "shared", "temp folder", among_others=True),))
    EngineCache(first).provide(dist, dist.manifest.engine.libraries)
    (tmp_path / "shared").chmod(0o777)
    second = Places((*first.candidates, Place(tmp_path / "own", "for the test")))
    directory = EngineCache(second).provide(dist, dist.manifest.engine.libraries)
    assert directory.parent == tmp_path / "own"
