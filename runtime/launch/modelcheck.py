"""Is the model what the manifest says? Checked beside the start, because reading gigabytes would hold it up.

`verified` is "pending" until every byte was read and hashed, then "yes" or "no". Whoever answers meanwhile marks the
answer as unverified; a "no" must end the program. What was found good is remembered by the file's identity (device,
inode, size, times), so that the next start says "yes" at once; the price is that damage the file system does not notice
(a rotting disk) shows only when somebody runs `verify`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from runtime.container.archive import Archive
from runtime.container.beside import open_all
from runtime.container.source import Source
from runtime.container.unpack import write_whole
from runtime.errors import DamagedError
from runtime.launch.places import Places
from runtime.manifest import DistManifest

MEMORY = "models-checked.json"
REMEMBERED = 64  # files; the oldest are forgotten
SETTLED = 3.0  # seconds a file must have rested: within a clock's grain a change may leave the times as they were
POLITENESS = 10  # niceness of the checking thread: loading and answering come first


class Verified(StrEnum):
    """What is known of the model's bytes."""

    PENDING = "pending"
    YES = "yes"
    NO = "no"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bytes that must have a known hash. what: their name for people."""

    source: Source
    offset: int
    size: int
    sha256: str
    what: str

    @property
    def identity(self) -> list[Any]:
        """What changes when the bytes do, as far as the file system can tell; and what they are held against."""
        stat = os.fstat(self.source.fd)
        times = (stat.st_mtime_ns, stat.st_ctime_ns)
        return [stat.st_dev, stat.st_ino, stat.st_size, *times, self.offset, self.size, self.sha256]


def stretches_of(archive: Archive[DistManifest]) -> tuple[Stretch, ...]:
    """The model's bytes, inside the dist or beside it. Raises `DamagedError` where a file beside it is missing."""
    model = archive.manifest.model
    if not model.beside:
        offset, size = archive.data_range(model.entry)
        return (Stretch(archive.source, offset, size, archive.entry(model.entry).sha256, model.entry),)
    sources = open_all(archive.manifest, Path(archive.source.name).parent)
    pairs = zip(sources, model.beside, strict=True)
    return tuple(Stretch(source, 0, file.size, file.sha256, file.file) for source, file in pairs)


class Memory:
    """Which files were found good, in the first place that keeps it. No place, or a damaged file: nothing is known."""

    def __init__(self, places: Places) -> None:
        self._places = places

    def knows(self, stretch: Stretch) -> bool:
        """Whether these very bytes were found good before."""
        return any(
            stretch.identity in _read(place.path / MEMORY)
            for place in self._places.candidates
            if place.lasting and self._places.trusted(place)
        )

    def keep_if_settled(self, stretches: Sequence[Stretch], before: Sequence[list[Any]]) -> None:
        """Remember good stretches, but for files that changed since `before`, or so shortly before that they may."""
        after = [stretch.identity for stretch in stretches]
        rested = all(time.time() - os.fstat(s.source.fd).st_mtime > SETTLED for s in stretches)
        if before == after and rested:
            self.keep(after)

    def keep(self, identities: Iterable[list[Any]]) -> None:
        """Remember; two programs at once may lose one of their entries, which costs a check and nothing else."""
        for place in self._places.candidates:
            if place.lasting and not self._places.try_out(place, executable=False):
                known = _read(place.path / MEMORY) if self._places.trusted(place) else []
                new = [*identities, *known]
                kept = [item for index, item in enumerate(new) if item not in new[:index]][:REMEMBERED]
                with contextlib.suppress(OSError):
                    write_whole(place.path / MEMORY, json.dumps(kept).encode())
                    return


class ModelCheck:
    """The check of one start, in a thread of its own. Reads through the descriptors given; closes none of them."""

    def __init__(self, stretches: Sequence[Stretch], memory: Memory | None = None) -> None:
        self._stretches = tuple(stretches)
        self._memory = memory
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[Verified], object]] = []
        self._read = 0
        self.verified = Verified.PENDING
        self.problem = ""  # what is wrong, in words, once `verified` is NO

    @property
    def progress(self) -> float:
        """Share of the bytes that was read, 0..1."""
        total = sum(stretch.size for stretch in self._stretches)
        return 1.0 if self.verified is Verified.YES or not total else self._read / total

    def start(self) -> Verified:
        """Begin, unless all is remembered: then the answer is there at once. Returns what is known now."""
        if self._memory and all(self._memory.knows(stretch) for stretch in self._stretches):
            self._settle(Verified.YES)
        else:
            self._thread = threading.Thread(target=self._run, name="model check", daemon=True)
            self._thread.start()
        return self.verified

    def when_done(self, act: Callable[[Verified], object]) -> None:
        """Call `act` with the verdict, once, from the checking thread; or now, if there is one already."""
        with self._lock:
            if self.verified is Verified.PENDING:
                self._callbacks.append(act)
                return
        act(self.verified)

    def wait(self, timeout: float | None = None) -> Verified:
        """What is known after at most `timeout` seconds."""
        self._done.wait(timeout)
        return self.verified

    async def wait_async(self) -> Verified:
        """The verdict, when it is there; cancelling the wait does not stop the check."""
        loop, found = asyncio.get_running_loop(), asyncio.Event()

        def tell(_verified: Verified) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(found.set)

        self.when_done(tell)
        await found.wait()
        return self.verified

    def raise_if_damaged(self) -> None:
        """Raise `DamagedError` if the model is known to be another one than the manifest's."""
        if self.verified is Verified.NO:
            raise DamagedError(
                f"The model is damaged: {self.problem}.", "Get the file again; nothing it answered can be relied on."
            )

    def stop(self) -> None:
        """End the reading and wait for it; a verdict that is not there yet will never be."""
        self._stopping.set()
        if self._thread:
            self._thread.join()

    def _run(self) -> None:
        if hasattr(os, "setpriority"):
            with contextlib.suppress(OSError):  # Linux knows priorities of threads, other systems refuse
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), POLITENESS)
        before = [stretch.identity for stretch in self._stretches]
        try:
            for stretch in self._stretches:
                problem = self._check(stretch)
                if self._stopping.is_set():
                    return
                if problem:
                    self.problem = problem
                    self._settle(Verified.NO)
                    return
            if self._memory:
                self._memory.keep_if_settled(self._stretches, before)
        except OSError as error:
            self.problem = f"it cannot be read ({error.strerror})"
            self._settle(Verified.NO)
            return
        self._settle(Verified.YES)

    def _check(self, stretch: Stretch) -> str:
        digest = hashlib.sha256()
        for chunk in stretch.source.chunks(stretch.offset, stretch.size):
            digest.update(chunk)
            self._read += len(chunk)
            if self._stopping.is_set():
                return ""
        return "" if digest.hexdigest() == stretch.sha256 else f"{stretch.what} has another SHA-256 than it should"

    def _settle(self, verdict: Verified) -> None:
        with self._lock:
            self.verified = verdict
            waiting, self._callbacks = self._callbacks, []
        self._done.set()
        for act in waiting:
            act(verdict)


def model_check(archive: Archive[DistManifest], places: Places) -> ModelCheck:
    """The check of this dist's model, not started yet. Raises `DamagedError` where a file of it is missing."""
    return ModelCheck(stretches_of(archive), Memory(places))


def _read(path: Path) -> list[Any]:
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return []
    return data if isinstance(data, list) else []
