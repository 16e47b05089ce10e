"""One flipped bit in a dist that is started: no answer and no traceback from damaged code; a sentence wherever we can.

Damaged code cannot refuse to run, so a flip in the launcher may end in a crash of any kind; what it must not do is
answer. Everything else is checked before it is used, and refused with a sentence and exit code 3.
"""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.container.archive import open_dist
from runtime.manifest import Role
from tests.dist import running

PLACES = 10
QUESTION = "What is the capital of Japan?"
DAMAGED = 3


class Flipped:
    """Copies of a dist with one bit flipped, started in a home where it never ran."""

    def __init__(self, dist: Path, folder: Path) -> None:
        self._whole, self._folder = dist.read_bytes(), folder
        self._random = random.Random(5)
        self._count = 0

    def start(self, offset: int) -> subprocess.CompletedProcess[str]:
        """Ask the dist one question, with a bit flipped in the byte at `offset`."""
        self._count += 1
        data = bytearray(self._whole)
        data[offset] ^= 1 << self._random.randrange(8)
        copy = self._folder / f"flipped-{self._count}"
        copy.write_bytes(data)
        copy.chmod(0o755)
        env = running.environment(self._folder / f"home-{self._count}")
        try:
            return running.run(copy, "run", QUESTION, "--max-tokens", "8", env=env)
        except OSError as error:  # the system does not even take it for a program
            return subprocess.CompletedProcess([str(copy)], 126, "", str(error))
        finally:
            copy.unlink()

    def places(self, offset: int, size: int) -> Iterator[int]:
        """Some bytes of a range, its first and last among them."""
        yield from (offset, offset + size - 1)
        yield from (offset + self._random.randrange(size) for _ in range(PLACES - 2))


@pytest.fixture
def flipped(dist: Path, tmp_path: Path) -> Flipped:
    return Flipped(dist, tmp_path)


def test_in_the_launcher_it_never_answers(flipped: Flipped, dist: Path) -> None:
    with open_dist(dist) as archive:
        size = archive.manifest.stub.size
    for place in flipped.places(0, size):
        done = flipped.start(place)
        assert done.returncode != 0, f"byte {place}"
        assert done.stdout == ""
        assert "Traceback" not in done.stderr


def test_in_the_runtime_it_is_refused_with_a_sentence(flipped: Flipped, dist: Path) -> None:
    with open_dist(dist) as archive:
        ranges = [archive.data_range(e.name) for e in archive.manifest.entries if e.role is Role.RUNTIME]
    for offset, size in ranges:
        for place in flipped.places(offset, size):
            refused(flipped.start(place), f"byte {place}")


def test_in_the_manifest_it_is_refused_with_a_sentence(flipped: Flipped, dist: Path) -> None:
    with open_dist(dist) as archive:
        offset, size = archive.layout.placements[0].data_offset, len(archive.raw_manifest)
    for place in flipped.places(offset, size):
        refused(flipped.start(place), f"byte {place}")


def test_in_an_engine_library_it_is_refused_with_a_sentence(
    flipped: Flipped, dist: Path, settled: dict[str, str]
) -> None:
    used = json.loads(running.run(dist, "info", "--json", env=settled).stdout)["decision"]["backend"]
    with open_dist(dist) as archive:
        libraries = archive.manifest.engine.libraries
        needed = [lib for lib in libraries if lib.kind == "core" or f"{lib.backend}-{lib.variant}" == used]
        ranges = [archive.data_range(library.entry) for library in needed]
    for offset, size in ranges:
        for place in list(flipped.places(offset, size))[:4]:
            refused(flipped.start(place), f"byte {place}")


def test_in_the_model_it_is_never_taken_for_verified(flipped: Flipped, dist: Path) -> None:
    with open_dist(dist) as archive:
        offset, size = archive.data_range("model.gguf")
    for place in flipped.places(offset, size):
        done = flipped.start(place)
        assert "Traceback" not in done.stderr
        if done.returncode == 0:  # answered before the check was done, and said so
            assert "unverified" in done.stderr, f"byte {place}"
        else:
            assert "error: " in done.stderr, f"byte {place}"


def refused(done: subprocess.CompletedProcess[str], where: str) -> None:
    assert done.returncode == DAMAGED, f"{where}: exit code {done.returncode}, {done.stderr}"
    assert done.stdout == ""
    assert "damaged" in done.stderr
    assert "Traceback" not in done.stderr
