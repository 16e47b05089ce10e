"""Guesses of what comes next: what a model thinks the likeliest, as long as it is sure."""

from __future__ import annotations

import ctypes
import math
from typing import Any

from runtime.engine.worker.model import Model
from runtime.engine.worker.samplers import Easel, look, made

_AMONG = 10
"""Of so many of the likeliest tokens the chances are told, as if there were no others."""


_SURE = 0.4
"""The chance from which on a model is sure of a token."""


class Surest:
    """In one context. handle: the context's. below: tokens from there on are none that anybody asks for."""

    def __init__(self, model: Model, handle: Any, below: int) -> None:
        self._model, self._below = model, below
        raw = model.llama.raw
        self._easel = Easel(model.llama, handle, model.vocabulary_size)
        self._chance = 0.0
        self._table = look(raw, self._see)
        self._chain = made(raw.llama_sampler_chain_init(raw.llama_sampler_chain_default_params()))
        for sampler in (
            raw.llama_sampler_init_top_k(_AMONG),
            raw.llama_sampler_init(ctypes.byref(self._table), None),
            raw.llama_sampler_init_greedy(),
        ):
            raw.llama_sampler_chain_add(self._chain, made(sampler))

    def guess(self, output: int, guesses: list[int], most: int) -> bool:
        """Append what comes at batch entry `output` to the guesses, if the model is sure; whether to go on from it."""
        token = self._easel.draw(self._chain, output, _AMONG)
        if self._chance < _SURE or token >= self._below:
            return False
        guesses.append(token)
        return len(guesses) < most and not self._model.ends_generation(token)

    def _see(self, candidates: Any) -> None:
        """Sorted, the likeliest first."""
        logits = [candidates.data[place].logit for place in range(min(_AMONG, candidates.size))]
        self._chance = 1 / sum(math.exp(logit - logits[0]) for logit in logits)
