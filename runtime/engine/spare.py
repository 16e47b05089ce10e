"""A worker that is started before it is known what it is to load.

Half of a start is spent by two Pythons getting ready, one after the other: the server's, which then decides what to
load, and the worker's. A spare gets ready beside the server instead, and waits at its pipe for the word. Importing this
must cost nothing, or nothing would be won.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence


def start_process(
    argv: Sequence[str], executable: str | None, env: Mapping[str, str] | None, fds: Sequence[int]
) -> subprocess.Popen[bytes]:
    """A worker process and its pipes. Raises `OSError`.

    On Linux a worker may be told to die with its parent *thread*: start it from one that stays, the main one.
    """
    return subprocess.Popen(
        argv,
        executable=executable,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        pass_fds=fds,
    )


class Spare:
    """One such worker. It ends by itself with this process, or when nobody wants it."""

    def __init__(self, argv: Sequence[str], executable: str, env: Mapping[str, str], fds: Sequence[int]) -> None:
        """Start it. fds: descriptors it inherits. Raises `OSError`."""
        self._made = (tuple(argv), executable, dict(env))
        self._fds = frozenset(fds)
        self._process: subprocess.Popen[bytes] | None = start_process(argv, executable, env, fds)

    def take(
        self, argv: Sequence[str], executable: str | None, env: Mapping[str, str] | None, fds: Sequence[int]
    ) -> subprocess.Popen[bytes] | None:
        """The process, once, if it is what would be started now; else None, and it ends."""
        same = (tuple(argv), executable, dict(env or {})) == self._made and self._fds.issuperset(fds)
        if same and self._process is not None and self._process.poll() is None:
            taken, self._process = self._process, None
            return taken
        self.discard()
        return None

    def discard(self) -> None:
        """End it, if nobody took it."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
        process.wait()
