"""Start a built dist the way its receiver does, and watch its processes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START_SECONDS = float(os.environ.get("PANNIER_TEST_SECONDS", "60"))


def environment(home: Path, **more: str) -> dict[str, str]:
    """What `env -i HOME=… PATH=/usr/bin:/bin` leaves; temp files go to a folder of the test's own."""
    temp = home.parent / f"{home.name}-temp"
    temp.mkdir(exist_ok=True)
    home.mkdir(exist_ok=True)
    return {"HOME": str(home), "PATH": "/usr/bin:/bin", "TMPDIR": str(temp), **more}


def run(
    dist: Path | str,
    *arguments: str,
    env: dict[str, str],
    cwd: Path | None = None,
    seconds: float = START_SECONDS,
) -> subprocess.CompletedProcess[str]:
    """Run the dist to its end, which must come within so many seconds."""
    return subprocess.run(
        [str(dist), *arguments], env=env, cwd=cwd, capture_output=True, text=True, timeout=seconds, check=False
    )


@dataclass
class Serving:
    """A dist that serves. pid: of the process the user started, which is the server."""

    process: subprocess.Popen[str]
    url: str

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    @property
    def workers(self) -> list[int]:
        """The server's children that are workers: one, but none for a moment after one died."""
        return [pid for pid in children(self.pid) if "--worker" in command_line(pid)]

    @property
    def worker(self) -> int:
        """The worker process."""
        (only,) = self.workers
        return only

    def get(self, path: str) -> tuple[int, Any]:
        """Status and JSON of a GET."""
        return ask(urllib.request.Request(self.url + path))

    def chat(self, text: str, **options: object) -> tuple[int, Any]:
        """Status and JSON of one question."""
        body = {"messages": [{"role": "user", "content": text}], "temperature": 0, **options}
        return self.post("/v1/chat/completions", body)

    def post(self, path: str, body: dict[str, object]) -> tuple[int, Any]:
        """Status and JSON of a POST."""
        return ask(
            urllib.request.Request(
                self.url + path, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
            )
        )


def ask(request: urllib.request.Request) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(request, timeout=START_SECONDS) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


@contextmanager
def serving(dist: Path | str, *arguments: str, env: dict[str, str], cwd: Path | None = None) -> Iterator[Serving]:
    """Start `serve`, wait until it is ready, and end everything afterwards."""
    process = subprocess.Popen(
        [str(dist), "serve", "--no-browser", *arguments], env=env, cwd=cwd, stderr=subprocess.PIPE, text=True
    )
    try:
        yield Serving(process, _address(process))
    finally:
        leftovers = descendants(process.pid)
        for pid in [process.pid, *leftovers]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        process.wait(10)
        assert process.stderr is not None
        process.stderr.close()


def _address(process: subprocess.Popen[str]) -> str:
    """Read the address from what the dist says, then wait until the model answers."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        found = re.search(r"http://[\d.]+:\d+", line)
        if found:
            url = found[0]
            break
    else:
        raise AssertionError(f"it ended without serving: {''.join(said)}")
    assert eventually(lambda: _healthy(url), START_SECONDS), "it never became ready"
    return url


def _healthy(url: str) -> bool:
    try:
        return ask(urllib.request.Request(url + "/health"))[0] == 200
    except OSError:
        return False


def eventually(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether `condition` becomes true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def children(pid: int) -> list[int]:
    """Living children of a process."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def descendants(pid: int) -> list[int]:
    """Living children, their children, and so on."""
    found = children(pid)
    return found + [grandchild for child in found for grandchild in descendants(child)]


def command_line(pid: int) -> list[str]:
    """Arguments of a process; empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return []


def alive(pid: int) -> bool:
    """Whether a process is there and not merely waiting to be collected."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def port_is_free(port: int) -> bool:
    """Whether nobody listens on a loopback port."""
    import socket

    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) != 0
