"""Samplers of llama.cpp, as ctypes sees them: made or refused, taken apart, and put to work."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

from runtime.engine.bindings import Llama
from runtime.engine.worker.likeliest import Likeliest
from runtime.errors import EngineError


def made(sampler: Any) -> Any:
    """The sampler. Raises `EngineError` where there is none."""
    if not sampler:
        raise EngineError("llama.cpp could not make a sampler.")
    return sampler


def without(raw: Any, sampler: Any, *calls: str) -> tuple[Any, Any]:
    """A second sampler with the same state that lacks some calls, and its table of calls, which must outlive it."""
    table = raw.llama_sampler_i.from_buffer_copy(sampler.contents.iface.contents)
    for call in calls:
        setattr(table, call, type(getattr(table, call))())
    return made(raw.llama_sampler_init(ctypes.byref(table), sampler.contents.ctx)), table


def look(raw: Any, see: Callable[[Any], None]) -> Any:
    """The table of calls of a sampler that changes nothing and shows the candidates; it must outlive the sampler."""
    table = raw.llama_sampler_i()
    table.apply = type(table.apply)(lambda _, candidates: see(candidates.contents))
    return table


class Easel:
    """Where one thread draws: a chain, for only a chain keeps room for the whole vocabulary from one token to the next.

    Every answer's own chain would keep as much again. handle: of the context with the logits.
    """

    def __init__(self, llama: Llama, handle: Any, vocabulary_size: int) -> None:
        self._raw = raw = llama.raw
        self.handle = handle
        self._chain = made(raw.llama_sampler_chain_init(raw.llama_sampler_chain_default_params()))
        self._likeliest = Likeliest(raw, handle, vocabulary_size)

    def draw(self, sampler: Any, output: int, among: int = 0, sieve: Any = None) -> int:
        """The token that a sampler selects from the logits of batch entry `output`. It is told so, if it listens.

        among: it never selects but from so many of the likeliest, and does not listen; 0 where that is not known.
        sieve: of those that this sampler lets through, as the other does first, if it is shown all.
        """
        if among and (token := self._likeliest.draw(sampler, output, among, sieve)) is not None:
            return token
        raw = self._raw
        raw.llama_sampler_chain_add(self._chain, sampler)
        try:
            return int(raw.llama_sampler_sample(self._chain, self.handle, output))
        finally:
            raw.llama_sampler_chain_remove(self._chain, 0)
