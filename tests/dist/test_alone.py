"""The file alone, on a stranger's machine: empty HOME, no rights, whatever its name and place."""

from __future__ import annotations

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests import requirements
from tests.dist import running

QUESTION = ("run", "Hello", "--temperature", "0", "--max-tokens", "40")


def assert_answered(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert "Traceback" not in done.stderr


def test_in_an_empty_folder_with_an_empty_home_it_answers(dist: Path, env: dict[str, str], tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    copy = shutil.copy2(dist, alone)
    done = running.run(copy, *QUESTION, env=env, cwd=alone)
    assert_answered(done)
    assert done.stderr == ""
    assert [p.name for p in alone.iterdir()] == [dist.name]
    assert list(Path(env["TMPDIR"]).iterdir()) == []


def test_under_another_name_with_spaces_and_letters_of_the_world(
    dist: Path, settled: dict[str, str], tmp_path: Path
) -> None:
    renamed = shutil.copy2(dist, tmp_path / "수업용 モデル für alle & more")
    assert_answered(running.run(renamed, *QUESTION, env=settled))


def test_through_a_symlink(dist: Path, settled: dict[str, str], tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(dist)
    assert_answered(running.run(link, *QUESTION, env=settled))


def test_found_through_the_path_variable(dist: Path, settled: dict[str, str]) -> None:
    env = {**settled, "PATH": f"{dist.parent}:/usr/bin:/bin"}
    done = subprocess.run(["env", dist.name, *QUESTION], env=env, capture_output=True, text=True, check=False)
    assert_answered(done)


def test_from_a_read_only_mount_in_a_folder_it_cannot_write(dist: Path, env: dict[str, str], tmp_path: Path) -> None:
    unshare = requirements.tool("unshare")
    mount = tmp_path / "mount"
    mount.mkdir()
    script = (
        'set -e; mount -t tmpfs none "$1"; cp "$2" "$1/dist"; mount -o remount,ro "$1"; cd "$1"; '
        "touch x 2>/dev/null && exit 99; exec ./dist run Hello --temperature 0 --max-tokens 40"
    )
    done = subprocess.run(
        [unshare, "-m", "sh", "-c", script, "sh", mount, dist], env=env, capture_output=True, text=True, check=False
    )
    assert_answered(done)


def test_without_a_home_it_finds_another_place(dist: Path, env: dict[str, str]) -> None:
    assert_answered(running.run(dist, *QUESTION, env={k: v for k, v in env.items() if k != "HOME"}))


def test_ten_copies_started_at_once_on_an_empty_cache_all_answer(dist: Path, env: dict[str, str]) -> None:
    with ThreadPoolExecutor(10) as pool:
        done = list(pool.map(lambda _: running.run(dist, *QUESTION, "--threads", "1", env=env), range(10)))
    for one in done:
        assert_answered(one)
    assert len({one.stdout for one in done}) == 1
    assert len(list((Path(env["HOME"]) / ".cache/pannier/runtime").glob("*runtime-*"))) == 1


def test_a_cut_file_is_explained_and_never_a_traceback(dist: Path, env: dict[str, str], tmp_path: Path) -> None:
    whole = dist.read_bytes()
    copy = tmp_path / "cut"
    for part in range(1, 20):
        copy.write_bytes(whole[: len(whole) * part // 20])
        copy.chmod(0o755)
        try:
            done = running.run(copy, *QUESTION, env=env)
        except OSError as error:  # so little is left that the system does not take it for a program
            assert error.errno is not None  # noqa: PT017 - either outcome is fine
            continue
        assert done.returncode != 0
        assert "Traceback" not in done.stderr
        assert done.stdout == ""
