"""The program unpacks itself where it may: the matrix of places that cannot be used, each a real mount."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.dist import running
from tests.dist.mounts import NO_SHARED_PLACES, QUESTION, bound, fresh, run_in
from tests.dist.test_alone import assert_answered


def runtimes(folder: Path) -> list[str]:
    """Names of the runtimes under a folder, and of what should not be left there."""
    return sorted(path.name for path in folder.rglob("*runtime-*"))


@pytest.mark.parametrize(
    "options", ["ro", "noexec", "size=64k", "size=20m"], ids=["read-only", "noexec", "full", "full-half-way"]
)
def test_a_cache_that_cannot_hold_the_program_is_passed_over(dist: Path, env: dict[str, str], options: str) -> None:
    assert_answered(run_in(fresh("$HOME", options), dist, env))
    assert len(runtimes(Path(env["TMPDIR"]))) == 1


def test_without_a_home_it_lives_in_the_temp_folder(dist: Path, env: dict[str, str], tmp_path: Path) -> None:
    assert_answered(running.run(dist, *QUESTION, env={**env, "HOME": str(tmp_path / "nobody" / "there")}))
    assert not (tmp_path / "nobody").exists()
    assert len(runtimes(Path(env["TMPDIR"]))) == 1


@pytest.mark.parametrize("options", ["noexec", "size=64k", "ro"], ids=["noexec", "tiny", "read-only"])
def test_no_temp_folder_is_needed_where_there_is_a_home(dist: Path, env: dict[str, str], options: str) -> None:
    mounts = "; ".join(fresh(path, options) for path in ("$TMPDIR", "/var/tmp", "/dev/shm"))
    assert_answered(run_in(mounts, dist, env))
    assert len(runtimes(Path(env["HOME"]))) == 1


def test_shared_memory_is_enough(dist: Path, env: dict[str, str], tmp_path: Path) -> None:
    elsewhere = shutil.copy2(dist, tmp_path / "dist")
    mounts = "; ".join([fresh("$HOME", "noexec"), fresh("$TMPDIR", "ro"), NO_SHARED_PLACES])
    assert_answered(run_in(f"{mounts}; {fresh('/dev/shm', 'size=200m')}", elsewhere, env))


def test_a_read_only_medium_alone_says_what_to_set(dist: Path, env: dict[str, str], tmp_path: Path) -> None:
    medium = tmp_path / "medium"
    medium.mkdir()
    mounts = f'{fresh(str(medium), "size=200m")}; cp "$1" "{medium}/dist"; mount -o remount,ro "{medium}"; '
    mounts += "; ".join([fresh("$HOME", "noexec"), fresh("$TMPDIR", "size=64k"), NO_SHARED_PLACES])
    done = run_in(f'{mounts}; shift; set -- "{medium}/dist" "$@"', dist, env)
    assert (done.returncode, done.stdout) == (5, "")
    assert "(the user's cache) forbids running programs (mounted noexec)" in done.stderr
    assert "(temp folder) is full" in done.stderr
    assert "(shared memory) is read-only" in done.stderr
    assert "(beside this file) is read-only" in done.stderr
    assert "Set PANNIER_CACHE_DIR to a folder" in done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_the_folder_that_was_named_is_used_and_no_other(dist: Path, env: dict[str, str], tmp_path: Path) -> None:
    named = tmp_path / "on" / "another disk"
    assert_answered(running.run(dist, *QUESTION, env={**env, "PANNIER_CACHE_DIR": str(named)}))
    assert len(runtimes(named)) == 1
    assert runtimes(Path(env["HOME"])) == runtimes(Path(env["TMPDIR"])) == []


def test_the_last_resort_is_the_folder_of_the_file(dist: Path, env: dict[str, str], tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    copy = shutil.copy2(dist, stick / "dist")
    mounts = f"{bound(str(stick), 'rw')}; "
    mounts += "; ".join([fresh("$HOME", "ro"), fresh("$TMPDIR", "ro"), NO_SHARED_PLACES])
    assert_answered(run_in(mounts, copy, env))
    assert len(runtimes(stick)) == 1


def test_a_cache_that_became_read_only_is_used_as_it_is(dist: Path, settled: dict[str, str]) -> None:
    assert_answered(run_in(bound("$HOME", "ro"), dist, settled))
    assert runtimes(Path(settled["TMPDIR"])) == []


def test_a_cache_that_became_noexec_is_left_for_another_place(
    dist: Path, settled: dict[str, str], tmp_path: Path
) -> None:
    temp = tmp_path / "temp"
    temp.mkdir()
    assert_answered(run_in(bound("$HOME", "noexec"), dist, {**settled, "TMPDIR": str(temp)}))
    assert len(runtimes(temp)) == 1


def test_a_shared_folder_somebody_else_could_fill_is_not_trusted(dist: Path, env: dict[str, str]) -> None:
    own = Path(env["TMPDIR"]) / "pannier-0"
    own.mkdir()
    own.chmod(0o777)
    assert_answered(run_in(fresh("$HOME", "ro"), dist, env))
    assert runtimes(own) == []
