"""The model is checked beside the start: pending, then yes or no; a good one is remembered, a changed one is not."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bundler.compose.compose import compose
from runtime.container.archive import open_dist
from runtime.errors import DamagedError
from runtime.launch import modelcheck
from runtime.launch.modelcheck import Memory, ModelCheck, Stretch, Verified, model_check, stretches_of
from runtime.launch.places import Place, Places
from tests import handmade


@pytest.fixture
def kept(tmp_path: Path) -> Places:
    return Places((Place(tmp_path / "cache", "a test's"),))


def built(folder: Path, **media: object) -> Path:
    path = compose(
        handmade.kit(folder), handmade.model(folder), handmade.spec(media=media), folder / "out"
    ).written.path
    for file in (path, *path.parent.glob("*.gguf")):
        os.utime(file, (1_700_000_000, 1_700_000_000))  # it has rested
    return path


@pytest.fixture(params=[{}, {"sidecar": True}], ids=["inside", "beside"])
def dist(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return built(tmp_path, **request.param)


def flip(path: Path) -> None:
    """Damage the model of a dist, wherever it is."""
    with open_dist(path) as archive:
        stretch = stretches_of(archive)[0]
        place, name = stretch.offset + stretch.size // 2, stretch.source.name
    data = bytearray(Path(name).read_bytes())
    data[place] ^= 1
    Path(name).write_bytes(data)


def verdict(path: Path, places: Places) -> tuple[Verified, Verified]:
    """What is known at once, and what in the end."""
    with open_dist(path) as archive:
        check = model_check(archive, places)
        return check.start(), check.wait(30)


def test_a_good_model_is_pending_then_verified_and_the_next_time_at_once(dist: Path, kept: Places) -> None:
    assert verdict(dist, kept)[1] is Verified.YES
    assert verdict(dist, kept) == (Verified.YES, Verified.YES)


def test_a_damaged_model_is_never_verified(dist: Path, kept: Places) -> None:
    flip(dist)
    with open_dist(dist) as archive:
        check = model_check(archive, kept)
        check.raise_if_damaged()  # nothing is known yet
        check.start()
        assert check.wait(30) is Verified.NO
        with pytest.raises(DamagedError, match="another SHA-256"):
            check.raise_if_damaged()
    assert verdict(dist, kept)[1] is Verified.NO


def test_a_change_after_a_good_check_is_noticed(dist: Path, kept: Places) -> None:
    assert verdict(dist, kept)[1] is Verified.YES
    flip(dist)
    assert verdict(dist, kept)[1] is Verified.NO


def test_setting_the_old_time_again_deceives_nobody(dist: Path, kept: Places) -> None:
    assert verdict(dist, kept)[1] is Verified.YES
    flip(dist)
    for file in (dist, *dist.parent.glob("*.gguf")):
        os.utime(file, (1_700_000_000, 1_700_000_000))
    assert verdict(dist, kept)[1] is Verified.NO


def test_a_file_that_was_written_just_now_is_not_remembered(dist: Path, kept: Places) -> None:
    for file in (dist, *dist.parent.glob("*.gguf")):
        os.utime(file)
    assert verdict(dist, kept)[1] is Verified.YES
    assert not (kept.candidates[0].path / modelcheck.MEMORY).exists()


@pytest.mark.parametrize("content", [b"", b"{", b'{"a": 1}', b"[1, [2]]"])
def test_a_damaged_memory_counts_as_none(dist: Path, kept: Places, content: bytes) -> None:
    kept.candidates[0].path.mkdir()
    (kept.candidates[0].path / modelcheck.MEMORY).write_bytes(content)
    with open_dist(dist) as archive:
        assert not Memory(kept).knows(stretches_of(archive)[0])
    assert verdict(dist, kept)[1] is Verified.YES


def test_the_memory_stays_small(kept: Places) -> None:
    memory = Memory(kept)
    for number in range(modelcheck.REMEMBERED + 9):
        memory.keep([[number]])
    known = json.loads((kept.candidates[0].path / modelcheck.MEMORY).read_bytes())
    assert len(known) == modelcheck.REMEMBERED
    assert known[0] == [modelcheck.REMEMBERED + 8]


def test_without_any_place_it_is_checked_every_time(dist: Path) -> None:
    for _ in range(2):
        assert verdict(dist, Places(()))[1] is Verified.YES


class SlowSource:
    """Gives its bytes only when told to."""

    def __init__(self, stretch: Stretch) -> None:
        self.fd, self.name, self._inner = stretch.source.fd, stretch.source.name, stretch.source
        self.go_on = threading.Event()

    def chunks(self, offset: int, size: int) -> Iterator[bytes]:
        self.go_on.wait(30)
        yield from self._inner.chunks(offset, size)


def slowed(stretch: Stretch) -> tuple[ModelCheck, SlowSource]:
    source = SlowSource(stretch)
    slow = Stretch(source, stretch.offset, stretch.size, stretch.sha256, stretch.what)  # type: ignore[arg-type]
    return ModelCheck([slow]), source


def test_while_it_reads_it_says_pending_and_tells_all_who_wait(dist: Path) -> None:
    with open_dist(dist) as archive:
        check, source = slowed(stretches_of(archive)[0])
        told: list[Verified] = []

        async def waiting() -> tuple[Verified, Verified]:
            both = asyncio.gather(check.wait_async(), check.wait_async())
            await asyncio.sleep(0)
            source.go_on.set()
            first, second = await both
            return first, second

        check.when_done(told.append)
        assert check.start() is Verified.PENDING
        assert check.wait(0.01) is Verified.PENDING
        assert check.progress == 0
        assert asyncio.run(waiting()) == (Verified.YES, Verified.YES)
        assert told == [Verified.YES]
        check.when_done(told.append)
        assert told == [Verified.YES, Verified.YES]
        assert check.progress == 1


def test_stopping_leaves_no_thread_and_no_verdict(dist: Path) -> None:
    with open_dist(dist) as archive:
        check, source = slowed(stretches_of(archive)[0])
        check.start()
        threading.Timer(0.05, source.go_on.set).start()
        check.stop()
        assert check.verified is Verified.PENDING
    assert "model check" not in [thread.name for thread in threading.enumerate()]


def test_a_missing_file_of_the_model_is_named(tmp_path: Path, kept: Places) -> None:
    path = built(tmp_path, sidecar=True)
    next(path.parent.glob("*.gguf")).unlink()
    with open_dist(path) as archive, pytest.raises(DamagedError, match=r"tiny-1\.0-linux-x86_64\.gguf"):
        model_check(archive, kept)
