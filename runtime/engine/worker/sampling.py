"""How the next token is drawn: llama.cpp's samplers, in llama.cpp's order, with randomness we can repeat.

What happens at token `index` of an answer depends on nothing but the seed, the index and the logits: the sampler that
draws is made anew for every token from (seed, index). So an answer can be taken up anywhere, by another worker too,
and no random state needs to be kept.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

from runtime.engine.core import SamplingParams
from runtime.engine.worker.context import Context
from runtime.engine.worker.model import Model
from runtime.errors import EngineError

PENALTY_WINDOW = 64
"""How many of the last tokens, prompt included, the penalties look at; llama.cpp's default."""

_MASK = (1 << 64) - 1


class GrammarError(EngineError):
    """The grammar is no grammar, or leaves no way to go on."""


def step_seed(seed: int, index: int) -> int:
    """32 bits for token `index` of an answer with this seed; the mixing is splitmix64's."""
    mixed = (seed * 0x9E3779B97F4A7C15 + (index + 1) * 0xD1B54A32D192ED03) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
    return (mixed ^ (mixed >> 31)) & 0x7FFFFFFF  # never 0xFFFFFFFF, which llama.cpp takes for "any seed"


class Sampler:
    """One answer's chain: end tokens forbidden, grammar, penalties, top-k, top-p, min-p, temperature, the draw."""

    def __init__(
        self, model: Model, params: SamplingParams, seed: int, prompt: Sequence[int], *, forbidden: Sequence[int] = ()
    ) -> None:
        """`forbidden`: ids never drawn. Raises `GrammarError` where `params.grammar` is not valid GBNF."""
        self._model = model
        self._raw = raw = model.llama.raw
        self._seed = seed
        self._greedy = params.temperature <= 0
        self._grammar = _Grammar(model, params.grammar) if params.grammar is not None else None
        self._chain = _made(raw.llama_sampler_chain_init(raw.llama_sampler_chain_default_params()))
        if forbidden:
            biases = (raw.llama_logit_bias * len(forbidden))(*((token, float("-inf")) for token in forbidden))
            self._add(raw.llama_sampler_init_logit_bias(model.vocabulary_size, len(forbidden), biases))
        if self._grammar:
            self._add(self._grammar.filter())
        if (params.repeat_penalty, params.frequency_penalty, params.presence_penalty) != (1.0, 0.0, 0.0):
            self._add_penalties(params, prompt)
        if not self._greedy:
            self._add(raw.llama_sampler_init_top_k(params.top_k))
            self._add(raw.llama_sampler_init_top_p(params.top_p, 1))
            self._add(raw.llama_sampler_init_min_p(params.min_p, 1))
            self._add(raw.llama_sampler_init_temp(params.temperature))
        self._filters: int = raw.llama_sampler_chain_n(self._chain)

    def sample(self, context: Context, output: int, index: int) -> int:
        """Draw token `index` of the answer from the logits of batch entry `output`. Raises `GrammarError`."""
        raw = self._raw
        draw = (
            raw.llama_sampler_init_greedy()
            if self._greedy
            else raw.llama_sampler_init_dist(step_seed(self._seed, index))
        )
        self._add(draw)
        token = int(raw.llama_sampler_sample(self._chain, context.handle, output))
        raw.llama_sampler_free(raw.llama_sampler_chain_remove(self._chain, self._filters))
        if self._grammar:
            self._grammar.accept(token)
        return token

    def close(self) -> None:
        """Free it."""
        self._raw.llama_sampler_free(self._chain)
        if self._grammar:
            self._grammar.close()

    def _add(self, sampler: Any) -> None:
        self._raw.llama_sampler_chain_add(self._chain, _made(sampler))

    def _add_penalties(self, params: SamplingParams, prompt: Sequence[int]) -> None:
        penalties = _made(
            self._raw.llama_sampler_init_penalties(
                *(self._model.vocabulary_size, PENALTY_WINDOW),
                *(params.repeat_penalty, params.frequency_penalty, params.presence_penalty),
            )
        )
        for token in prompt[-PENALTY_WINDOW:]:
            self._raw.llama_sampler_accept(penalties, token)
        self._add(penalties)


class _Grammar:
    """A grammar whose state moves only by tokens it allows.

    llama.cpp aborts the process when a grammar is told a token it forbids, and a chain tells its members whatever was
    drawn, also where nothing was allowed at all. So the chain gets only a filter that shares the grammar's state and
    cannot be told anything, and `accept` asks before it tells.
    """

    def __init__(self, model: Model, text: str) -> None:
        self._raw = raw = model.llama.raw
        self._sampler = raw.llama_sampler_init_grammar(model.vocabulary, text.encode("utf-8", "replace"), b"root")
        if not self._sampler:
            raise GrammarError("The grammar is not valid GBNF, or has no rule called root.")
        self._filter_calls = raw.llama_sampler_i.from_buffer_copy(self._sampler.contents.iface.contents)
        for forgotten in ("accept", "reset", "clone", "free"):
            setattr(self._filter_calls, forgotten, type(getattr(self._filter_calls, forgotten))())

    def filter(self) -> Any:
        """A sampler that removes what the grammar forbids, for a chain to own; valid as long as the grammar."""
        return _made(self._raw.llama_sampler_init(ctypes.byref(self._filter_calls), self._sampler.contents.ctx))

    def accept(self, token: int) -> None:
        """Move on by `token`. Raises `GrammarError` where the grammar has no way to go on and forbids even this."""
        raw = self._raw
        entry = raw.llama_token_data(token, 1.0, 0.0)
        candidates = raw.llama_token_data_array(ctypes.pointer(entry), 1, -1, False)
        raw.llama_sampler_apply(self._sampler, ctypes.byref(candidates))
        if entry.logit == float("-inf"):
            raise GrammarError("The grammar leaves no token with which the answer could go on.")
        raw.llama_sampler_accept(self._sampler, token)

    def close(self) -> None:
        """Free it; after the chain with the filter."""
        self._raw.llama_sampler_free(self._sampler)


def _made(sampler: Any) -> Any:
    if not sampler:
        raise EngineError("llama.cpp could not make a sampler.")
    return sampler
