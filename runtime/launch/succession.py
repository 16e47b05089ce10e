"""The backend a session computes with, and the next ones where it fails."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

from runtime.backends.choose import Choice, Purpose, choose
from runtime.backends.fit.choose import Fit
from runtime.backends.fit.need import Plan
from runtime.backends.fit.words import refusal
from runtime.backends.threads import threads_here
from runtime.backends.verdicts import Status, Verdict
from runtime.backends.words import OUT_OF_MEMORY, failed_later
from runtime.container.archive import Archive
from runtime.container.unpack import EngineCache, core
from runtime.engine.messages import DraftFile, Load
from runtime.engine.process import WorkerCommand
from runtime.errors import CannotRunError
from runtime.launch.early import worker_arguments
from runtime.launch.opening import ModelFile
from runtime.launch.options import LaunchOptions
from runtime.launch.osdep import system
from runtime.manifest import DistManifest

_UNCERTAIN_SECONDS = 600.0


class Succession:
    """One backend after the other. Used by one thread at a time."""

    def __init__(
        self, archive: Archive[DistManifest], cache: EngineCache, options: LaunchOptions, reprobe: bool = False
    ) -> None:
        """Chooses the first. Raises a `PannierError` where there is no way."""
        self._archive, self._cache, self._options = archive, cache, options
        self._marked: dict[str, Verdict] = {}
        self.choice = self._choose(reprobe)

    @property
    def fit(self) -> Fit | None:
        """How the model goes into its memory; None where the file does not tell its shape."""
        return self.choice.fit

    def check_memory(self) -> None:
        """Raise `CannotRunError` for a model that does not fit, unless that is to be ignored."""
        shape, fitted = self._archive.manifest.model.shape, self.choice.fit
        if shape and fitted and not fitted.fits and not self._options.ignore_memory:
            raise refusal(shape, self._options.wishes, fitted)

    def fall_back(self, how: str, *, loading: bool, certain: bool = True) -> str | None:
        """Mark the backend as failed and choose another; a sentence about both, or None if there is none.

        certain: it was the backend's fault; otherwise that is soon forgotten.

        A processor that cannot load a model says something about the model: no other variant would do better.
        """
        old = self.choice.chosen
        if loading and self.choice.is_processor:
            return None
        no_memory, now = bool(OUT_OF_MEMORY.search(how)), time.time()
        mark = replace(
            old,
            status=Status.NO_MEMORY if no_memory else Status.FAILED,
            detail=failed_later(old.name, how),
            technical=how,
        )
        # A processor that proved itself fails of what a request does, unless it lacks an instruction: that is soon
        # forgotten, but not before somebody can ask `doctor` about it.
        certain = certain and (not self.choice.is_processor or "SIGILL" in how)
        self._marked[old.key] = mark.lasting(now) if certain else replace(mark, until=now + _UNCERTAIN_SECONDS)
        try:
            self.choice = self._choose()
            self.check_memory()
        except CannotRunError:
            return None
        return f"{self._marked[old.key].detail} {self.choice.name} has taken over."

    def command(self, model: ModelFile, draft: ModelFile | None) -> WorkerCommand:
        """How to start a worker for this model, and the draft if it has a place, with the present choice.

        The libraries are looked for each time: another version's start may have swept them away.
        """
        libraries = self.choice.libraries
        engine_dir = self._cache.provide(self._archive, [*core(self._archive.manifest.engine), *libraries])
        own = system.worker_command(self._archive.source.fd)
        argv = (*own.argv, *worker_arguments())
        return WorkerCommand(
            argv=argv, executable=own.executable, env=own.environment, load=self._load(model, draft, engine_dir)
        )

    def _choose(self, reprobe: bool = False) -> Choice:
        model, options = self._archive.manifest.model, self._options
        purpose = Purpose(model.shape, options.wishes, model.parameters)
        return choose(self._archive, self._cache, options.backend, reprobe, purpose=purpose, marked=self._marked)

    def _load(self, model: ModelFile, draft: ModelFile | None, engine_dir: Path) -> Load:
        options, choice = self._options, self.choice
        fallback = Plan(
            options.context_size,
            options.parallel,
            gpu_layers=0 if choice.is_processor else -1,
            split=options.split_cache,
        )
        plan = choice.fit.plan if choice.fit else fallback
        threads = threads_here(self._archive.manifest.model.parameters, options.threads)
        by_path = sys.platform == "win32"  # descriptors are not inherited there
        return Load(
            engine_dir=str(engine_dir),
            backends=tuple(library.file for library in choice.libraries),
            model_fd=None if by_path else model.fd,
            model_path=model.path if by_path else "",
            model_offset=model.offset,
            model_size=model.size,
            model_splits=model.splits,
            context_size=plan.context_size,
            parallel=options.parallel,
            batch_tokens=plan.batch,
            threads=threads.count,
            processors=threads.node,
            gpu_layers=plan.gpu_layers,
            repack=options.repack,
            cells=plan.cells,
            cache_type=plan.cache_type,
            split_cache=plan.split,
            lookup=options.prompt_lookup,
            draft=_draft(draft, plan, by_path=by_path) if draft and plan.draft else None,
            foresight=plan.foresight,
            experts_on_cpu=plan.experts_on_cpu,
            device="" if choice.is_processor else choice.chosen.device,
        )


def _draft(draft: ModelFile, plan: Plan, *, by_path: bool) -> DraftFile:
    return DraftFile(
        path=draft.path if by_path else "",
        fd=None if by_path else draft.fd,
        offset=draft.offset,
        size=draft.size,
        gpu_layers=-1 if plan.gpu_layers else 0,
    )
