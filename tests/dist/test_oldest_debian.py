"""The dist on the oldest system its kit promises: a Debian of that C library, with nothing but that in it."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from pathlib import Path

import pytest

from bundler.foreign.debian import GLIBC
from bundler.targets import host
from runtime.container.archive import open_dist
from tests.dist import running
from tests.dist.debians import bare_debian, wrapped

QUESTION = ("run", "What is 7 plus 5?", "--temperature", "0")

pytestmark = pytest.mark.skipif(host().system != "linux", reason="Debian starts programs for Linux")


@pytest.fixture(scope="module")
def started(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dist as a program in there."""
    return wrapped(dist, bare_debian(platform.machine()), tmp_path_factory.mktemp("oldest"))


@pytest.fixture(scope="module")
def served(started: Path) -> Iterator[running.Serving]:
    with running.serving(started, env=dict(os.environ)) as serving:
        yield serving


def test_it_is_as_old_as_the_kit_promises(dist: Path) -> None:
    """Where Python needs a newer C library than that Debian's, this is to be tried in a newer one."""
    with open_dist(dist) as archive:
        parts = (archive.manifest.engine, archive.manifest.runtime)
    assert max(tuple(map(int, part.glibc.split("."))) for part in parts) <= GLIBC


def test_it_answers_there_as_here(started: Path, dist: Path, env: dict[str, str]) -> None:
    there = running.run(started, *QUESTION, env=dict(os.environ))
    assert there.returncode == 0, there.stderr
    assert there.stdout == running.run(dist, *QUESTION, env=env).stdout != ""


def test_it_serves_there(served: running.Serving) -> None:
    status, answer = served.chat("What can you do?")
    assert status == 200
    assert answer["choices"][0]["finish_reason"] == "stop"


def test_its_worker_may_die_there(served: running.Serving) -> None:
    first = served.worker
    os.kill(first, 9)
    assert running.eventually(lambda: bool({*served.workers} - {first}), running.START_SECONDS)
    assert served.chat("What can you do?")[0] == 200
