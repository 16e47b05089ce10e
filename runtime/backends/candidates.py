"""What could compute on this machine, best first, before anything was tried."""

from __future__ import annotations

from dataclasses import dataclass

from runtime.errors import UsageError
from runtime.manifest import EngineInfo, EngineLibrary

ORDER = ("cuda", "metal", "vulkan", "cpu")
"""Backends in the order they are tried; unknown ones come before the CPU, which runs everywhere."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One backend library that could be chosen."""

    library: EngineLibrary

    @property
    def name(self) -> str:
        """What people call it: "cpu-haswell", "vulkan"."""
        return "-".join(part for part in (self.library.backend, self.library.variant) if part)


def candidates(engine: EngineInfo) -> tuple[Candidate, ...]:
    """All of them, best first: by backend, then by the rank the engine's build gave its variants."""

    def order(library: EngineLibrary) -> tuple[int, int, str]:
        place = ORDER.index(library.backend) if library.backend in ORDER else len(ORDER) - 2
        return place, -library.rank, library.file

    backends = [library for library in engine.libraries if library.kind == "backend"]
    return tuple(Candidate(library) for library in sorted(backends, key=order))


def named(found: tuple[Candidate, ...], wanted: str | None) -> tuple[Candidate, ...]:
    """Those a person asked for: all, one backend ("cpu"), or one library ("cpu-haswell").

    Raises `UsageError` with the names there are.
    """
    if not wanted:
        return found
    matching = tuple(candidate for candidate in found if wanted in (candidate.name, candidate.library.backend))
    if not matching:
        backends = dict.fromkeys(candidate.library.backend for candidate in found)
        names = ", ".join([*backends, *(candidate.name for candidate in found if candidate.library.variant)])
        raise UsageError(f"There is no backend {wanted!r} in this file.", f"Choose one of: {names}.")
    return matching
