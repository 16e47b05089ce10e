"""How the next token is drawn: llama.cpp's samplers, in llama.cpp's order, with randomness we can repeat.

What happens at token `index` of an answer depends on nothing but the seed, the index and the logits: the sampler that
draws is made anew for every token from (seed, index). So an answer can be taken up anywhere, by another worker too,
and no random state needs to be kept.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from runtime.engine.core import SamplingParams, TokenChances
from runtime.engine.worker.budget import Budget
from runtime.engine.worker.chances import Chances
from runtime.engine.worker.grammar import Grammar, LazyGrammar
from runtime.engine.worker.model import Model
from runtime.engine.worker.samplers import Easel, made, without

_MIROSTAT_TOKENS = 100
"""How many of the likeliest tokens mirostat 1 looks at; llama.cpp's choice."""

_MASK = (1 << 64) - 1


def step_seed(seed: int, index: int) -> int:
    """32 bits for token `index` of an answer with this seed; the mixing is splitmix64's."""
    mixed = (seed * 0x9E3779B97F4A7C15 + (index + 1) * 0xD1B54A32D192ED03) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
    return (mixed ^ (mixed >> 31)) & 0x7FFFFFFF  # never 0xFFFFFFFF, which llama.cpp takes for "any seed"


class Sampler:
    """One answer's chain: biases, grammar, and then the samplers that were asked for, in the order asked for.

    With mirostat: biases, grammar, temperature, mirostat. Mirostat is the one sampler that remembers: an answer that is
    taken up by another worker begins to learn its measure anew.
    """

    def __init__(
        self,
        model: Model,
        params: SamplingParams,
        seed: int,
        prompt: Sequence[int],
        *,
        forbidden: Sequence[int] = (),
        context_size: int = 0,
        budget: Budget | None = None,
    ) -> None:
        """`forbidden`: ids never drawn. budget: of the reasoning.

        Raises `GrammarError` where `params.grammar` is not valid GBNF.
        """
        self._model = model
        self._raw = raw = model.llama.raw
        self._params = params
        self._seed = seed
        self._budget = budget
        self._forbidden = len(forbidden)
        self._grammar = _grammar(model, params)
        self._is_greedy = params.temperature <= 0 and (bool(params.mirostat) or "temperature" in params.samplers)
        self._among = 0  # of how many of the likeliest the chain selects one for sure; 0: it may be any
        self._behind: list[Any] = []  # from XTC on; it draws, and is made anew for every token: None stands for it
        self._chain = made(raw.llama_sampler_chain_init(raw.llama_sampler_chain_default_params()))
        self._mute, self._mute_calls = without(raw, self._chain, "accept", "reset", "clone", "free")
        self._chances = Chances(model, params.n_probs) if params.n_probs is not None else None
        self._add_biases(forbidden)
        if self._grammar:
            self._add(self._grammar.filter)
        if params.mirostat and not self._is_greedy:
            self._add_mirostat()
        else:
            self._add_filters(prompt, context_size)
        if self._is_greedy:
            self._add(raw.llama_sampler_init_greedy())
        self._steady: int = raw.llama_sampler_chain_n(self._chain)

    def sample(self, easel: Easel, output: int, index: int) -> tuple[int, TokenChances | None]:
        """Draw token `index` of the answer from the logits of batch entry `output`. Raises `GrammarError`.

        A grammar looks at every candidate, which is slow, so it is asked first about the token drawn without it; only
        if it forbids that one, it is drawn again from what it allows, of the likeliest if these are enough.
        """
        if self._budget and self._budget.due:
            token = self._budget.due[0]
            chances = self._chances.of(easel, output, token) if self._chances else None
            self._accept(token)
            return token, chances
        grammar = self._grammar
        token = self._draw(easel, output, index, among=self._among)
        filtering: AbstractContextManager[None] = nullcontext()
        for _ in range(grammar.attempts if grammar else 0):
            if grammar is None or grammar.allows(token):
                break
            sieve = grammar.sieve  # without one, what is forbidden must be sought in its own place, among all
            with grammar.filtering():
                token = self._draw(easel, output, index, among=self._among if sieve else 0, sieve=sieve)
            filtering = grammar.filtering()
        chances = None
        if self._chances and self._params.after_sampling:
            with filtering:
                self._draw(easel, output, index, self._chances.looks())
            chances = self._chances.after_sampling
        elif self._chances:
            chances = self._chances.of(easel, output, token)
        self._accept(token)
        return token, chances

    def replay(self, tokens: Iterable[int]) -> None:
        """Go on after tokens that were drawn before, by another worker. Raises `GrammarError`."""
        for token in tokens:
            self._accept(token)

    def close(self) -> None:
        """Free it."""
        self._raw.llama_sampler_free(self._mute)
        self._raw.llama_sampler_free(self._chain)
        for sampler in filter(None, self._behind):
            self._raw.llama_sampler_free(sampler)
        if self._grammar:
            self._grammar.close()
        if self._chances:
            self._chances.close()

    def _draw(
        self,
        easel: Easel,
        output: int,
        index: int,
        looks: Sequence[Any] = (),
        *,
        among: int = 0,
        sieve: Any = None,
    ) -> int:
        """Draw without telling the chain: a grammar may still object. What draws by chance is made anew each time.

        looks: samplers to see behind it what it drew from. among, sieve: see `Easel.draw`.
        """
        raw, seed = self._raw, step_seed(self._seed, index)
        for sampler in self._behind:
            self._add(sampler or self._xtc(seed))
        if self._is_greedy:
            if looks:  # all but the likeliest are out, and it is certain
                self._add(raw.llama_sampler_init_temp(0.0))
                self._add(raw.llama_sampler_init_dist(seed))
        elif not self._params.mirostat:
            self._add(raw.llama_sampler_init_dist(seed))
        for look in looks:
            self._add(look)
        token = easel.draw(self._mute, output, among, sieve)
        for sampler in self._behind:
            taken = raw.llama_sampler_chain_remove(self._chain, self._steady)
            if sampler is None:
                raw.llama_sampler_free(taken)
        while raw.llama_sampler_chain_n(self._chain) > self._steady:
            raw.llama_sampler_free(raw.llama_sampler_chain_remove(self._chain, self._steady))
        return token

    def _accept(self, token: int) -> None:
        if self._grammar:
            self._grammar.accept(token)
        if self._budget:
            self._budget.accept(token)
        self._hear(token)

    def _hear(self, token: int) -> None:
        for sampler in (self._chain, *filter(None, self._behind)):
            self._raw.llama_sampler_accept(sampler, token)

    def _add(self, sampler: Any) -> None:
        self._raw.llama_sampler_chain_add(self._chain, made(sampler))

    def _add_biases(self, forbidden: Sequence[int]) -> None:
        given = {bias.token: bias.bias for bias in self._params.logit_bias}
        biases = [*(given | dict.fromkeys(forbidden, float("-inf"))).items()]
        if biases:
            raw = self._raw
            array = (raw.llama_logit_bias * len(biases))(*biases)
            self._add(raw.llama_sampler_init_logit_bias(self._model.vocabulary_size, len(biases), array))

    def _add_filters(self, prompt: Sequence[int], context_size: int) -> None:
        """What has no effect is left out; of what only sorts out tokens, the likeliest needs none."""
        params = self._params
        penalty_last = context_size if params.penalty_last_n < 0 else params.penalty_last_n
        dry_last = context_size if params.dry_penalty_last_n < 0 else params.dry_penalty_last_n
        makers: dict[str, Callable[[], Any]] = {}
        if (params.repeat_penalty, params.frequency_penalty, params.presence_penalty) != (1.0, 0.0, 0.0):
            makers["penalties"] = lambda: self._penalties(penalty_last)
        if params.dry_multiplier != 0:
            makers["dry"] = lambda: self._dry(dry_last)
        remembering = makers.keys() & {*params.samplers}
        if not self._is_greedy:
            makers |= self._sorting()
        has_xtc = params.xtc_probability > 0 and not self._is_greedy
        active = [name for name in params.samplers if name in makers or (name == "xtc" and has_xtc)]
        self._among = self._selects_among(active)
        for name in active:
            if name == "xtc":
                self._behind.append(None)
            elif self._behind:
                self._behind.append(made(makers[name]()))
            else:
                self._add(makers[name]())
        last = max(penalty_last, dry_last)
        for token in prompt[-last:] if last and remembering else ():
            self._hear(token)

    def _selects_among(self, active: Sequence[str]) -> int:
        """How many of the likeliest logits decide, with these samplers in effect, whatever the others are."""
        given = [bias.bias for bias in self._params.logit_bias]
        if any(not bias < 0 for bias in given):
            return 0
        lowered = len(given) + self._forbidden  # others may come before these
        if self._is_greedy:
            return 0 if active else 1 + lowered
        return self._params.top_k + lowered if active[:1] == ["top_k"] and self._params.top_k > 0 else 0

    def _sorting(self) -> dict[str, Callable[[], Any]]:
        """Makers of the samplers that remember nothing, by their names."""
        raw, params = self._raw, self._params
        makers: dict[str, Callable[[], Any]] = {
            "top_k": lambda: raw.llama_sampler_init_top_k(params.top_k),
            "typ_p": lambda: raw.llama_sampler_init_typical(params.typical_p, params.min_keep),
            "top_p": lambda: raw.llama_sampler_init_top_p(params.top_p, params.min_keep),
            "min_p": lambda: raw.llama_sampler_init_min_p(params.min_p, params.min_keep),
            "infill": lambda: raw.llama_sampler_init_infill(self._model.vocabulary),
            "temperature": lambda: raw.llama_sampler_init_temp_ext(
                params.temperature, params.dynatemp_range, params.dynatemp_exponent
            ),
        }
        if params.top_n_sigma >= 0:
            makers["top_n_sigma"] = lambda: raw.llama_sampler_init_top_n_sigma(params.top_n_sigma)
        return makers

    def _penalties(self, last: int) -> Any:
        params = self._params
        penalties = (params.repeat_penalty, params.frequency_penalty, params.presence_penalty)
        return self._raw.llama_sampler_init_penalties(self._model.vocabulary_size, last, *penalties)

    def _dry(self, last: int) -> Any:
        params = self._params
        breakers = [breaker.encode("utf-8", "replace") for breaker in params.dry_sequence_breakers]
        array = (ctypes.c_char_p * len(breakers))(*breakers)
        numbers = (params.dry_multiplier, params.dry_base, params.dry_allowed_length, last)
        return self._raw.llama_sampler_init_dry(self._model.vocabulary, *numbers, array, len(breakers))

    def _xtc(self, seed: int) -> Any:
        params = self._params
        return self._raw.llama_sampler_init_xtc(params.xtc_probability, params.xtc_threshold, params.min_keep, seed)

    def _add_mirostat(self) -> None:
        raw, params = self._raw, self._params
        learning = (step_seed(self._seed, 0), params.mirostat_tau, params.mirostat_eta)
        self._add(raw.llama_sampler_init_temp(params.temperature))
        if params.mirostat == 1:
            self._add(raw.llama_sampler_init_mirostat(self._model.vocabulary_size, *learning, _MIROSTAT_TOKENS))
        else:
            self._add(raw.llama_sampler_init_mirostat_v2(*learning))


def _grammar(model: Model, params: SamplingParams) -> Grammar | LazyGrammar | None:
    if params.grammar is None:
        return None
    grammar = Grammar(model, params.grammar)
    return LazyGrammar(model, grammar, params.grammar_triggers) if params.grammar_triggers else grammar
