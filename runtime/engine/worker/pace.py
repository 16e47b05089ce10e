"""How long steps take, learned while they are taken.

Two things follow from it: how many tokens of prompts a step may carry without those who are reading along noticing, and
when a step takes so long that something must be wrong.

What a step costs without prompts depends on how many decode in it, and only such steps tell. It is not guessed from
steps with prompts: whatever is blamed on prompts by mistake makes them smaller, and small ones tell nothing better.
"""

from __future__ import annotations

import statistics
from collections import deque

from runtime.engine.worker.token_cost import TokenCost

_STRETCH = 3.7
"""A step with prompts may take so many times as long as one without. Prompts then get 2.7 of 3.7 parts of the time."""

_PAUSE = 0.7
"""Seconds that prompts may take at a time, however many times as long that is, where several wait for their first word:
each of them may stretch the step as one alone might. Who reads is behind anyway, and the sooner all decode together,
the better for everybody: a step costs about as much for one as for many.
"""

_LEAST = 16
"""Tokens of prompts a step always may carry, so that they get on whatever was measured."""

_REMEMBERED = 7
"""Steps without prompts whose median counts: being busy elsewhere now and then must make them no longer."""

_FRESH = 32
"""Steps with prompts after which one without is due, to see what those cost now: texts have grown since."""

_UNSEEN = 0.7
"""So much of what they may take prompts get at first, while they were only seen without anybody who decodes: beside
others they are dearer, for one, where attention looks at what all have read.
"""

UNKNOWN_SECONDS = 30.0
"""Expected of a step while nothing is known: the model may still lie on a slow disk."""


class Pace:
    """limit: tokens a step can carry at most."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._alone: dict[int, deque[float]] = {}  # seconds of steps without prompts, by how many decode (see `_kind`)
        self._cost = TokenCost()  # of prompts
        self._seen_beside = False  # that was last seen where somebody decoded
        self._with_prompts = 0  # steps with prompts and decodes since the last one without prompts

    def prompt_tokens(self, decoding: int, prompts: int, depth: int = 0) -> int:
        """How many tokens of prompts may be computed until so many sequences decode again, if so many prompts wait.

        depth: tokens that the prompt which is next has computed.
        0 where it must be seen first what a step without them costs. More than a step can carry where that takes no
        longer than they may wait.
        """
        if decoding == 0:
            return self._limit
        if not self._cost.is_known:
            return max(_LEAST, self._limit // 8)
        alone = self._usual(_kind(decoding))
        if alone is None or self._with_prompts >= _FRESH:
            return 0
        one, all_of_them = (_STRETCH - 1) * alone, (_STRETCH - 1) * alone * prompts
        seconds = max(one, min(all_of_them, _PAUSE)) * (1.0 if self._seen_beside else _UNSEEN)
        return max(_LEAST, self._cost.tokens(seconds, depth))

    def expected(self, decoding: int, prompt_tokens: int, depth: float = 0) -> float:
        """Seconds a step should take. depth: of its prompts' tokens in their texts, on average."""
        alone = self._about(decoding) if decoding else 0.0
        if alone is None or (prompt_tokens and not self._cost.is_known):
            return UNKNOWN_SECONDS
        return alone + self._cost.of(prompt_tokens, depth)

    def learn(
        self, decoding: int, prompt_tokens: int, seconds: float, *, depth: float = 0, rested: bool = False
    ) -> None:
        """A step took so long. depth: of its prompts' tokens in their texts, on average. rested: nobody decoded in it
        only because prompts went first.
        """
        if prompt_tokens == 0:
            self._alone.setdefault(_kind(decoding), deque(maxlen=_REMEMBERED)).append(seconds)
            self._with_prompts = 0
            return
        self._with_prompts += decoding > 0
        alone = self._usual(_kind(decoding)) if decoding else 0.0
        if alone is not None:
            self._cost.learn(prompt_tokens, depth, max(seconds - alone, seconds / 10))
            self._seen_beside = decoding > 0 or (rested and self._seen_beside)

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
