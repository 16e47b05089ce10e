"""Guesses by a draft: whose, how far ahead, and what they took."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence as Row
from dataclasses import dataclass, replace

from runtime.engine.bindings import Device
from runtime.engine.lines import DRAFT_BATCH
from runtime.engine.messages import DraftFile, Load
from runtime.engine.worker.cache import MemoryKind
from runtime.engine.worker.context import NO_ROOM, Context, DecodeError
from runtime.engine.worker.draft import Ask, Draft
from runtime.engine.worker.model import Model
from runtime.engine.worker.payoff import Hope, Payoff
from runtime.engine.worker.sequence import Sequence
from runtime.engine.worker.vocabulary import difference
from runtime.errors import CannotRunError, PannierError

_PATIENCE = 3
"""Failed steps of the draft after which nothing more is asked of it."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Guesses of an answer that are being tried: how many were asked for, and what was hoped."""

    payoff: Payoff
    hope: Hope
    asked: int

    def judge(self, guessed: int, right: int) -> None:
        """So many of the guessed tokens were right, the first ones."""
        self.payoff.judge(self.hope, self.asked, guessed, right)


class Drafting:
    """Of all answers. One thread only."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._payoff = Payoff()
        self._hopes: dict[str, Hope] = {}
        self._failures = 0

    def guess(self, asks: Row[Ask], running: Row[Sequence]) -> dict[str, Trial]:
        """Give the sequences guesses where they are worth it; what is to be judged then, by name."""
        names = {sequence.name for sequence in running}
        self._draft.keep_only(names)
        self._hopes = {name: hope for name, hope in self._hopes.items() if name in names}
        if self._failures >= _PATIENCE:
            return {}
        hopes = [self._hopes.setdefault(ask.sequence.name, self._payoff.hope()) for ask in asks]
        lengths = self._payoff.lengths(hopes, sum(sequence.is_decoding for sequence in running))
        chosen = [Ask(ask.sequence, min(ask.most, length)) for ask, length in zip(asks, lengths, strict=True) if length]
        return self._tried(chosen) if chosen else {}

    def stepped(self, decoding: int, guesses: int, seconds: float) -> None:
        """A step of the model without prompts took so long."""
        self._payoff.stepped(decoding, guesses, seconds)

    def _tried(self, asks: Row[Ask]) -> dict[str, Trial]:
        begin = time.perf_counter()
        try:
            guessed = self._draft.guess(asks)
        except DecodeError as error:
            self._failed(error)
            return {}
        if guessed.steps and not guessed.has_read:
            self._payoff.drafted(len(asks), (time.perf_counter() - begin) / guessed.steps)
        trials = {}
        for ask in asks:
            tokens = guessed.tokens.get(ask.sequence.name)
            if tokens is None:
                continue
            ask.sequence.guessed = tokens
            trial = trials[ask.sequence.name] = Trial(self._payoff, self._hopes[ask.sequence.name], ask.most)
            if not tokens:
                trial.judge(0, 0)
        return trials

    def _failed(self, error: DecodeError) -> None:
        """Without room it tries again later; what fails otherwise is asked for nothing any more."""
        self._failures += 1 if error.code == NO_ROOM else _PATIENCE
        if self._failures >= _PATIENCE:
            _say(f"The draft model guesses no more: {error.message}")


def drafting_for(model: Model, context: Context, load: Load, device: Device | None) -> tuple[Drafting | None, str]:
    """What guesses ahead for this context, if a draft is to do so and can; "used", or why not, as the log has it."""
    if load.draft is None:
        return None, ""
    try:
        if context.kind is not MemoryKind.FULL:
            raise CannotRunError("The model cannot take back what it has read.")
        theirs = _load_of_draft(load, load.draft, context)
        small = Model(model.llama, theirs, device, lambda _: None)
        if differs := difference(small, model):
            raise CannotRunError(f"Its vocabulary is not the model's: {differs}.")
        if small.memory_kind is not MemoryKind.FULL or not small.generates:
            raise CannotRunError("It cannot take back what it has read.")
        return Drafting(Draft(Context(small, theirs, memory=0), model.vocabulary_size)), "used"
    except PannierError as error:
        _say(f"The draft model is not used. {error.message}")
        return None, error.message


def _load_of_draft(load: Load, draft: DraftFile, context: Context) -> Load:
    """How to load the draft: with as many cells as the model has, for the same texts."""
    return replace(
        load,
        model_fd=draft.fd,
        model_path=draft.path,
        model_offset=draft.offset,
        model_size=draft.size,
        model_splits=(),
        gpu_layers=draft.gpu_layers,
        experts_on_cpu=0,
        context_size=context.size,
        batch_tokens=min(load.batch_tokens, DRAFT_BATCH),
        cells=load.cells or context.cells,
        cache_type="f16",
        repack=False,
        split_cache=False,
    )


def _say(line: str) -> None:
    sys.stderr.write(f"worker: {line}\n")
    sys.stderr.flush()
