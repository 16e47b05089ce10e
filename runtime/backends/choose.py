"""Choosing the backend: every candidate is proven here (once), and of those that work the fastest for this model wins.

Processors' variants are tried best first until one works: their order is known. Graphics devices are all tried, and
measured with the processor, because which is faster depends on the model and on what the device really is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from runtime.backends.candidates import Candidate, candidates, named
from runtime.backends.drivers import drivers_identity
from runtime.backends.fit.choose import Fit, Wishes
from runtime.backends.fit.choose import choose as fit
from runtime.backends.fit.room import Room, room
from runtime.backends.kinds import kinds_for, main_kind
from runtime.backends.prober import Prober, Trial
from runtime.backends.ranking import seconds_per_token
from runtime.backends.threads import threads_for
from runtime.backends.verdicts import Memory, Status, Verdict
from runtime.container.unpack import Container, EngineCache, Scratch, core, engine_hash
from runtime.errors import CannotRunError
from runtime.manifest import EngineInfo, EngineLibrary
from runtime.shape import ModelShape


@dataclass(frozen=True, slots=True)
class Purpose:
    """What the backend is for: a model of this shape, run as wished. Without, the best device is taken as it comes."""

    shape: ModelShape | None = None
    wishes: Wishes = field(default_factory=lambda: Wishes(0))
    parameters: int = 0


@dataclass(frozen=True, slots=True)
class Choice:
    """What to compute with.

    libraries: the chosen one, then the processor's beside it where that is another. verdicts: of every candidate that
    was looked at. chosen: the winner's. fit: how the model goes into its memory. remembered: nothing was tried now.
    """

    engine_dir: Path
    libraries: tuple[EngineLibrary, ...]
    verdicts: tuple[Verdict, ...]
    chosen: Verdict
    fit: Fit | None
    remembered: bool

    @property
    def library(self) -> EngineLibrary:
        """The chosen one."""
        return self.libraries[0]

    @property
    def path(self) -> Path:
        """The chosen library, in `engine_dir`."""
        return self.engine_dir / self.library.file

    @property
    def name(self) -> str:
        """The chosen candidate's name, as "cpu-haswell"."""
        return self.chosen.name

    @property
    def is_processor(self) -> bool:
        """Whether everything is computed by the processor."""
        return self.library.backend == "cpu"

    def describe(self) -> list[str]:
        """The whole decision, one line a candidate."""
        return [f"{verdict.name}: {self.word(verdict)} - {verdict.detail}" for verdict in self.verdicts]

    def word(self, verdict: Verdict) -> str:
        """What became of a candidate, in one word."""
        if verdict.key == self.chosen.key:
            return "chosen"
        if not verdict.works:
            return "refused"
        return "beside" if verdict.file in (library.file for library in self.libraries) else "slower"


def choose(
    container: Container,
    cache: EngineCache,
    forced: str | None = None,
    reprobe: bool = False,
    prober: Prober | None = None,
    purpose: Purpose | None = None,
    marked: Mapping[str, Verdict] | None = None,
) -> Choice:
    """The best backend that works here, its libraries unpacked.

    forced: only this backend or library ("cpu", "cpu-haswell"). reprobe: forget what is known. marked: verdicts that
    hold whatever a proof says, by what they are about: these failed with the model.
    Raises `UsageError` for a name that does not exist, `CannotRunError` if nothing works, `SurroundingsError` if there
    is no place for libraries, `DamagedError`.
    """
    engine = container.manifest.engine
    offered = candidates(engine)
    wanted = named(offered, forced)
    memory = Memory(cache.places, engine_hash(container.manifest), _drivers(engine))
    known = {**({} if reprobe else memory.recall()), **(marked or {})}
    with prober or Prober() as trying:
        selection = _Selection(container, cache, trying, purpose or Purpose(), known)
        try:
            selection.try_devices([one for one in wanted if not one.is_processor])
            # The processor computes beside every device, so one that works is needed in any case.
            processors = [one for one in wanted if one.is_processor] or [one for one in offered if one.is_processor]
            selection.try_processors(processors)
        finally:
            selection.close()
    if selection.tried or marked:
        memory.keep([*selection.known.values()])
    only_devices = all(not one.is_processor for one in wanted)
    winner, fitted = selection.best(only_devices=only_devices)
    if winner is None:
        raise _nothing_works(selection.verdicts, forced)
    files = dict.fromkeys((winner.file, selection.processor.file if selection.processor else winner.file))
    libraries = tuple(one.library for file in files for one in offered if one.library.file == file)
    engine_dir = cache.provide(container, [*core(engine), *libraries])
    return Choice(engine_dir, libraries, tuple(selection.verdicts), winner, fitted, remembered=not selection.tried)


def device_room(verdict: Verdict, main: Room | None = None) -> Room:
    """The memory there is for a model on this device."""
    main = main or room()
    if verdict.is_processor:
        return main
    return replace(main, device=verdict.memory_free, device_total=verdict.memory_total, shared=verdict.shares_memory)


class _Selection:
    """What is known of the candidates while one is chosen."""

    def __init__(
        self, container: Container, cache: EngineCache, prober: Prober, purpose: Purpose, known: Mapping[str, Verdict]
    ) -> None:
        self.container, self.cache, self.prober, self.purpose = container, cache, prober, purpose
        self.known = dict(known)
        self.verdicts: list[Verdict] = []
        self.processor: Verdict | None = None
        self.tried = False
        self._bench: _Bench | None = None

    def try_devices(self, found: Sequence[Candidate]) -> None:
        """Every device of every library."""
        for candidate in found:
            first = self._verdict(candidate, candidate.only or 0, measured=True)
            others = range(1, first.devices) if candidate.only is None else ()
            self.verdicts += [first, *(self._verdict(candidate, index, measured=True) for index in others)]

    def try_processors(self, found: Sequence[Candidate]) -> None:
        """The variants until one works; its speed is asked for only where there is something to compare it with."""
        measured = any(verdict.works for verdict in self.verdicts)
        for candidate in found:
            verdict = self._verdict(candidate, 0, measured=measured)
            self.verdicts.append(verdict)
            if verdict.works:
                self.processor = verdict
                return

    def best(self, *, only_devices: bool) -> tuple[Verdict | None, Fit | None]:
        """The winner, and how the model fits it."""
        working = [verdict for verdict in self.verdicts if verdict.works]
        if only_devices:
            working = [verdict for verdict in working if not verdict.is_processor]
        if not working:
            return None, None
        main, shape = room(), self.purpose.shape
        if shape is None:
            return working[0], None
        fits = {one.key: fit(shape, self.purpose.wishes, device_room(one, main)) for one in working}
        winner = min(working, key=lambda one: self._seconds(shape, one, fits[one.key]))
        return winner, fits[winner.key]

    def _seconds(self, shape: ModelShape, verdict: Verdict, fitted: Fit) -> tuple[bool, float]:
        """What to compare by: those that hold the model first, then the time of a token."""
        processor = self.processor.rates if self.processor else None
        if verdict.rates is None or processor is None:
            return not fitted.fits, 0.0 if not verdict.is_processor else 1.0
        if not verdict.is_processor and not fitted.plan.gpu_layers:
            return True, 0.0  # nothing of the model would be there
        return not fitted.fits, seconds_per_token(shape, fitted.plan, verdict.rates, processor)

    def _verdict(self, candidate: Candidate, index: int, *, measured: bool) -> Verdict:
        library, shape = candidate.library, self.purpose.shape
        kinds = kinds_for(shape, processor=candidate.is_processor)
        known = self.known.get(f"{library.file}#{index}")
        if known and known.covers(kinds) and (known.rates or not known.works or not measured):
            return known
        self._bench = self._bench or _Bench(self.container, self.cache, self.prober)
        self.tried = True
        verdict = self._bench.prove(
            candidate,
            Trial(
                candidate.name_of(index),
                index,
                tuple(dict.fromkeys([*(known.kinds if known else ()), *kinds])),
                main_kind(shape) if measured else "",
                threads_for(self.purpose.parameters),
                is_gpu=not candidate.is_processor,
            ),
        )
        self.known[verdict.key] = verdict
        return verdict

    def close(self) -> None:
        """End what was set up for proofs."""
        if self._bench is not None:
            self._bench.close()


class _Bench:
    """Everything a proof needs, set up at the first one: the child starts while the core libraries are unpacked."""

    def __init__(self, container: Container, cache: EngineCache, prober: Prober) -> None:
        self.container, self.cache, self.prober = container, cache, prober
        self.core = core(container.manifest.engine)
        with contextlib.suppress(OSError):  # told with the first verdict
            prober.start()
        self.engine_dir = cache.provide(container, self.core)
        self.scratch: Scratch = cache.scratch(self.engine_dir)

    def prove(self, candidate: Candidate, trial: Trial) -> Verdict:
        library = candidate.library
        try:
            path = self.scratch.put(self.container, library)
        except OSError:
            # No room beside the core libraries, or a folder we may only read: take another place for everything.
            self.engine_dir = self.cache.provide(self.container, [*self.core, library])
            path = self.engine_dir / library.file
        return self.prober.prove(trial, path, self.engine_dir)

    def close(self) -> None:
        self.prober.close()
        self.scratch.__exit__()


def _drivers(engine: EngineInfo) -> str:
    """What a verdict depends on beside the processor; of a dist for processors alone, nothing."""
    return drivers_identity() if any(backend != "cpu" for backend in engine.backends) else ""


class NothingWorksError(CannotRunError):
    """No candidate works. verdicts: of all of them."""

    def __init__(self, message: str, remedy: str, verdicts: tuple[Verdict, ...]) -> None:
        super().__init__(message, remedy)
        self.verdicts = verdicts


def _nothing_works(verdicts: Collection[Verdict], forced: str | None) -> NothingWorksError:
    reasons = " ".join(verdict.detail for verdict in verdicts if verdict.status is not Status.OK)
    what = f"The backend {forced!r} does not work on this machine" if forced else "No backend works on this machine"
    remedy = "Leave the choice to the program (no --backend)." if forced else "Send this line with a support question."
    return NothingWorksError(f"{what}: {reasons or 'this file contains none.'}", remedy, tuple(verdicts))
