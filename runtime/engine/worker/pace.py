"""How long steps take, learned while they are taken.

Two things follow from it: how many tokens of prompts a step may carry without those who are reading along noticing, and
when a step takes so long that something must be wrong.

What a step costs without prompts depends on how many decode in it, and only such steps tell. It is not guessed from
steps with prompts: whatever is blamed on prompts by mistake makes them smaller, and small ones tell nothing better.
"""

from __future__ import annotations

import statistics
from collections import deque

from runtime.engine.worker.large_steps import LargeSteps
from runtime.engine.worker.rhythm import HELD
from runtime.engine.worker.token_cost import TokenCost

_STRETCH = 3.6
"""Who reads may wait so many times as long for a token as without prompts; those get 2.6 of 3.6 parts of the time."""

_CARE = 2.0
"""Tokens are in reserve for steps that take so many times as long as they should: the machine may have been busy."""

_CARE_AT_THE_END = 1.25
"""The same for a prompt's last step, which may also be its first: no other comes that might be late as well."""

_SAVING = 8
"""Steps in a row at most without the prompt, for tokens to put in reserve; then it gets on, whatever the reserve."""

_PAUSE = 0.7
"""Seconds that prompts may take at a time, however many times as long that is, where several wait for their first
token: two of them may stretch the step as each alone might, and every further one twice as much, for others wait for
it, too. Who reads is behind anyway, and the sooner all decode together, the better for everybody: a step costs about as
much for one as for many.
"""

_LEAST = 16
"""Tokens of prompts a step always may carry, so that they get on whatever was measured."""

_REMEMBERED = 31
"""Steps without prompts whose median counts: being busy elsewhere now and then must make them no longer."""

_FRESH = 16
"""Steps with prompts after which one without is due, to see what those cost now: texts have grown since."""

UNKNOWN_SECONDS = 30.0
"""Expected of a step while nothing is known: the model may still lie on a slow disk."""


class Pace:
    """limit: tokens a step can carry at most. begins_dear: with prompts it takes long, however few their tokens are."""

    def __init__(self, limit: int, *, begins_dear: bool = False) -> None:
        self._limit = limit
        self._alone: dict[int, deque[float]] = {}  # seconds of steps without prompts, by how many decode (see `_kind`)
        self._cost = TokenCost()  # of prompts
        self._large = LargeSteps(limit, _SAVING) if begins_dear else None
        self._with_prompts = 0  # steps with prompts and decodes since the last one without prompts
        self._saved = 0  # steps in a row whose tokens were put in reserve
        self._begun = 0, 0.0, 0.0  # tokens of prompts, their depths' sum, seconds: of steps that may not be done

    def apart(self, decoding: int, prompts: int) -> float:
        """How far apart tokens are told, in seconds, while so many prompts wait; 0 where they are told as they come.

        0, too, where several wait: what they may take depends on how many they are, not on what was told.
        """
        return _STRETCH * (self._usual(_kind(decoding)) or 0.0) if decoding and prompts == 1 else 0.0

    def prompt_tokens(self, decoding: int, prompts: int, *, depth: int = 0, left: int = 0, spare: float = 0.0) -> int:
        """How many tokens of prompts may be computed until so many sequences decode again, if so many prompts wait.

        depth, left: tokens of the prompt which is next that are computed, and that are not. spare: seconds that a step
        may take before somebody who reads has to wait.
        0 where who decodes goes first: it must be seen what a step without prompts costs, or tokens are to be put in
        reserve. More than a step can carry where that takes no longer than several prompts may have.
        """
        if decoding == 0:
            return self._limit
        if not self._cost.is_known:
            return max(_LEAST, self._limit // 8)
        alone = self._usual(_kind(decoding))
        if alone is None or self._with_prompts >= _FRESH:
            return 0
        if self._large:
            part = (_STRETCH - 1) * alone * max(1, prompts)  # without prompts, what they took before is made up for
            return self._large.tokens(part, min(part, _PAUSE))
        if prompts == 1:
            return self._of_one(left, self._limit - decoding, depth, alone, spare)
        one = (_STRETCH - 1) * alone
        return max(_LEAST, self._cost.tokens(max(one, min(2 * (prompts - 1) * one, _PAUSE)), depth))

    def _of_one(self, left: int, room: int, depth: int, alone: float, spare: float) -> int:
        """The same for a prompt that waits alone. room: for its tokens in the step; the more, the cheaper."""
        most, care = (left, _CARE_AT_THE_END) if left <= room else (room, _CARE)
        if alone + self._cost.of(most, depth + most / 2) * care < spare:
            self._saved = 0
            return most
        if alone < spare < _STRETCH * alone + HELD and self._saved < _SAVING:
            self._saved += 1
            return 0
        self._saved = 0
        seconds = spare / _CARE if spare > alone else _STRETCH * alone  # who has to wait anyway waits as for any step
        return min(most, max(_LEAST, self._cost.tokens(max(0.0, seconds - alone), depth)))

    def expected(self, decoding: int, prompt_tokens: int, depth: float = 0) -> float:
        """Seconds a step should take. depth: of its prompts' tokens in their texts, on average."""
        alone = self._about(decoding) if decoding else 0.0
        if alone is None or (prompt_tokens and not self._cost.is_known):
            return UNKNOWN_SECONDS
        return alone + self._cost.of(prompt_tokens, depth)

    def learn(self, decoding: int, prompt_tokens: int, seconds: float, *, depth: float = 0, done: bool = True) -> None:
        """A step took so long.

        depth: of its prompts' tokens in their texts, on average. done: it is computed; otherwise a device may still be
        at it, and only the next step that is done tells how long both took.
        """
        tokens, depths, before = self._begun
        tokens, depths, seconds = tokens + prompt_tokens, depths + prompt_tokens * depth, before + seconds
        if not done:
            self._begun = tokens, depths, seconds
            return
        self._begun = 0, 0.0, 0.0
        if tokens == 0:
            self._alone.setdefault(_kind(decoding), deque(maxlen=_REMEMBERED)).append(seconds)
            self._with_prompts = 0
            if self._large:
                self._large.passed()
            return
        self._with_prompts += decoding > 0
        alone = self._usual(_kind(decoding)) if decoding else 0.0
        if alone is not None:
            longer = max(seconds - alone, seconds / 10)
            self._cost.learn(tokens, depths / tokens, longer)
            if self._large and tokens == prompt_tokens:  # one step alone: of several together none tells what it took
                self._large.took(tokens, longer, disturbed=decoding > 0)

    def interrupted(self) -> None:
        """Something else was done since the last step: one that was not done then tells nothing any more."""
        self._begun = 0, 0.0, 0.0

    def _usual(self, kind: int) -> float | None:
        """What such a step takes."""
        seen = self._alone.get(kind)
        return statistics.median(seen) if seen else None

    def _about(self, decoding: int) -> float | None:
        """What such a step takes at most, from the most similar one that was seen."""
        if not self._alone:
            return None
        kind = _kind(decoding)
        nearest = min(self._alone, key=lambda seen: abs(seen - kind))
        return statistics.median(self._alone[nearest]) * (1 << max(0, kind - nearest))


def _kind(decoding: int) -> int:
    """Steps in which 1, 2 or 3, 4 to 7, 8 to 15 … decode cost alike."""
    return decoding.bit_length()
