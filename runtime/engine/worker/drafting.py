"""Guesses by a draft, or by what else guesses ahead: whose, how far, and what they took."""

from __future__ import annotations

import time
from collections.abc import Sequence as Row
from dataclasses import dataclass

from runtime.engine.worker.context import NO_ROOM, DecodeError
from runtime.engine.worker.guesser import Ask, Guesser
from runtime.engine.worker.log import say
from runtime.engine.worker.payoff import Hope, Payoff
from runtime.engine.worker.sequence import Sequence

_PATIENCE = 3
"""Failed steps of the guesser after which nothing more is asked of it."""


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

    def __init__(self, guesser: Guesser) -> None:
        self._guesser = guesser
        self._payoff = Payoff()
        self._hopes: dict[str, Hope] = {}
        self._failures = 0

    def guess(self, asks: Row[Ask], running: Row[Sequence]) -> dict[str, Trial]:
        """Give the sequences guesses where they are worth it; what is to be judged then, by name."""
        names = {sequence.name for sequence in running}
        self._guesser.keep_only(names)
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
            guessed = self._guesser.guess(asks)
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
            self._guesser.stop()
            say(f"{self._guesser.name} guesses no more: {error.message}")
