"""Bring a large file from a server: resumed where it broke off, checked before it gets its name.

The bytes go into `NAME.incomplete` beside the target. A broken connection is taken up again at once; whatever else ends
the work leaves that file, and the next call goes on where it stopped. Only when the hash is right does the file get
its name; when it is wrong nothing is kept.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import httpx2

from bundler.errors import ModelError, SurroundingsError
from bundler.model.choose import in_words

SUFFIX = ".incomplete"
RETRIES = 5
"""Attempts in a row that bring no byte before the work is given up."""

PAUSE_SECONDS = 1.0
"""Before the second attempt; doubled before each further one."""

TIMEOUT = httpx2.Timeout(30.0)
"""Seconds without a byte after which a connection counts as broken."""

_CHUNK = 1 << 20

Getter = Callable[[int], AbstractContextManager[httpx2.Response]]
"""Opens the file from an offset on. Raises `ModelError` where the server refuses, `httpx2.TransportError` else."""


@dataclass(frozen=True, slots=True)
class Job:
    """A file to bring. name: for people. size: None if only the server's answer tells it. sha256: what it must have."""

    name: str
    size: int | None
    sha256: str
    get: Getter


def download(job: Job, target: Path, advance: Callable[[float], object]) -> None:
    """Bring `job` to `target`. advance: called with bytes, those of an earlier attempt included.

    Raises `ModelError` where the server or the bytes are at fault, `SurroundingsError` where this disk is.
    """
    partial = target.with_name(target.name + SUFFIX)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        resumed = partial.exists() and partial.stat().st_size > 0
        if not _attempt(job, partial, advance):
            partial.unlink()
            # What an earlier attempt left may be of another state of the file; a fresh one cannot be.
            if not resumed or not _attempt(job, partial, advance):
                partial.unlink(missing_ok=True)
                raise ModelError(
                    f"{job.name} is not what it should be: its SHA-256 differs from {job.sha256}.",
                    "Nothing of it was kept. Correct the hash if it is wrong; else the server or the network is.",
                )
        partial.replace(target)
    except OSError as error:
        raise _explained(error, job, partial) from None


def _attempt(job: Job, partial: Path, advance: Callable[[float], object]) -> bool:
    """Complete the partial file; whether its hash is right."""
    with partial.open("ab+") as file:
        transfer = _Transfer(job, file, advance)
        transfer.run()
        file.flush()
        os.fsync(file.fileno())  # the name must never outlive the bytes
        return transfer.digest.hexdigest() == job.sha256


class _Transfer:
    """One file on its way. have: bytes on disk, all of them in `digest`."""

    def __init__(self, job: Job, file: BinaryIO, advance: Callable[[float], object]) -> None:
        self.job = job
        self.file = file
        self.advance = advance
        self.size = job.size
        self.have = 0
        self.digest = hashlib.sha256()
        file.seek(0)
        while chunk := file.read(_CHUNK):
            self._count(chunk)
        if self.size is not None and self.have > self.size:
            self._restart()

    def run(self) -> None:
        failures = 0
        self._check_room()
        while self.size is None or self.have < self.size:
            before = self.have
            try:
                if self._read_on():
                    return
                problem = "the server ended it early"
            except httpx2.TransportError as error:
                problem = str(error) or type(error).__name__
            failures = failures + 1 if self.have == before else 1
            if failures > RETRIES:
                raise ModelError(
                    f"The download of {self.job.name} broke off after {in_words(self.have)}"
                    f"{f' of {in_words(self.size)}' if self.size else ''} ({problem}).",
                    "Run the same command again: it goes on where it stopped.",
                )
            time.sleep(PAUSE_SECONDS * 2 ** (failures - 1))

    def _read_on(self) -> bool:
        """Read from where we are to where the connection ends; whether that is the end of the file."""
        with self.job.get(self.have) as response:
            if response.status_code == 416:  # what we have is longer than the file: it is of something else
                self._restart()
                return False
            if self.have and _start_of(response) != self.have:
                self._restart()  # the server sends all of it again
            whole = _whole_size(response, self.have)
            if self.size is None:
                self.size = whole
                self._check_room()
            for chunk in response.iter_raw():
                self.file.write(chunk)
                self._count(chunk)
                if self.size is not None and self.have > self.size:
                    raise ModelError(
                        f"{self.job.name} is longer than the {self.size:,} bytes it should have.",
                        "The server sends another file than it announced; try again later.",
                    )
        return self.size is None or self.have == self.size

    def _count(self, chunk: bytes) -> None:
        self.digest.update(chunk)
        self.have += len(chunk)
        self.advance(len(chunk))

    def _restart(self) -> None:
        self.file.truncate(0)
        self.advance(-self.have)
        self.have = 0
        self.digest = hashlib.sha256()

    def _check_room(self) -> None:
        if self.size is None:
            return
        free = shutil.disk_usage(Path(self.file.name).parent).free
        if free < self.size - self.have:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _start_of(response: httpx2.Response) -> int:
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(match[1]) if response.status_code == 206 and match else 0


def _whole_size(response: httpx2.Response, start: int) -> int | None:
    match = re.search(r"/(\d+)$", response.headers.get("Content-Range", ""))
    if match:
        return int(match[1])
    length = response.headers.get("Content-Length")
    return start + int(length) if length and length.isdigit() else None


def _explained(error: OSError, job: Job, partial: Path) -> SurroundingsError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        have = partial.stat().st_size if partial.exists() else 0
        need = f" of {in_words(job.size)}" if job.size else ""
        return SurroundingsError(
            f"There is no room for {job.name} in {partial.parent}: {in_words(have)}{need} are here.",
            "Free some space and run the same command again (it goes on where it stopped), or put the cache elsewhere "
            "(HF_HOME, PANNIER_CACHE_DIR).",
        )
    where = error.filename or partial
    return SurroundingsError(
        f"{where} cannot be written ({error.strerror}).", "Put the cache elsewhere: HF_HOME, PANNIER_CACHE_DIR."
    )
