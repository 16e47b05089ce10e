"""Answers of a given shape: a grammar from the first token on, or from the moment a trigger is said.

llama.cpp aborts the process when a grammar is told a token it forbids, and throws through the C API where a trigger's
own text does not fit. So nothing is ever told that was not asked about before, and waiting for a trigger is done here.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from runtime.engine.core import GrammarTrigger
from runtime.engine.worker.model import Model
from runtime.engine.worker.samplers import without
from runtime.errors import EngineError


class GrammarError(EngineError):
    """The grammar is no grammar, or leaves no way to go on."""


class Grammar:
    """A grammar whose state moves only by tokens it allows.

    A chain tells its members whatever was drawn, also where nothing was allowed at all. So the chain gets only a filter
    that shares the grammar's state and cannot be told anything, and `accept` asks before it tells.
    """

    attempts = 1
    """How often to draw again: the filter leaves nothing forbidden."""

    def __init__(self, model: Model, text: str) -> None:
        """Raises `GrammarError` where the text is not valid GBNF."""
        self._raw = raw = model.llama.raw
        self._sampler = raw.llama_sampler_init_grammar(model.vocabulary, text.encode("utf-8", "replace"), b"root")
        if not self._sampler:
            raise GrammarError("The grammar is not valid GBNF, or has no rule called root.")
        self.filter, self._filter_calls = without(raw, self._sampler, "accept", "reset", "clone", "free")
        """Removes what is forbidden, while `filtering`; for a chain to own, valid as long as the grammar."""
        call = type(self._filter_calls.apply)
        self._nothing = call()
        self._apply = call(ctypes.cast(self._filter_calls.apply, ctypes.c_void_p).value or 0)  # a copy, no view
        self._filter_calls.apply = self._nothing

    @contextmanager
    def filtering(self, forbidden: Sequence[int] = ()) -> Iterator[None]:
        """The filter works; else it lets everything pass. forbidden: only these tokens, whatever the grammar says."""

        def forbid(_: Any, candidates: Any) -> None:
            for token in forbidden:
                candidates.contents.data[token].logit = float("-inf")  # not sorted yet: each in its own place

        self._filter_calls.apply = type(self._apply)(forbid) if forbidden else self._apply
        try:
            yield
        finally:
            self._filter_calls.apply = self._nothing

    @property
    def sieve(self) -> Any:
        """Removes what is forbidden from any candidates."""
        return self._sampler

    def allows(self, token: int) -> bool:
        """Whether the answer may go on with this token."""
        return _allows(self._raw, self._sampler, token)

    def allows_all(self, tokens: Sequence[int]) -> bool:
        """Whether the answer may go on with all of these, one after the other."""
        trial = self._raw.llama_sampler_clone(self._sampler)
        try:
            for token in tokens:
                if not _allows(self._raw, trial, token):
                    return False
                self._raw.llama_sampler_accept(trial, token)
            return True
        finally:
            self._raw.llama_sampler_free(trial)

    def accept(self, token: int) -> None:
        """Move on by `token`. Raises `GrammarError` where the grammar has no way to go on and forbids even this."""
        if not self.allows(token):
            raise GrammarError("The grammar leaves no token with which the answer could go on.")
        self._raw.llama_sampler_accept(self._sampler, token)

    def close(self) -> None:
        """Free it; after the chain with the filter."""
        self._raw.llama_sampler_free(self._sampler)


class LazyGrammar:
    """A grammar that sleeps until the answer says one of the triggers, and then holds from where that one begins.

    Where a token would say a trigger and, in the same breath, something the grammar forbids, another is drawn.
    """

    def __init__(self, model: Model, grammar: Grammar, triggers: Sequence[GrammarTrigger]) -> None:
        self._model = model
        self._grammar = grammar
        self._triggers = [(one.text.encode(), one.at_start, one.after.encode()) for one in triggers if one.text]
        self._said = b""
        self._tokens: list[int] = []
        self._forbidden: list[int] = []
        self._awake = False

    @property
    def filter(self) -> Any:
        """For a chain to own."""
        return self._grammar.filter

    @property
    def attempts(self) -> int:
        """How often to draw again: asleep, each attempt forbids one token more."""
        return self._grammar.attempts if self._awake else 32

    @property
    def sieve(self) -> Any:
        """As the grammar's; None while it sleeps."""
        return self._grammar.sieve if self._awake else None

    @contextmanager
    def filtering(self) -> Iterator[None]:
        """The filter works: as the grammar's, or against what was found forbidden while it sleeps."""
        with self._grammar.filtering(() if self._awake else self._forbidden):
            yield

    def allows(self, token: int) -> bool:
        """Whether the answer may go on with this token."""
        if self._awake:
            return self._grammar.allows(token)
        begin = self._trigger(token)
        if begin is None:
            return True
        tokens = self._from(begin, token)
        if tokens is not None and self._grammar.allows_all(tokens):
            return True
        self._forbidden.append(token)
        return False

    def accept(self, token: int) -> None:
        """Move on by `token`. Raises `GrammarError` as the grammar does."""
        self._forbidden.clear()
        if self._awake:
            self._grammar.accept(token)
            return
        begin = self._trigger(token)
        if begin is not None:
            for one in self._from(begin, token) or (token,):
                self._grammar.accept(one)
            self._awake = True
        self._said += self._piece(token)
        self._tokens.append(token)

    def close(self) -> None:
        """Free it; after the chain with the filter."""
        self._grammar.close()

    def _trigger(self, token: int) -> int | None:
        """Where in the answer the first trigger begins that is complete with this token."""
        said = self._said + self._piece(token)
        found = [at for trigger in self._triggers if (at := self._begin(said, *trigger)) is not None]
        return min(found, default=None)

    def _begin(self, said: bytes, text: bytes, at_start: bool, after: bytes) -> int | None:
        begin = said.find(after) + len(after)
        if after and after not in said:
            return None
        if at_start:
            begin += len(said[begin:]) - len(said[begin:].lstrip())
            return begin if said.startswith(text, begin) else None
        at = said.find(text, max(begin, len(self._said) - len(text) + 1))  # it was not complete before
        return at if at >= 0 else None

    def _from(self, begin: int, token: int) -> list[int] | None:
        """Tokens of what has been said from `begin` on: the drawn ones, and single bytes where one is cut.

        None where the vocabulary has no such bytes.
        """
        tokens, end = [*self._tokens, token], len(self._said) + len(self._piece(token))
        kept: list[int] = []
        while tokens and end > begin:
            one = tokens.pop()
            piece = self._piece(one)
            end -= len(piece)
            if end >= begin:
                kept.insert(0, one)
            elif (cut := self._model.bytewise(piece[begin - end :])) is not None:
                kept[:0] = cut
            else:
                return None
        return kept

    def _piece(self, token: int) -> bytes:
        return self._model.piece(token, special=True)


def _allows(raw: Any, sampler: Any, token: int) -> bool:
    entry = raw.llama_token_data(token, 1.0, 0.0)
    candidates = raw.llama_token_data_array(ctypes.pointer(entry), 1, -1, False)
    raw.llama_sampler_apply(sampler, ctypes.byref(candidates))
    return bool(entry.logit != float("-inf"))
