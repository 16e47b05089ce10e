"""Choosing the backend: candidates best first, each proven here (once), the first survivor wins."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from runtime.backends.candidates import Candidate, candidates, named
from runtime.backends.prober import Prober
from runtime.backends.verdicts import Memory, Status, Verdict
from runtime.container.unpack import Container, EngineCache, Scratch, core, engine_hash
from runtime.errors import CannotRunError
from runtime.manifest import EngineLibrary


@dataclass(frozen=True, slots=True)
class Choice:
    """What to compute with.

    verdicts: of every candidate up to the chosen one. remembered: nothing was tried at this start.
    """

    engine_dir: Path
    library: EngineLibrary
    verdicts: tuple[Verdict, ...]
    remembered: bool

    @property
    def path(self) -> Path:
        """The chosen library, in `engine_dir`."""
        return self.engine_dir / self.library.file

    @property
    def name(self) -> str:
        """The chosen candidate's name, as "cpu-haswell"."""
        return Candidate(self.library).name

    def describe(self) -> list[str]:
        """The whole decision, one line a candidate."""
        return [
            f"{verdict.name}: {'chosen' if verdict.works else 'refused'} - {verdict.detail}"
            for verdict in self.verdicts
        ]


def choose(
    container: Container,
    cache: EngineCache,
    forced: str | None = None,
    reprobe: bool = False,
    prober: Prober | None = None,
) -> Choice:
    """The best backend that works here, its libraries unpacked.

    forced: only this backend or library ("cpu", "cpu-haswell"). reprobe: forget what is known.
    Raises `UsageError` for a name that does not exist, `CannotRunError` if nothing works, `SurroundingsError` if there
    is no place for libraries, `DamagedError`.
    """
    engine = container.manifest.engine
    wanted = named(candidates(engine), forced)
    memory = Memory(cache.places, engine_hash(container.manifest))
    known = {} if reprobe else memory.recall()
    verdicts: list[Verdict] = []
    winner: Candidate | None = None
    with prober or Prober() as trying:
        trial: _Trial | None = None
        try:
            for candidate in wanted:
                verdict = known.get(candidate.library.file)
                if verdict is None:
                    trial = trial or _Trial(container, cache, trying)
                    verdict = trial.prove(candidate)
                verdicts.append(verdict)
                if verdict.works:
                    winner = candidate
                    break
        finally:
            if trial is not None:
                trial.close()
    if trial is not None:
        memory.keep(list({**known, **{verdict.file: verdict for verdict in verdicts}}.values()))
    if winner is None:
        raise _nothing_works(verdicts, forced)
    engine_dir = cache.provide(container, [*core(engine), winner.library])
    return Choice(engine_dir, winner.library, tuple(verdicts), remembered=trial is None)


class _Trial:
    """Everything a proof needs, set up at the first one: the child starts while the core libraries are unpacked."""

    def __init__(self, container: Container, cache: EngineCache, prober: Prober) -> None:
        self.container, self.cache, self.prober = container, cache, prober
        self.core = core(container.manifest.engine)
        with contextlib.suppress(OSError):  # told with the first verdict
            prober.start()
        self.engine_dir = cache.provide(container, self.core)
        self.scratch: Scratch = cache.scratch(self.engine_dir)

    def prove(self, candidate: Candidate) -> Verdict:
        library = candidate.library
        try:
            path = self.scratch.put(self.container, library)
        except OSError:
            # No room beside the core libraries, or a folder we may only read: take another place for everything.
            self.engine_dir = self.cache.provide(self.container, [*self.core, library])
            path = self.engine_dir / library.file
        return self.prober.prove(candidate.name, path, self.engine_dir)

    def close(self) -> None:
        self.prober.close()
        self.scratch.__exit__()


def _nothing_works(verdicts: list[Verdict], forced: str | None) -> CannotRunError:
    reasons = " ".join(verdict.detail for verdict in verdicts if verdict.status is not Status.OK)
    what = f"The backend {forced!r} does not work on this machine" if forced else "No backend works on this machine"
    remedy = "Leave the choice to the program (no --backend)." if forced else "Send this line with a support question."
    return CannotRunError(f"{what}: {reasons or 'this file contains none.'}", remedy)
