"""`DIST chat`: by a script, and by a person at a terminal."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from pathlib import Path

from tests.dist import running


def test_a_script_gets_the_answers_and_nothing_else(dist: Path, settled: dict[str, str], tmp_path: Path) -> None:
    lines = "My name is Anna.\nWhat is my name?\n/save talk.json\n/quit\n"
    done = subprocess.run(
        [dist, "chat", "--temperature", "0"], input=lines, env=settled, cwd=tmp_path, capture_output=True, text=True,
        check=True, timeout=120,
    )  # fmt: skip
    first, second = done.stdout.splitlines()
    assert first
    assert "Anna" in second
    assert "Saved in talk.json." in done.stderr
    assert (tmp_path / "talk.json").exists()


def test_a_person_is_prompted_and_helped(dist: Path, settled: dict[str, str]) -> None:
    terminal, other = pty.openpty()
    process = subprocess.Popen(
        [dist, "chat"], env={**settled, "TERM": "dumb"},
        stdin=other, stdout=other, stderr=other, start_new_session=True,
    )  # fmt: skip
    os.close(other)
    try:
        assert "/help" in heard(terminal, "> ")
        os.write(terminal, b"/help\n")
        assert "/regenerate" in heard(terminal, "> ")
        os.write(terminal, b"/quit\n")
        assert process.wait(20) == 0
    finally:
        for pid in [process.pid, *running.descendants(process.pid)]:
            if running.alive(pid):
                os.kill(pid, 9)
        process.wait(10)
        os.close(terminal)


def heard(terminal: int, until: str, seconds: float = 60) -> str:
    """What the terminal shows, up to and with `until`."""
    text, end = "", time.monotonic() + seconds
    while until not in text and time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            text += os.read(terminal, 4096).decode(errors="replace")
    assert until in text, text
    return text
