"""Guesses how an answer goes on: as its text, prompt included, went on where its last tokens stood before; or as
somebody foretold, who knows what most of it will be.

Who summarises, corrects or translates repeats much of what was given. Guessed tokens are computed beside the one that
is due, in the same step, and drawn as if nothing had been guessed; those that were guessed right are won. A guess that
is wrong costs what another request would have: so it is measured, answer by answer, whether they are worth it.
"""

from __future__ import annotations

from collections.abc import Sequence

_GRAM = 3
"""So many tokens must be the same for what follows to be a guess."""

_FIRST, _MOST = 4, 16
"""Tokens guessed at a time: at first, and at most where all were right."""

_WORTH = 0.6
"""Share of guesses that must be right; a guessed token costs about half of what a step for it alone would."""

_WEIGHT = 0.25
"""How fast what is measured replaces what was measured before."""

_REST, _LONGEST_REST = 16, 1024
"""Tokens without guesses after guesses were not worth it: at first, and at most. Each time twice as long."""


class Lookup:
    """Of one answer. foretold: what it may be; it begins behind `begin` tokens."""

    def __init__(self, foretold: Sequence[int] = (), begin: int = 0) -> None:
        self._foretold = _Foretold(foretold, begin)
        self._after: dict[tuple[int, ...], int] = {}  # of every run of tokens, where it went on the last time
        self._known = 0  # tokens looked at
        self._length = _FIRST
        self._hope = 1.0
        self._resting, self._rest = 0, _REST

    def guess(self, tokens: Sequence[int], most: int) -> list[int]:
        """At most so many tokens that may follow; none where there is no guess, or none worth it."""
        self._learn(tokens)
        if self._resting:
            self._resting -= 1
            return []
        if foretold := self._foretold.after(tokens):
            return foretold[: max(0, min(most, self._length))]
        begin = self._after.get(tuple(tokens[-_GRAM:]))
        if begin is None:
            return []
        period = tokens[begin : begin + _MOST]  # what repeats itself goes on so beyond its end
        return [period[place % len(period)] for place in range(min(most, self._length))]

    def judge(self, guessed: int, right: int) -> None:
        """So many of the guessed tokens were right, the first ones."""
        self._hope += _WEIGHT * (right / guessed - self._hope)
        self._length = min(_MOST, 2 * self._length) if right == guessed else max(1, right)
        if self._hope < _WORTH:
            self._resting, self._rest = self._rest, min(_LONGEST_REST, 2 * self._rest)
            self._hope = _WORTH  # one more try, then
        elif right == guessed == _MOST:
            self._rest = _REST

    def _learn(self, tokens: Sequence[int]) -> None:
        if len(tokens) < self._known:  # the text was cut
            self._after.clear()
            self._known = 0
        for end in range(max(self._known, _GRAM), len(tokens)):
            self._after[tuple(tokens[end - _GRAM : end])] = end
        self._known = max(self._known, len(tokens))


class _Foretold:
    """What was foretold, and how far the answer has come in it: of places alike the next one is meant."""

    def __init__(self, tokens: Sequence[int], begin: int) -> None:
        self._tokens = [*tokens]
        self._begin = begin
        self._reached = 0
        self._after: dict[tuple[int, ...], list[int]] = {}
        for end in range(_GRAM, len(self._tokens)):
            self._after.setdefault(tuple(self._tokens[end - _GRAM : end]), []).append(end)

    def after(self, tokens: Sequence[int]) -> list[int]:
        """What follows the text in it; nothing where the text parted from it."""
        if not self._tokens:
            return []
        said = tokens[self._begin :]
        if len(said) < _GRAM and said == self._tokens[: len(said)]:
            self._reached = len(said)
        elif ends := self._after.get(tuple(tokens[-_GRAM:])):
            self._reached = next((end for end in ends if end >= self._reached), ends[0])
        else:
            return []
        return self._tokens[self._reached : self._reached + _MOST]
