"""Builds that are killed, interrupted, or run twice at once."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from bundler.engine.product import Engine, read_record
from bundler.publish import file_sha256
from bundler.targets import host
from tests.engine_build.conftest import Build, named

DRIVE = Path(__file__).with_name("drive.py")
ROOT = Path(__file__).parent.parent.parent

pytestmark = pytest.mark.skipif(host().system != "linux", reason="the miniature project is checked as ELF")


def start(root: Path, source: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.engine_build.drive", str(root), str(source), *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def every_finished_directory_is_whole(cache: Path) -> None:
    for kind in ("engines", "parts"):
        folder = cache / kind
        for name in named(folder):
            engine = read_record(folder / name)
            assert engine is not None, name
            assert all(file_sha256(engine.path / file.file) == file.sha256 for file in engine.files)


def test_killing_a_build_at_any_moment_leaves_nothing_half_valid(
    build: Build, built: Engine, fake_source: Path, tmp_path: Path
) -> None:
    reference = {file.file: file.sha256 for file in built.files}
    begin = time.monotonic()
    start(tmp_path / "timed", fake_source).communicate()
    whole = time.monotonic() - begin
    cache, killed = tmp_path / "killed", 0
    for fraction in (0.15, 0.3, 0.45, 0.6, 0.75, 0.9):
        process = start(cache, fake_source)
        time.sleep(fraction * whole)
        if process.poll() is None:
            process.kill()
            killed += 1
        process.communicate()
        every_finished_directory_is_whole(cache)
    assert killed, "no build was killed"
    assert {file.file: file.sha256 for file in build(root=cache).files} == reference


def _is_compiler(process: psutil.Process) -> bool:
    """Whether it is one; what has ended meanwhile is none."""
    try:
        return process.name().startswith("cc1")
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name)
def test_compilers_do_not_outlive_the_build(fake_source: Path, tmp_path: Path, number: signal.Signals) -> None:
    process = start(tmp_path / "cache", fake_source)
    family = psutil.Process(process.pid)
    deadline = time.monotonic() + 60
    while not any(_is_compiler(child) for child in family.children(recursive=True)):
        assert time.monotonic() < deadline, "no compiler was started"
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    children = family.children(recursive=True)
    process.send_signal(number)
    process.communicate(timeout=20)
    assert process.returncode != 0
    gone, alive = psutil.wait_procs(children, timeout=5)
    assert not alive
    assert gone


@pytest.mark.parametrize("locks", ["", "no-locks", "useless-locks"])
def test_two_builds_at_once_do_not_hurt_each_other(fake_source: Path, tmp_path: Path, locks: str) -> None:
    both = [start(tmp_path / "cache", fake_source, locks) for _ in range(2)]
    said = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert len({out for out, _ in said}) == 1
    every_finished_directory_is_whole(tmp_path / "cache")
    assert len(named(tmp_path / "cache" / "engines")) == 1
    assert len(named(tmp_path / "cache" / "work")) == (2 if locks else 1)
