"""Caches that cannot be used, as real mounts in a mount namespace: permission bits mean nothing to root."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.requirements import missing


def in_namespace(mounts: str, engine_dir: Path, environment: dict[str, str]) -> dict[str, Any]:
    """Run a start after the shell commands `mounts`, which nobody outside sees."""
    unshare = shutil.which("unshare")
    allowed = unshare is not None and subprocess.run([unshare, "-m", "true"], capture_output=True).returncode == 0
    if not allowed:
        missing("mount namespaces (unshare -m, as root)")
    script = f"set -e; {mounts}\nexec {sys.executable} -m tests.backends.start {engine_dir} x64"
    done = subprocess.run(
        [str(unshare), "-m", "sh", "-c", script],
        env={"PATH": os.environ["PATH"], **environment},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in ("home", "tmp"):
        (tmp_path / name).mkdir()
    return tmp_path / "home"


@pytest.fixture
def environment(home: Path) -> dict[str, str]:
    return {"HOME": str(home), "TMPDIR": str(home.parent / "tmp")}


def test_a_usable_home_is_used_and_remembered(engine_dir: Path, home: Path, environment: dict[str, str]) -> None:
    first = in_namespace("", engine_dir, environment)
    assert first["engine_dir"].startswith(str(home / ".cache/pannier/runtime/engine-"))
    assert first["refusals"] == []
    second = in_namespace("", engine_dir, environment)
    assert second["remembered"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("ro", "is read-only"),
        ("noexec", "forbids running programs (mounted noexec)"),
        ("size=8k", "is full"),
        ("size=1m", "is full"),
    ],
)
def test_an_unusable_home_is_replaced_and_the_reason_told(
    engine_dir: Path, home: Path, environment: dict[str, str], options: str, reason: str
) -> None:
    result = in_namespace(f"mount -t tmpfs -o {options} none {home}", engine_dir, environment)
    assert result["engine_dir"].startswith(f"{home.parent}/tmp/pannier-{os.geteuid()}/engine-")
    assert result["loaded"]
    assert result["refusals"] == [f"{home}/.cache/pannier/runtime (the user's cache) {reason}"]


def test_a_home_that_forbids_execution_still_remembers_the_verdict(
    engine_dir: Path, home: Path, environment: dict[str, str]
) -> None:
    (home / "disk").mkdir()
    mounts = f"mount --bind {home} {home}; mount -o remount,bind,noexec {home}"
    first = in_namespace(mounts, engine_dir, environment)
    assert not first["remembered"]
    assert [path.name[:8] for path in (home / ".cache/pannier/runtime").iterdir()] == ["verdicts"]
    assert in_namespace(mounts, engine_dir, environment)["remembered"]


def test_a_full_place_is_left_without_litter(engine_dir: Path, home: Path, environment: dict[str, str]) -> None:
    mounts = f"mount -t tmpfs -o size=1m none {home}; trap 'find {home} -name \".*.new\" >&2; df {home} >&2' EXIT"
    assert in_namespace(mounts.split(";")[0], engine_dir, environment)["loaded"]
    script = (
        f"mount -t tmpfs -o size=1m none {home} && {sys.executable} -m tests.backends.start {engine_dir} x64 >&2;"
        f" find {home}/.cache -type f -name '.*'"
    )
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script],
        env={"PATH": os.environ["PATH"], **environment},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_a_read_only_cache_that_holds_the_engine_is_used_as_it_is(
    engine_dir: Path, home: Path, environment: dict[str, str]
) -> None:
    first = in_namespace("", engine_dir, environment)
    read_only = f"mount --bind {home} {home}; mount -o remount,bind,ro {home}"
    result = in_namespace(read_only, engine_dir, environment)
    assert result["engine_dir"] == first["engine_dir"]
    assert result["remembered"]
    assert result["refusals"] == []


def test_a_home_that_does_not_exist_is_not_made(engine_dir: Path, home: Path, environment: dict[str, str]) -> None:
    nowhere = home / "nobody" / "there"
    result = in_namespace("", engine_dir, {**environment, "HOME": str(nowhere)})
    assert result["engine_dir"].startswith(f"{home.parent}/tmp/")
    assert list(home.iterdir()) == []
    assert result["refusals"] == [f"{nowhere}/.cache/pannier/runtime (the user's cache) does not exist"]


def test_without_any_place_the_error_lists_them_all_and_says_what_to_set(
    engine_dir: Path, home: Path, environment: dict[str, str]
) -> None:
    mounts = "; ".join(
        f"mount --bind {path} {path}; mount -o remount,bind,ro {path}" for path in ("/tmp", "/var/tmp", "/dev/shm")
    )
    mounts += f"; mount -t tmpfs -o ro none {home}; mount -t tmpfs -o noexec none {home.parent}/tmp"
    result = in_namespace(mounts, engine_dir, environment)
    assert result["code"] == 5
    assert "(the user's cache) is read-only" in result["error"]
    assert "(temp folder) forbids running programs" in result["error"]
    assert "(shared memory) is read-only" in result["error"]
    assert "Set PANNIER_CACHE_DIR to a folder" in result["error"]
