"""That the watch over outgoing connections would see one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.api.clients import tracing


@pytest.mark.parametrize(
    "deed",
    [
        "socket.create_connection(('127.0.0.1', 1))",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))",
        "socket.socket(socket.AF_INET6).connect(('::1', 1))",
    ],
)
def test_an_attempt_is_seen(tmp_path: Path, deed: str) -> None:
    program, record = tracing.traced(Path(sys.executable), tmp_path)
    subprocess.run([program, "-c", f"import socket; {deed}"], capture_output=True, check=False)
    assert tracing.attempts(record.read_text())


def test_a_program_that_tries_nothing_is_not_accused(tmp_path: Path) -> None:
    program, record = tracing.traced(Path(sys.executable), tmp_path)
    subprocess.run([program, "-c", "import socket; a, b = socket.socketpair(); a.send(b'x'); b.recv(1)"], check=True)
    assert tracing.attempts(record.read_text()) == []
