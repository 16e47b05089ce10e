"""What a proof found, and the memory of it: a second start on the same machine proves nothing again."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from runtime.backends.rates import Rates
from runtime.container.unpack import write_whole
from runtime.launch.osdep import System, system
from runtime.launch.places import Places

FORMAT = 2
"""Of the file, and of the proof itself: raise it when the proof asks for more, and everything is proven again."""

HANG_REMEMBERED = 86400.0
"""Seconds. A busy machine may look like a hang, and a failure under a model may be the model's: not for ever."""


class Status(StrEnum):
    """How a proof ended."""

    OK = "ok"
    UNSUPPORTED = "unsupported"  # the library itself says it is not for this machine
    CRASHED = "crashed"
    HUNG = "hung"
    WRONG = "wrong"  # wrong numbers
    MISSING = "missing"  # it cannot be loaded: a library, a symbol or a driver is missing
    NO_MEMORY = "no memory"  # its device had none to give
    FAILED = "failed"  # it proved itself, but failed with the model later


_REMEMBERED = {Status.HUNG: HANG_REMEMBERED, Status.FAILED: HANG_REMEMBERED, Status.NO_MEMORY: 600.0}
"""Seconds for which a verdict holds that is not for ever; others may soon give memory back."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one candidate. detail: a sentence for people. technical: the line for a support question.

    index: which of its library's devices, of `devices`. device: its name in ggml, the rest is what it says of itself.
    kinds: formats of weights it was proven with. rates: how fast it is, where that was measured. until: when the
    verdict is void, as seconds since 1970; 0 for never.
    """

    name: str  # the candidate's
    file: str
    status: Status
    detail: str
    technical: str = ""
    seconds: float = 0.0
    index: int = 0
    devices: int = 1
    device: str = ""
    description: str = ""
    kind: str = ""
    memory_free: int = 0
    memory_total: int = 0
    kinds: tuple[str, ...] = ()
    rates: Rates | None = None
    until: float = 0.0

    @property
    def key(self) -> str:
        """What the verdict is about: a device of a library."""
        return f"{self.file}#{self.index}"

    def covers(self, kinds: Iterable[str]) -> bool:
        """Whether it still says something of a model with weights in these formats."""
        return not self.works or set(kinds) <= set(self.kinds)

    @property
    def is_processor(self) -> bool:
        """Whether it is about the processor itself."""
        return self.name.startswith("cpu")

    @property
    def shares_memory(self) -> bool:
        """Whether the device has no memory of its own: it is part of the processor, or a program."""
        return self.kind == "igpu" or "llvmpipe" in self.description

    @property
    def works(self) -> bool:
        """Whether it may be used."""
        return self.status is Status.OK

    def lasting(self, now: float) -> Verdict:
        """The same with the time after which it must be found anew, if it may be different then."""
        seconds = _REMEMBERED.get(self.status, 0.0)
        return replace(self, until=now + seconds if seconds else 0.0)


class Memory:
    """The verdicts of this machine for one engine, in the first place that keeps them.

    A damaged, foreign or outdated file counts as none, and a place that cannot be written to means no memory.
    """

    def __init__(self, places: Places, engine: str, drivers: str = "", osdep: System = system) -> None:
        """drivers: what changes with graphics devices and their drivers, where the engine can use one."""
        self.places = places
        self.engine = engine
        self.machine = hashlib.sha256(f"{osdep.cpu_identity()}{drivers}".encode()).hexdigest()
        self.name = f"verdicts-{engine[:16]}-{self.machine[:16]}.json"

    def recall(self) -> dict[str, Verdict]:
        """What is known, by what it is about."""
        for place in self.places.candidates:
            if self.places.trusted(place) and (verdicts := self._read(place.path / self.name)):
                return {verdict.key: verdict for verdict in verdicts}
        return {}

    def keep(self, verdicts: Sequence[Verdict]) -> Path | None:
        """Remember; returns where, None if nowhere."""
        data = {
            "format": FORMAT,
            "engine": self.engine,
            "machine": self.machine,
            "verdicts": [asdict(verdict) for verdict in verdicts],
        }
        for place in self.places.candidates:
            if place.lasting and not self.places.try_out(place, executable=False):
                with contextlib.suppress(OSError):
                    write_whole(place.path / self.name, json.dumps(data, indent=1).encode())
                    return place.path / self.name
        return None

    def _read(self, path: Path) -> list[Verdict]:
        try:
            data = json.loads(path.read_bytes())
            if (data["format"], data["engine"], data["machine"]) != (FORMAT, self.engine, self.machine):
                return []
            verdicts = [_verdict(raw) for raw in data["verdicts"]]
            now = time.time()
            return [one for one in verdicts if not one.until or now < one.until <= now + HANG_REMEMBERED]
        except (OSError, ValueError, KeyError, TypeError):
            return []


def _verdict(raw: dict[str, Any]) -> Verdict:
    rates = Rates(**raw["rates"]) if raw["rates"] else None
    return Verdict(**{**raw, "status": Status(raw["status"]), "kinds": tuple(raw["kinds"]), "rates": rates})
