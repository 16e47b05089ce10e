"""A dist and a browser where there is no network but loopback, and no way out of there."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests import requirements
from tests.dist import running
from tests.webui.conftest import QUIET, require_browser

LOOPBACK_ONLY = """
import fcntl, socket, struct, time
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    request = struct.pack("16sH14s", b"lo", 1, b"")  # IFF_UP
    fcntl.ioctl(sock, 0x8914, request)  # SIOCSIFFLAGS
print("up", flush=True)
time.sleep(3600)
"""


@contextmanager
def network() -> Iterator[list[str]]:
    """What to put before a command that shall run in a network of its own."""
    unshare, nsenter = requirements.tool("unshare"), requirements.tool("nsenter")
    command = [unshare, "-n", sys.executable, "-c", LOOPBACK_ONLY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        if holder.stdout.readline() != "up\n":
            requirements.missing(f"no network namespace can be made here: {holder.communicate()[1]}")
        yield [nsenter, f"--net=/proc/{holder.pid}/ns/net"]
        holder.kill()


@contextmanager
def browser_in(place: list[str], folder: Path) -> Iterator[Browser]:
    """A browser in such a network."""
    wrapper = folder / "chromium"
    wrapper.write_text(f'#!/bin/sh\nexec {" ".join(place)} {require_browser()} "$@"\n')
    wrapper.chmod(0o755)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=wrapper, args=list(QUIET))
        yield browser
        browser.close()


class CutOff:
    """A dist that serves in such a network."""

    def __init__(self, place: list[str], dist: Path, env: dict[str, str]) -> None:
        self.place, self.dist, self.env = place, dist, env
        self.url = ""
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Serve; a second time at the same address."""
        port = self.url.rpartition(":")[2] or "0"
        command = [*self.place, str(self.dist), "serve", "--no-browser", "--port", port]
        self._process = subprocess.Popen(command, env=self.env, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        said = ""
        for line in self._process.stderr:
            said += line
            if "ready:" in line:
                break
        else:
            raise AssertionError(f"it ended without serving: {said}")
        self.url = next(word for word in said.split() if word.startswith("http://"))

    def kill_worker(self) -> None:
        """As a system does that has no memory left. It may be gone already."""
        assert self._process is not None
        for pid in running.descendants(self._process.pid):
            if "--worker" in running.command_line(pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def end(self) -> None:
        """As if somebody had pulled the plug."""
        process = self._process
        if process is None:
            return
        for pid in [process.pid, *running.descendants(process.pid)]:
            os.kill(pid, signal.SIGKILL)
        process.wait(10)
        assert process.stderr is not None
        process.stderr.close()
        self._process = None
