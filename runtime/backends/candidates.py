"""What could compute on this machine, best first, before anything was tried."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from runtime.errors import UsageError
from runtime.manifest import EngineInfo, EngineLibrary

ORDER = ("cuda", "metal", "hip", "sycl", "vulkan", "cpu")
"""Backends in the order they are tried; unknown ones come before the CPU, which runs everywhere."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One backend library that could be chosen. only: the one of its devices that was asked for, by its number."""

    library: EngineLibrary
    only: int | None = None

    @property
    def name(self) -> str:
        """What people call it: "cpu-haswell", "vulkan"."""
        return "-".join(part for part in (self.library.backend, self.library.variant) if part)

    @property
    def is_processor(self) -> bool:
        """Whether it computes on the processor itself."""
        return self.library.backend == "cpu"

    def name_of(self, device: int) -> str:
        """The name of one of its devices: the first is called as the backend is, the second "vulkan1"."""
        return f"{self.name}{device or ''}"


def candidates(engine: EngineInfo) -> tuple[Candidate, ...]:
    """All of them, best first: by backend, then by the rank the engine's build gave its variants."""

    def order(library: EngineLibrary) -> tuple[int, int, str]:
        place = ORDER.index(library.backend) if library.backend in ORDER else len(ORDER) - 2
        return place, -library.rank, library.file

    backends = [library for library in engine.libraries if library.kind == "backend"]
    return tuple(Candidate(library) for library in sorted(backends, key=order))


def named(found: tuple[Candidate, ...], wanted: str | None) -> tuple[Candidate, ...]:
    """Those a person asked for: all, one backend ("cpu"), one library ("cpu-haswell"), or one device ("vulkan1").

    Raises `UsageError` with the names there are.
    """
    if not wanted:
        return found
    matching = tuple(candidate for candidate in found if wanted in (candidate.name, candidate.library.backend))
    if not matching:
        matching = tuple(
            replace(candidate, only=int(wanted[len(candidate.name) :]))
            for candidate in found
            if not candidate.is_processor and re.fullmatch(re.escape(candidate.name) + r"\d+", wanted)
        )
    if not matching:
        backends = dict.fromkeys(candidate.library.backend for candidate in found)
        names = ", ".join([*backends, *(candidate.name for candidate in found if candidate.library.variant)])
        raise UsageError(f"There is no backend {wanted!r} in this file.", f"Choose one of: {names}.")
    return matching
