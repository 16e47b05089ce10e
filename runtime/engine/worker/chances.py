"""Log-probabilities of tokens, before any sampling or after it. The work over the whole vocabulary is llama.cpp's.

A chain of its own runs over the same logits: `dist` turns logits into probabilities, a look at the drawn token, `top_k`
sorts out the likeliest, a look at those. A look is a sampler of ours that changes nothing and reads a few entries.
After sampling it is the sampler's own chain that runs once more, with the same looks behind what draws.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from typing import Any

from runtime.engine.core import TokenChance, TokenChances
from runtime.engine.worker.model import Model
from runtime.engine.worker.samplers import Easel, look


class Chances:
    """Tells the chances at a place of an answer; `count` of the likeliest tokens besides the drawn one."""

    def __init__(self, model: Model, count: int) -> None:
        self._model = model
        self._raw = raw = model.llama.raw
        self._count = count
        self._token = 0
        self._drawn: tuple[int, float] = (0, 0.0)
        self._top: list[tuple[int, float]] = []
        self._chain = raw.llama_sampler_chain_init(raw.llama_sampler_chain_default_params())
        self._kept: list[Any] = []
        self.after_sampling: TokenChances | None = None
        """What was seen when a chain ran with `looks` last."""
        self._tables = (self._table(self._see_drawn), self._table(self._see_left))
        for sampler in (
            raw.llama_sampler_init_dist(0),
            self._look(self._look_at_drawn),
            raw.llama_sampler_init_top_k(max(1, count)),
            self._look(self._look_at_top),
            raw.llama_sampler_init_greedy(),  # the chain has to end with something that selects
        ):
            raw.llama_sampler_chain_add(self._chain, sampler)

    def of(self, easel: Easel, output: int, token: int) -> TokenChances:
        """The chances at batch entry `output`, where `token` was drawn."""
        self._token = token
        self._raw.llama_sampler_sample(self._chain, easel.handle, output)
        likeliest, probability = self._top_probability
        whole = likeliest - math.log(probability)  # the logarithm of the sum over the vocabulary
        top = tuple(self._chance(one, logit - whole) for one, logit in self._top[: self._count])
        return TokenChances(self._chance(token, self._drawn[1] - whole), top)

    def looks(self) -> list[Any]:
        """Samplers for the end of a chain, behind the one that draws."""
        raw = self._raw
        drawn, left = (raw.llama_sampler_init(ctypes.byref(table), None) for table in self._tables)
        return [drawn, raw.llama_sampler_init_top_k(max(1, self._count)), left, raw.llama_sampler_init_greedy()]

    def close(self) -> None:
        """Free it."""
        self._raw.llama_sampler_free(self._chain)

    def _chance(self, token: int, logprob: float) -> TokenChance:
        return TokenChance(token, tuple(self._model.piece(token, special=True)), logprob)

    def _look_at_drawn(self, candidates: Any) -> None:
        entry = candidates.data[self._token]  # not sorted yet: every token in its own place
        self._drawn = (entry.id, entry.logit)

    def _look_at_top(self, candidates: Any) -> None:
        entries = [candidates.data[index] for index in range(min(max(1, self._count), candidates.size))]
        self._top = [(entry.id, entry.logit) for entry in entries]
        self._top_probability = entries[0].logit, entries[0].p

    def _see_drawn(self, candidates: Any) -> None:
        entry = candidates.data[candidates.selected]
        self._drawn = (entry.id, entry.p)

    def _see_left(self, candidates: Any) -> None:
        entries = [candidates.data[index] for index in range(min(self._count, candidates.size))]
        top = tuple(self._chance(entry.id, math.log(entry.p)) for entry in entries if entry.p > 0)
        token, probability = self._drawn
        self.after_sampling = TokenChances(self._chance(token, math.log(probability or 1e-30)), top)

    def _look(self, see: Callable[[Any], None]) -> Any:
        return self._raw.llama_sampler_init(ctypes.byref(self._table(see)), None)

    def _table(self, see: Callable[[Any], None]) -> Any:
        self._kept.append(look(self._raw, see))
        return self._kept[-1]
