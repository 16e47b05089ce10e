"""The launcher in front: unpacks once and whole, whoever is killed when; says in words what is wrong."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from runtime.container.archive import open_dist
from tests.dist import running
from tests.dist.editing import flipped, replaced
from tests.dist.mounts import QUESTION, fresh, run_in
from tests.dist.test_alone import assert_answered
from tests.dist.test_places import runtimes

FLIPS = 40
KILLS = 12
DAY = 86400.0


def cache_of(env: dict[str, str]) -> Path:
    return Path(env["HOME"]) / ".cache/pannier/runtime"


def the_runtime(env: dict[str, str]) -> Path:
    (only,) = cache_of(env).glob("runtime-*")
    return only


def age(path: Path, days: float) -> None:
    then = time.time() - days * DAY
    os.utime(path, (then, then))


def test_a_second_start_unpacks_nothing(dist: Path, env: dict[str, str]) -> None:
    assert_answered(running.run(dist, *QUESTION, env=env))
    before = {path: path.stat().st_ino for path in the_runtime(env).rglob("*")}
    assert_answered(running.run(dist, *QUESTION, env=env))
    assert {path: path.stat().st_ino for path in the_runtime(env).rglob("*")} == before
    assert list(Path(env["TMPDIR"]).iterdir()) == []


def test_killed_at_any_moment_of_unpacking_it_starts_the_next_time(dist: Path, env: dict[str, str]) -> None:
    chance = random.Random(6)
    for _ in range(KILLS):
        process = subprocess.Popen([dist, *QUESTION], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.0, 0.3))
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert_answered(running.run(dist, *QUESTION, env=env))
    assert len(runtimes(cache_of(env))) == 1


def test_a_start_killed_half_way_leaves_nothing_for_good(dist: Path, env: dict[str, str]) -> None:
    process = subprocess.Popen([dist, *QUESTION], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert running.eventually(lambda: any(cache_of(env).glob(".runtime-*/*")), 10)
    process.send_signal(signal.SIGSTOP)
    if not any(cache_of(env).glob(".runtime-*")):
        process.kill()
        pytest.skip("it was faster than we could look")
    process.kill()
    process.wait()
    assert_answered(running.run(dist, *QUESTION, env=env))
    assert len(runtimes(cache_of(env))) == 1


@pytest.mark.parametrize("how", ["gone", "cut"])
def test_a_runtime_that_is_not_whole_is_unpacked_again(dist: Path, env: dict[str, str], how: str) -> None:
    assert_answered(running.run(dist, *QUESTION, env=env))
    victim = the_runtime(env) / "_internal" / "base_library.zip"
    size = victim.stat().st_size
    if how == "gone":
        victim.unlink()
    else:
        os.truncate(victim, size // 2)
    assert_answered(running.run(dist, *QUESTION, env=env))
    assert (the_runtime(env) / "_internal" / "base_library.zip").stat().st_size == size
    assert len(runtimes(cache_of(env))) == 1


def test_after_a_crash_of_the_machine_the_content_is_compared_once(dist: Path, env: dict[str, str]) -> None:
    assert_answered(running.run(dist, *QUESTION, env=env))
    state, library = the_runtime(env) / "state", the_runtime(env) / "_internal" / "base_library.zip"
    assert state.read_text() == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    sound = library.read_bytes()
    state.write_text("another boot")
    assert_answered(running.run(dist, *QUESTION, env=env))
    assert state.read_text() == "sound"
    state.write_text("another boot")
    library.write_bytes(bytes(len(sound)))  # the name was kept and the content was not
    assert_answered(running.run(dist, *QUESTION, env=env))
    assert library.read_bytes() == sound
    assert len(runtimes(cache_of(env))) == 1


def test_what_no_start_used_for_two_months_is_swept_but_not_what_runs(dist: Path, env: dict[str, str]) -> None:
    with running.serving(dist, "--port", "0", env=env):
        ours = the_runtime(env)
        cache = cache_of(env)
        for name in ("runtime-" + "a" * 32, "runtime-" + "b" * 32, ".runtime-99-dead"):
            (cache / name / "_internal").mkdir(parents=True)
            (cache / name / "_internal" / "file").write_bytes(b"x")
        age(cache / ("runtime-" + "a" * 32), 61)
        age(cache / ("runtime-" + "b" * 32), 59)
        moved = ours.rename(cache / ("runtime-" + "c" * 32))  # as if it were another version's, long unused
        age(moved, 61)
        assert_answered(running.run(dist, *QUESTION, env=env))
        assert set(runtimes(cache)) == {ours.name, "runtime-" + "b" * 32, moved.name}


def test_a_flipped_bit_in_launcher_or_runtime_never_yields_an_answer(
    dist: Path, settled: dict[str, str], tmp_path: Path
) -> None:
    with open_dist(dist) as archive:
        ranges = [(0, archive.manifest.stub.size)]
        for name in ("runtime.txt", "runtime.tar.zst"):
            offset, size = archive.data_range(name)
            ranges.append((offset, offset + size))
    chance = random.Random(9)
    for low, high in ranges:
        for _ in range(FLIPS if low == 0 else FLIPS // 4):
            at, bit = chance.randrange(low, high), chance.randrange(8)
            copy = flipped(dist, tmp_path / "flipped", at, bit)
            try:
                done = running.run(copy, *QUESTION, env=settled)
            except OSError:  # not even the system takes it for a program
                continue
            assert done.stdout == "", f"bit {bit} of byte {at}"
            assert done.returncode != 0, f"bit {bit} of byte {at}"
            assert "Traceback" not in done.stderr
            if low:
                assert done.returncode == 3
                assert "is damaged" in done.stderr


def test_a_cut_file_is_told_from_the_first_kilobytes_on(dist: Path, env: dict[str, str], tmp_path: Path) -> None:
    whole = dist.read_bytes()
    with open_dist(dist) as archive:
        stub = archive.manifest.stub.size
    for size in (stub, stub + 100, len(whole) // 2, len(whole) - 1):
        copy = tmp_path / "cut"
        copy.write_bytes(whole[:size])
        copy.chmod(0o755)
        done = running.run(copy, *QUESTION, env=env)
        assert (done.returncode, done.stdout) == (3, "")
        assert "it was not copied completely" in done.stderr
        assert "Get the file again" in done.stderr


def test_a_system_whose_glibc_is_too_old_is_told_so(dist: Path, settled: dict[str, str], tmp_path: Path) -> None:
    def demanding(text: bytes) -> bytes:
        before, _, after = text.partition(b"glibc 2.")
        return before + b"glibc 9." + after

    done = running.run(replaced(dist, tmp_path / "new", "runtime.txt", demanding), *QUESTION, env=settled)
    assert (done.returncode, done.stdout) == (4, "")
    assert "needs glibc 9." in done.stderr
    assert "this system has 2." in done.stderr
    assert "not found" not in done.stderr


def test_a_system_without_glibc_is_told_so(dist: Path, settled: dict[str, str], tmp_path: Path) -> None:
    def other_loader(text: bytes) -> bytes:
        return text.replace(b".so.2\n", b".so.9\n").replace(b".so.1\n", b".so.9\n")

    done = running.run(replaced(dist, tmp_path / "odd", "runtime.txt", other_loader), *QUESTION, env=settled)
    assert (done.returncode, done.stdout) == (4, "")
    assert "needs a Linux with glibc" in done.stderr


def test_a_runtime_that_is_not_the_one_described_is_not_kept(dist: Path, env: dict[str, str], tmp_path: Path) -> None:
    def renamed(text: bytes) -> bytes:
        return text.replace(b"base_library.zip", b"case_library.zip")

    done = running.run(replaced(dist, tmp_path / "wrong", "runtime.txt", renamed), *QUESTION, env=env)
    assert (done.returncode, done.stdout) == (3, "")
    assert "its runtime is not the one it names" in done.stderr
    assert_answered(running.run(dist, *QUESTION, env=env))
    assert len(runtimes(cache_of(env))) == 1


def test_without_proc_it_says_so(dist: Path, settled: dict[str, str]) -> None:
    done = run_in(fresh("/proc", "ro"), dist, settled)
    assert (done.returncode, done.stdout) == (5, "")
    assert "needs /proc" in done.stderr


def test_the_launcher_needs_nothing_of_the_system(dist: Path, tmp_path: Path) -> None:
    with open_dist(dist) as archive:
        stub = tmp_path / "stub"
        stub.write_bytes(archive.source.read_at(0, archive.manifest.stub.size))
    readelf = shutil.which("readelf")
    assert readelf is not None
    told = subprocess.run([readelf, "-lW", stub], capture_output=True, text=True, check=True).stdout
    assert "INTERP" not in told
    assert stub.stat().st_size < 250_000
