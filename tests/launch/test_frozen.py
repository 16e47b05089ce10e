"""Inside a real one-file program of PyInstaller's, as targets without a launcher start: starting itself again, dying
together, temporary folders.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from runtime.launch.tempdirs import MARKER, RECOGNISED, UNMARKED_AGE

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("frozen")
    (folder / RECOGNISED).write_text("")
    subprocess.run(
        [
            *(sys.executable, "-m", "PyInstaller", "--onefile", "--name", "program", "--log-level", "ERROR"),
            *(
                "--paths",
                str(ROOT),
                "--add-data",
                f"{folder / RECOGNISED}:.",
                str(Path(__file__).with_name("frozen_program.py")),
            ),
        ],
        cwd=folder,
        check=True,
    )
    return folder / "dist" / "program"


@dataclass
class Running:
    process: subprocess.Popen[str]
    facts: dict[str, Any]

    @property
    def unpacked(self) -> Path:
        return Path(self.facts["unpacked"])

    def again(self) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("again\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        assert answer["returncode"] == 0, answer
        child: dict[str, Any] = json.loads(answer["child"])
        return child


@contextmanager
def running(program: Path, temp: Path, *arguments: str, **environment: str) -> Iterator[Running]:
    process = subprocess.Popen(
        [str(program), *(arguments or ("serve",))],
        env={"PATH": os.environ["PATH"], "TMPDIR": str(temp), **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield Running(process, json.loads(process.stdout.readline()))
    finally:
        with suppress(BrokenPipeError):
            process.stdin.close()
        process.wait(timeout=10)
        process.stdout.close()


@pytest.fixture
def program(frozen: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy2(frozen, tmp_path / "program"))


@pytest.fixture
def temp(tmp_path: Path) -> Path:
    (tmp_path / "temp").mkdir()
    return tmp_path / "temp"


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_it_starts_itself_again_without_unpacking(program: Path, temp: Path) -> None:
    with running(program, temp) as server:
        child = server.again()
        assert child["unpacked"] == server.facts["unpacked"]
        assert child["parent"] == server.facts["pid"]
    assert list(temp.iterdir()) == []


def test_outside_programs_get_the_users_library_path_back(program: Path, temp: Path) -> None:
    with running(program, temp, LD_LIBRARY_PATH="/opt/of/the/user") as server:
        assert server.facts["outside"]["LD_LIBRARY_PATH"] == "/opt/of/the/user"
    with running(program, temp) as server:
        assert "LD_LIBRARY_PATH" not in server.facts["outside"]
        assert not [name for name in server.facts["outside"] if name.startswith("_PYI_")]


def test_killing_the_bootloader_ends_the_server_within_two_seconds(program: Path, temp: Path) -> None:
    with running(program, temp) as server:
        assert server.process.pid == server.facts["bootloader"]
        assert alive(server.facts["pid"])
        server.process.kill()
        deadline = time.monotonic() + 2
        while alive(server.facts["pid"]) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not alive(server.facts["pid"])


def _age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_what_a_killed_start_left_is_removed_by_the_next(program: Path, temp: Path) -> None:
    with running(program, temp) as server:
        left = server.unpacked
        server.process.kill()
    assert (left / MARKER).exists()
    _age(left / MARKER, 60)
    with running(program, temp) as server:
        deadline = time.monotonic() + 5
        while left.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not left.exists()
        assert server.unpacked.exists()


def test_a_stopped_but_living_copy_is_never_removed(program: Path, temp: Path) -> None:
    with running(program, temp) as first:
        os.kill(first.facts["pid"], signal.SIGSTOP)
        _age(first.unpacked / MARKER, 10 * UNMARKED_AGE)
        _age(first.unpacked, 10 * UNMARKED_AGE)
        for _ in range(3):
            with running(program, temp):
                time.sleep(0.3)
        os.kill(first.facts["pid"], signal.SIGCONT)
        assert (first.unpacked / RECOGNISED).exists()
        assert first.again()["unpacked"] == first.facts["unpacked"]


def test_an_unmarked_folder_goes_only_when_it_is_old_and_its_bootloader_is_dead(program: Path, temp: Path) -> None:
    with running(program, temp, "unclaimed") as server:
        living = server.unpacked
        _age(living, 10 * UNMARKED_AGE)
        with running(program, temp):
            time.sleep(0.3)
        assert living.exists()
        server.process.kill()
    for age, stays in ((0.0, True), (2 * UNMARKED_AGE, False)):
        _age(living, age)
        with running(program, temp):
            time.sleep(0.5)
        assert living.exists() is stays


def test_ten_starts_at_once_remove_the_dead_and_nothing_else(program: Path, temp: Path) -> None:
    with running(program, temp) as server:
        dead = server.unpacked
        server.process.kill()
    _age(dead / MARKER, 60)
    foreign = temp / "_MEI00000001abcdef"
    foreign.mkdir()
    (foreign / "library").write_bytes(b"x")
    _age(foreign, 10 * UNMARKED_AGE)
    from contextlib import ExitStack

    with ExitStack() as stack:
        servers = [stack.enter_context(running(program, temp)) for _ in range(10)]
        time.sleep(0.5)
        assert not dead.exists()
        assert foreign.exists()
        for server in servers:
            assert (server.unpacked / RECOGNISED).exists()
            assert server.again()["unpacked"] == server.facts["unpacked"]
    assert [path.name for path in temp.iterdir()] == [foreign.name]
