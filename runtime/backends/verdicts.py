"""What a proof found, and the memory of it: a second start on the same machine proves nothing again."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from runtime.container.unpack import write_whole
from runtime.launch.osdep import System, system
from runtime.launch.places import Places

FORMAT = 1
"""Of the file, and of the proof itself: raise it when the proof asks for more, and everything is proven again."""

HANG_REMEMBERED = 86400.0  # seconds; a busy machine may look like a hang, so that verdict is not for ever


class Status(StrEnum):
    """How a proof ended."""

    OK = "ok"
    UNSUPPORTED = "unsupported"  # the library itself says it is not for this machine
    CRASHED = "crashed"
    HUNG = "hung"
    WRONG = "wrong"  # wrong numbers
    MISSING = "missing"  # it cannot be loaded: a library, a symbol, a driver or memory is missing


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one candidate. detail: a sentence for people. technical: the line for a support question."""

    name: str  # the candidate's
    file: str
    status: Status
    detail: str
    technical: str = ""
    seconds: float = 0.0

    @property
    def works(self) -> bool:
        """Whether it may be used."""
        return self.status is Status.OK


class Memory:
    """The verdicts of this machine for one engine, in the first place that keeps them.

    A damaged, foreign or outdated file counts as none, and a place that cannot be written to means no memory.
    """

    def __init__(self, places: Places, engine: str, osdep: System = system) -> None:
        self.places = places
        self.engine = engine
        self.machine = hashlib.sha256(osdep.cpu_identity().encode()).hexdigest()
        self.name = f"verdicts-{engine[:16]}-{self.machine[:16]}.json"

    def recall(self) -> dict[str, Verdict]:
        """What is known, by library file."""
        for place in self.places.candidates:
            if self.places.trusted(place) and (verdicts := self._read(place.path / self.name)):
                return {verdict.file: verdict for verdict in verdicts}
        return {}

    def keep(self, verdicts: Sequence[Verdict]) -> Path | None:
        """Remember; returns where, None if nowhere."""
        hung = any(verdict.status is Status.HUNG for verdict in verdicts)
        data = {
            "format": FORMAT,
            "engine": self.engine,
            "machine": self.machine,
            "until": time.time() + HANG_REMEMBERED if hung else None,
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
            if data["until"] is not None and not time.time() < data["until"] <= time.time() + HANG_REMEMBERED:
                return []
            return [Verdict(**{**raw, "status": Status(raw["status"])}) for raw in data["verdicts"]]
        except (OSError, ValueError, KeyError, TypeError):
            return []
