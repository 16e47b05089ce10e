"""A Debian for another processor: what runs in it, what it sees, and what is said where it cannot be had."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bundler import doctor
from bundler.console import Console
from bundler.errors import ToolError
from bundler.foreign import debian as making
from bundler.foreign import enter
from bundler.foreign.debian import System
from bundler.foreign.enter import command
from bundler.foreign.tools import PACKAGES
from bundler.targets import host
from tests.dist.debians import bare_debian

pytestmark = pytest.mark.skipif(host().system != "linux", reason="name spaces are Linux'")


@pytest.fixture(scope="module", params=["aarch64", "x86_64"])
def system(request: pytest.FixtureRequest) -> System:
    if request.param != "aarch64" and request.param != platform.machine():
        pytest.skip("only 64-bit Arm is emulated")
    return bare_debian(request.param)


def run(system: System, folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    words = command(system, {folder: "/here"}, arguments, environment)
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)


def test_programs_of_that_processor_run_and_start_others(system: System, tmp_path: Path) -> None:
    done = run(system, tmp_path, "sh", "-c", "uname -m; sh -c 'uname -m'")
    assert done.stdout.split() == [system.machine] * 2, done.stderr


def test_they_see_their_folder_and_their_environment_and_no_more(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PANNIER_SECRET", "mine")
    (tmp_path / "given.txt").write_text("read me\n")
    done = run(system, tmp_path, "sh", "-c", "cat /here/given.txt; env; echo made > /here/made.txt", COLOUR="blue")
    assert done.stdout.startswith("read me")
    assert "COLOUR=blue" in done.stdout.split()
    assert "PANNIER_SECRET" not in done.stdout
    assert (tmp_path / "made.txt").read_text() == "made\n"


def test_their_exit_code_is_told(system: System, tmp_path: Path) -> None:
    assert run(system, tmp_path, "sh", "-c", "exit 9").returncode == 9


def test_nothing_of_this_machine_is_changed(system: System, tmp_path: Path) -> None:
    """Neither its mounts nor how its kernel starts programs."""

    def state() -> tuple[str, list[str]]:
        rules = Path("/proc/sys/fs/binfmt_misc")
        return Path("/proc/self/mountinfo").read_text(), sorted(path.name for path in rules.glob("*"))

    before = state()
    assert run(system, tmp_path, "true").returncode == 0
    assert state() == before


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder everybody may look into, which pytest's are not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_it_needs_no_rights(system: System, public: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = replace(system, root=public / "root")
    shutil.copytree(system.root, copy.root, symlinks=True)
    monkeypatch.setattr(enter, "_SCRIPT", shutil.copy2(enter._SCRIPT, public))
    words = []
    if os.getuid() == 0:
        subprocess.run(["chown", "-R", "65534:65534", str(copy.root)], check=True)
        words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    words += command(copy, {}, ["id", "-u"])
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout == "0\n", done.stderr  # root of its own name space


def test_nothing_that_runs_in_it_changes_it(system: System, tmp_path: Path) -> None:
    done = run(system, tmp_path, "sh", "-c", "echo mine > /etc/mine; echo mine > /tmp/mine && cat /tmp/mine")
    assert "Read-only file system" in done.stderr
    assert done.stdout == "mine\n"
    assert not (system.root / "etc/mine").exists()
    assert not (system.root / "tmp/mine").exists()


def test_a_half_made_one_is_no_system(tmp_path: Path) -> None:
    (tmp_path / "some" / "root").mkdir(parents=True)
    assert making._find(tmp_path / "some", "aarch64") is None
    assert not (tmp_path / "some").exists()


def test_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match="program mmdebstrap is not installed") as caught:
        making.debian("aarch64", ["libc6"], tmp_path / "cache", Console(quiet=True))
    assert "apt install mmdebstrap" in caught.value.remedy
    with pytest.raises(ToolError, match="unshare is not installed") as caught:
        command(System(tmp_path, "aarch64", ""), {}, ["true"])
    assert "apt install util-linux" in caught.value.remedy


def test_where_the_packages_cannot_be_had_the_tool_is_quoted_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    failing = tmp_path / "bin" / "mmdebstrap"
    failing.write_text("#!/bin/sh\necho E: no mirror >&2\nexit 25\n")
    failing.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    with pytest.raises(ToolError, match="E: no mirror"):
        making.debian("aarch64", ["libc6"], tmp_path / "cache", Console(quiet=True))
    assert [path.name for path in (tmp_path / "cache" / "systems").iterdir() if path.is_dir()] == []


def test_doctor_says_whether_a_kit_for_another_processor_can_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    if host().name == doctor.FOREIGN:
        pytest.skip("here it is this machine's own")

    def lacking() -> set[str]:
        ability = next(one for one in doctor.judge(doctor.examine()) if one.name == doctor.FOREIGN)
        return {finding.name for finding in ability.missing}

    before = lacking()
    really = shutil.which
    monkeypatch.setattr(
        shutil, "which", lambda name, *rest, **more: None if name in PACKAGES else really(name, *rest, **more)
    )
    assert lacking() == {*PACKAGES, *before}
