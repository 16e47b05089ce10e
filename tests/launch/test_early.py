"""A worker that is started before it is known what to load."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from runtime.engine.spare import Spare
from runtime.launch.early import start_spare, take_spare, wants_worker

ECHO = (sys.executable, "-c", "import sys; sys.stdout.write(sys.stdin.readline())")
ENVIRONMENT = {"PATH": os.environ["PATH"]}


@pytest.fixture
def spare() -> Iterator[Spare]:
    made = Spare(ECHO, sys.executable, ENVIRONMENT, (2,))
    yield made
    made.discard()


def pid_of(spare: Spare) -> int:
    assert spare._process is not None
    return spare._process.pid


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_what_was_started_in_advance_is_taken_once(spare: Spare) -> None:
    with ExitStack() as stack:
        process = spare.take(ECHO, sys.executable, ENVIRONMENT, (2,))
        assert process is not None
        stack.enter_context(process)
        assert process.communicate(b"what to load\n", timeout=30)[0] == b"what to load\n"
    assert spare.take(ECHO, sys.executable, ENVIRONMENT, (2,)) is None


@pytest.mark.parametrize(
    "what",
    [
        ((*ECHO, "more"), sys.executable, ENVIRONMENT, (2,)),
        (ECHO, "/elsewhere", ENVIRONMENT, (2,)),
        (ECHO, sys.executable, {**ENVIRONMENT, "NEW": "1"}, (2,)),
        (ECHO, sys.executable, ENVIRONMENT, (2, 1)),
    ],
    ids=["arguments", "program", "environment", "descriptors"],
)
def test_one_that_is_not_what_is_wanted_is_ended(spare: Spare, what: tuple[object, ...]) -> None:
    pid = pid_of(spare)
    assert spare.take(*what) is None  # type: ignore[arg-type]
    assert not is_there(pid)


def test_one_that_ended_by_itself_is_not_handed_out() -> None:
    spare = Spare((sys.executable, "-c", "pass"), sys.executable, ENVIRONMENT, ())
    assert spare._process is not None
    spare._process.wait(30)
    assert spare.take((sys.executable, "-c", "pass"), sys.executable, ENVIRONMENT, ()) is None


def test_one_that_nobody_took_is_ended() -> None:
    spare = Spare(ECHO, sys.executable, ENVIRONMENT, ())
    pid = pid_of(spare)
    spare.discard()
    assert not is_there(pid)


@pytest.mark.parametrize("line", ["", "serve", "run hi", "chat --seed 1", "--no-browser", "serve --port 80"])
def test_verbs_that_answer_want_a_worker(line: str) -> None:
    assert wants_worker(line.split())


@pytest.mark.parametrize("line", ["info", "verify", "extract model", "licenses", "doctor", "-h", "serve --help", "rnu"])
def test_verbs_that_only_tell_want_none(line: str) -> None:
    assert not wants_worker(line.split())


def test_a_program_that_is_not_frozen_starts_nothing_in_advance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PANNIER_DIST_FD", "2")
    start_spare(["serve"])
    assert take_spare() is None


def test_starting_in_advance_imports_next_to_nothing() -> None:
    program = "import sys; import runtime.launch.early; print(*sys.modules)"
    listed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"asyncio", "json", "argparse", "runtime.manifest", "runtime.engine.messages"} & set(listed)
