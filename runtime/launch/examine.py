"""A dist's look at the computer it is on: what it would do here, and why."""

from __future__ import annotations

import platform
import shutil
import socket
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from runtime.backends.choose import Choice, NothingWorksError
from runtime.backends.fit.choose import Fit
from runtime.backends.fit.room import Room, room
from runtime.backends.fit.words import refusal
from runtime.backends.threads import Threads, threads_here
from runtime.backends.verdicts import Status, Verdict
from runtime.container.archive import Archive
from runtime.container.unpack import EngineCache
from runtime.errors import PannierError
from runtime.launch.options import LaunchOptions, section
from runtime.launch.osdep import system
from runtime.launch.places import Places, places
from runtime.launch.succession import Succession
from runtime.launch.tempdirs import unpacked_dir
from runtime.manifest import DistManifest
from runtime.oldest import numbered


@dataclass(frozen=True, slots=True)
class Machine:
    """What it is. libc: the C library's version, "" where there is no such thing."""

    system: str
    processor: str
    libc: str
    threads: Threads
    room: Room


@dataclass(frozen=True, slots=True)
class Examination:
    """Everything found. choice: None if nothing works, and then `problem` says why. needs_libc: the engine's and the
    runtime's oldest C library. ports: words. temp: where this program was unpacked, and the room there."""

    machine: Machine
    choice: Choice | None
    verdicts: tuple[Verdict, ...]
    problem: str
    places: Places
    needs_libc: str
    port: str
    temp: str

    @property
    def fit(self) -> Fit | None:
        """How the model goes into the memory."""
        return self.choice.fit if self.choice else None

    @property
    def runs(self) -> bool:
        """Whether the model would run."""
        return not self.problem

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "runs": self.runs,
            "problem": self.problem,
            "machine": asdict(self.machine),
            "backend": self.choice.name if self.choice else None,
            "remembered": self.choice.remembered if self.choice else False,
            "candidates": [{**asdict(one), "became": self._word(one)} for one in self.verdicts],
            "fit": asdict(self.fit) if self.fit else None,
            "engine_dir": str(self.choice.engine_dir) if self.choice else None,
            "refused_places": [str(refusal) for refusal in self.places.refusals],
            "needs_libc": self.needs_libc,
            "port": self.port,
            "temp": self.temp,
        }

    def lines(self) -> list[str]:
        """For people."""
        machine = self.machine
        libc = f", C library {machine.libc} (needs {self.needs_libc})" if machine.libc and self.needs_libc else ""
        told = [
            f"machine   {machine.system}{libc}",
            f"          {machine.processor}, {machine.threads}",
            f"          {machine.room}",
        ]
        told += self._candidates()
        if self.choice:
            known = "known from an earlier start" if self.choice.remembered else "found just now"
            told.append(f"chosen    {self.choice.name}, {known}")
        if self.fit and self.fit.fits:
            told.append(f"memory    {self.fit}")
        if self.problem:
            told.append(f"problem   {self.problem}")
        if self.choice:
            told.append(f"cache     {self.choice.engine_dir}")
        told += [f"          not used: {refusal}" for refusal in self.places.refusals]
        return [*told, f"temp      {self.temp}", f"port      {self.port}"]

    def _candidates(self) -> list[str]:
        """What was found of each; those that are simply not for this machine in one line."""
        foreign = [one.name for one in self.verdicts if one.status is Status.UNSUPPORTED and one.is_processor]
        told = []
        for one in self.verdicts:
            if one.name not in foreign:
                about = [one.description, str(one.rates or ""), "" if one.works else one.technical]
                told += [f"{self._word(one):<8} {one.detail}", *(f"         {part}" for part in about if part)]
        if foreign:
            told.append(f"others   not for this processor: {', '.join(foreign)}")
        return [f"{'backends' if not number else '':<10}{line}" for number, line in enumerate(told)]

    def _word(self, verdict: Verdict) -> str:
        return self.choice.word(verdict) if self.choice else "works" if verdict.works else "refused"


def examine(archive: Archive[DistManifest], options: LaunchOptions, *, reprobe: bool = False) -> Examination:
    """Look at everything. Raises `UsageError` for a backend that does not exist, `DamagedError`."""
    found = places()
    choice: Choice | None = None
    problem = ""
    verdicts: tuple[Verdict, ...] = ()
    try:
        succession = Succession(archive, EngineCache(found), options, reprobe)
        choice, verdicts = succession.choice, succession.choice.verdicts
        shape = archive.manifest.model.shape
        if shape and choice.fit and not choice.fit.fits:
            problem = str(refusal(shape, options.wishes, choice.fit))
    except NothingWorksError as error:
        problem, verdicts = error.message, error.verdicts
    except PannierError as error:
        if error.exit_code == 2:
            raise
        problem = str(error)
    engine, runtime = archive.manifest.engine, archive.manifest.runtime
    oldest = max((engine.glibc, runtime.glibc), key=numbered)
    return Examination(_machine(options, archive), choice, verdicts, problem, found, oldest, _port(archive), _temp())


def _machine(options: LaunchOptions, archive: Archive[DistManifest]) -> Machine:
    libc = " ".join(platform.libc_ver()).strip() if platform.system() == "Linux" else ""
    threads = threads_here(archive.manifest.model.parameters, options.threads)
    return Machine(_system(), _processor(), libc.removeprefix("glibc "), threads, room())


def _system() -> str:
    name = ""
    with suppress(OSError):
        name = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    return f"{name or platform.system()} ({platform.system()} {platform.release()}, {platform.machine()})"


def _processor() -> str:
    for line in system.cpu_identity().splitlines():
        name, _, value = line.partition(": ")
        if name == "model name":
            # The words are sorted there, for comparing; here they are read.
            with suppress(OSError, IndexError):
                text = Path("/proc/cpuinfo").read_text(errors="replace")
                return text.split("model name", 1)[1].splitlines()[0].lstrip("\t: ")
            return value
    return platform.processor() or platform.machine()


def _port(archive: Archive[DistManifest]) -> str:
    wished = int(section(archive.manifest, "serve").get("port") or 0) or 8080
    with socket.socket() as trial:
        taken = trial.connect_ex(("127.0.0.1", wished)) == 0
    return f"{wished} is {'taken by another program' if taken else 'free'}"


def _temp() -> str:
    folder = unpacked_dir() or Path(tempfile.gettempdir())
    with suppress(OSError):
        return f"{folder}, {shutil.disk_usage(folder).free / 1e9:.1f} GB free"
    return str(folder)
