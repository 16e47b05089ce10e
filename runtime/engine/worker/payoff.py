"""Whether guesses of a draft model are worth their time: by what they cost on this machine, and how often they come.

A guess costs a step of the draft and a place in the model's step; one that is right saves a step. What all that takes
is measured, and so is, answer by answer, how sure the draft is of a text and how right it is then. Guesses are made
where more tokens a second are to be expected with them, as far ahead as is best. Where that is nowhere, one answer
tries a few again after a while, ever more rarely, for texts and machines change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from runtime.engine.lines import MOST_GUESSED

LENGTHS = (1, 2, 3, 4, 6, 8, 12, MOST_GUESSED)
"""How far ahead guesses may go."""

_MARGIN = 1.1
"""So many times as many tokens a second must be expected with guesses as without."""

_TRIED = 3
"""How far ahead is guessed to see whether it would be worth it by now."""

_REST, _LONGEST_REST = 16, 256
"""Steps between such trials: at first, and at most. Each time twice as long."""

_FRESH = 32
"""Steps with guesses after which one without is due, to see what those cost now."""

_SEEN, _SEEN_BY_ALL = 1 / 8, 1 / 32
"""How fast what is seen of a guess replaces what was believed of its answer, and of any answer."""

_FORGOTTEN = 1 / 128
"""How fast what was believed of an answer without guesses becomes what is believed of any."""

_WEIGHT = 0.1
"""How fast a time that is measured replaces what was known; the first few all count alike."""

_OUTLIER = 4.0
"""So many times as much as is known a time counts for at most."""


@dataclass(slots=True)
class Hope:
    """What is believed of guesses. sure: how often the draft says one; right: how often one comes, if those before did.

    The first of any answer is hopeful, so that guessing is tried at all.
    """

    sure: float = 0.9
    right: float = 0.8

    @property
    def comes(self) -> float:
        """How often there is one more guess, and a right one."""
        return self.sure * self.right

    def tried(self, length: int) -> float:
        """How many guesses to expect of so many that are asked for."""
        return _sum_of_powers(self.sure, length)

    def won(self, length: int) -> float:
        """How many right ones."""
        return _sum_of_powers(self.comes, length)

    def see(self, asked: int, guessed: int, right: int, weight: float) -> None:
        """Of so many that were asked for so many were guessed, and the first of them were right."""
        self.sure = _seen(self.sure, guessed, guessed < asked, weight)
        self.right = _seen(self.right, right, right < guessed, weight)

    def forget(self, usual: Hope) -> None:
        """Some time passed without guesses."""
        self.sure += _FORGOTTEN * (usual.sure - self.sure)
        self.right += _FORGOTTEN * (usual.right - self.right)


class Payoff:
    """Of all answers together. Times in seconds."""

    def __init__(self) -> None:
        self._plain = _Times()  # a step of so many that decode
        self._place = _Times()  # a guess in a step of so many tokens
        self._draft = _Times()  # a step of the draft for so many
        self._usual = Hope()
        self._is_cold = True
        self._since_plain = 0
        self._trying = False
        self._may_pay = True  # guesses that always come would be worth it
        self._resting, self._rest = 0, _REST

    def hope(self) -> Hope:
        """What to believe of a new answer."""
        return replace(self._usual)

    def lengths(self, hopes: Sequence[Hope], decoding: int) -> list[int]:
        """How many tokens to guess for each of these answers, among so many that are being written."""
        plain = self._plain.of(decoding, exactly=True)
        if not hopes or plain is None or self._since_plain >= _FRESH:
            return [0] * len(hopes)
        order = sorted(range(len(hopes)), key=lambda place: -hopes[place].comes)
        length, count = self._best([hopes[place] for place in order], decoding, plain)
        self._trying = not count and not self._resting
        if self._trying:
            length, count = _TRIED, 1
            self._may_pay = bool(self._best([Hope(1.0, 1.0)], decoding, plain)[1])
        elif not count:
            self._resting -= 1
        chosen = {*order[:count]}
        for place, hope in enumerate(hopes):
            if place not in chosen:
                hope.forget(self._usual)
        return [length if place in chosen else 0 for place in range(len(hopes))]

    def judge(self, hope: Hope, asked: int, guessed: int, right: int) -> None:
        """What became of an answer's guesses."""
        hope.see(asked, guessed, right, _SEEN)
        self._usual.see(asked, guessed, right, _SEEN_BY_ALL)
        if self._trying:
            self._trying = False
            self._resting = self._rest
            self._rest = _REST if right == asked and self._may_pay else min(_LONGEST_REST, 2 * self._rest)

    def stepped(self, decoding: int, guesses: int, seconds: float) -> None:
        """A step of the model without prompts took so long. The first of all does not count: it waits for memory."""
        if self._is_cold:
            self._is_cold = False
            return
        plain = self._plain.of(decoding) or seconds
        if not guesses:
            self._plain.learn(decoding, min(seconds, _OUTLIER * plain))
            self._since_plain = 0
            return
        self._since_plain += 1
        place = self._place.of(decoding + guesses) or 0.0
        seconds = min(seconds, _OUTLIER * (plain + guesses * place))
        self._plain.bound(decoding, seconds)  # without guesses it would not have taken longer
        self._place.learn(decoding + guesses, max(0.0, seconds - plain) / guesses)

    def drafted(self, count: int, seconds: float) -> None:
        """A step of the draft for so many answers took so long."""
        self._draft.learn(count, min(seconds, _OUTLIER * (self._draft.of(count) or seconds)))

    def _best(self, hopes: Sequence[Hope], decoding: int, plain: float) -> tuple[int, int]:
        """How far ahead, and for how many of the answers, the most hopeful first; (0, 0) where it is not worth it."""
        best, chosen = _MARGIN * decoding / plain, (0, 0)
        for length in LENGTHS:
            tokens, guesses, steps = float(decoding), 0.0, 0.0
            for count, hope in enumerate(hopes, start=1):
                tokens += hope.won(length)
                guesses += hope.tried(length)
                steps = max(steps, 1 + hope.tried(length - 1))
                places = guesses * (self._place.of(decoding + round(guesses)) or 0.0)
                speed = tokens / (plain + places + steps * (self._draft.of(count) or 0.0))
                if speed > best:
                    best, chosen = speed, (length, count)
        return chosen


class _Times:
    """What steps of one sort take; those with nearly as many in them cost alike."""

    def __init__(self) -> None:
        self._seconds: dict[int, float] = {}
        self._seen: Counter[int] = Counter()

    def learn(self, count: int, seconds: float) -> None:
        """One of so many took so long."""
        kind = count.bit_length()
        known = self._seconds.setdefault(kind, seconds)
        self._seen[kind] += 1
        self._seconds[kind] = known + max(_WEIGHT, 1 / self._seen[kind]) * (seconds - known)

    def bound(self, count: int, seconds: float) -> None:
        """One of so many takes no longer than that."""
        kind = count.bit_length()
        self._seconds[kind] = min(seconds, self._seconds.get(kind, seconds))

    def of(self, count: int, *, exactly: bool = False) -> float | None:
        """What one takes, or else the most similar one that was seen, unless it must be known exactly."""
        if exactly:
            return self._seconds.get(count.bit_length())
        nearest = min(self._seconds, key=lambda kind: abs(kind - count.bit_length()), default=None)
        return None if nearest is None else self._seconds[nearest]


def _sum_of_powers(chance: float, length: int) -> float:
    """How many of so many come where each has this chance, and none comes after one that did not."""
    return length if chance > 0.999 else chance * (1 - chance**length) / (1 - chance)


def _seen(believed: float, times: int, and_not: bool, weight: float) -> float:
    believed = 1 - (1 - believed) * (1 - weight) ** times
    return believed * (1 - weight) if and_not else believed
