"""The ways to hold an answer to a form that `bench.grammars` compares: llama.cpp's grammars and llguidance's.

Each stands where `runtime.engine.worker.grammar.Grammar` stands, so that the same `Sampler` draws with all of them.
"""

from __future__ import annotations

import ctypes
import json
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from llguidance import LLMatcher, LLTokenizer
from llguidance.gbnf_to_lark import gbnf_to_lark

from bench import models
from bundler import cache, targets
from bundler.console import Console
from bundler.engine.source import RELEASE, source_archive
from bundler.launcher.preload import build_preload
from runtime.engine.bindings import Llama
from runtime.engine.core import SamplingParams
from runtime.engine.messages import Load
from runtime.engine.worker import sampling
from runtime.engine.worker.batch import Batch
from runtime.engine.worker.context import Context
from runtime.engine.worker.grammar import Grammar
from runtime.engine.worker.model import Model
from runtime.engine.worker.samplers import Easel, without
from runtime.grammar.harmless import harmless
from runtime.grammar.rules import ShapeError
from runtime.grammar.schema import grammar_of
from tests.engine.workers import backend

_CONTROL, _USER_DEFINED = 8, 16  # LLAMA_TOKEN_ATTR_…
_ENTRY = np.dtype([("id", "<i4"), ("logit", "<f4"), ("p", "<f4")])  # llama_token_data


class RefusedError(Exception):
    """A schema or grammar is not taken. The message says why."""


def large_model(folder: Path) -> Path:
    """A model with Qwen 2's vocabulary of 151,936 tokens, which llama.cpp's source brings along, and little else."""
    path = folder / "qwen2-vocabulary.gguf"
    if not path.exists():
        vocabulary = folder / "ggml-vocab-qwen2.gguf"
        member = str(RELEASE.tree / "models" / vocabulary.name)
        with tarfile.open(source_archive(cache.root(), Console())) as tar, vocabulary.open("wb") as file:
            packed = tar.extractfile(member)
            if packed is None:
                raise FileNotFoundError(member)
            file.write(packed.read())
        models.write(path, models.TINY, vocabulary)
    return path


class Desk:
    """A model with a step's logits, which can be written over, and everything to draw from them with."""

    def __init__(self, engine_dir: Path, path: Path) -> None:
        if sys.platform.startswith("linux"):  # as in a dist, where it is preloaded (runtime.engine.worker.likeliest)
            ctypes.CDLL(str(build_preload(targets.host(), None, Console())), ctypes.RTLD_GLOBAL)
        backends = (backend(engine_dir),)
        load = Load(str(engine_dir), backends, model_path=str(path), context_size=256, threads=1, batch_tokens=32)
        self._llama = Llama(engine_dir, lambda *_: None)
        self._llama.load_backend(engine_dir / backends[0])
        self.raw = self._llama.raw
        self.model = Model(self._llama, load, None, lambda _: None)
        self.size = self.model.vocabulary_size
        self.end: int = self.raw.llama_vocab_eos(self.model.vocabulary)
        self._context = Context(self.model, load, 1 << 30)
        self.context = self._context.handle
        self._batch = Batch(self.model, 1)
        self.easel = Easel(self._llama, self._context.handle, self.size)
        self.compute(0, 0)
        at = ctypes.cast(self.raw.llama_get_logits_ith(self._context.handle, 0), ctypes.c_void_p).value
        self.logits = np.frombuffer((ctypes.c_float * self.size).from_address(at or 0), dtype=np.float32)

    def compute(self, token: int, position: int) -> None:
        """The model's own logits behind a token; at position 0 a text begins."""
        if position == 0:
            self._context.forget(0)
        self._batch.clear()
        self._batch.add((token,), position, 0, outputs=1)
        self._context.decode(self._batch)

    def tokens(self, document: Any) -> list[int]:
        """A document as a model would write it, without spaces between."""
        text = document if isinstance(document, str) else json.dumps(document, ensure_ascii=False)
        return self.model.tokenize(text, parse_special=False, add_special=False)

    @cached_property
    def pieces(self) -> list[bytes]:
        """All tokens' bytes, as llguidance wants them: control tokens begin with 0xFF."""
        raw, vocabulary = self.raw, self.model.vocabulary
        pieces = []
        for token in range(self.size):
            piece, attributes = self.model._piece(token, special=True), raw.llama_vocab_get_attr(vocabulary, token)
            looks_so = piece.startswith(b"<") and piece.endswith(b">")
            is_control = attributes & _CONTROL or (attributes & _USER_DEFINED and looks_so)
            pieces.append(b"\xff" + piece if is_control else piece)
        return pieces

    @cached_property
    def tokenizer(self) -> LLTokenizer:
        """llguidance's view of the vocabulary."""
        return self.new_tokenizer()

    def new_tokenizer(self) -> LLTokenizer:
        """As llguidance's own module for llama.cpp makes it, which would import another llama.cpp."""
        tokenize = ctypes.cast(self.raw._lib.llama_tokenize, ctypes.c_void_p).value
        return LLTokenizer.from_llamacpp(  # type: ignore[attr-defined]
            tokens=self.pieces,
            vocab_ptr=self.model.vocabulary,
            tokenize_fptr=tokenize,
            eos_token=self.end,
            slices=None,
        )

    def mask(self, constraint: Constraint, entries: np.ndarray) -> np.ndarray:
        """Which of all tokens may come next. entries: room for the whole vocabulary."""
        entries["id"], entries["logit"] = np.arange(self.size), 0
        data = entries.ctypes.data_as(self.raw.llama_token_data_p)
        array = self.raw.llama_token_data_array(data, self.size, -1, False)
        with constraint.filtering():
            self.raw.llama_sampler_apply(constraint.filter, ctypes.byref(array))
        return entries["logit"] == 0

    def room(self) -> np.ndarray:
        """For `mask`."""
        return np.zeros(self.size, dtype=_ENTRY)


class Whole(Grammar):
    """llama.cpp's grammar as a plain mask: every token of the vocabulary is looked at, for every token drawn."""

    def __init__(self, model: Model, text: str) -> None:
        super().__init__(model, text)
        self._filter_calls.apply = self._apply

    def filtering(self, forbidden: object = ()) -> AbstractContextManager[None]:
        """Always."""
        return nullcontext()


class Guided:
    """llguidance, asked about the token drawn without it, or (`always`) for a mask of the vocabulary before any."""

    attempts = 1
    sieve = None
    """A mask costs the same for the whole vocabulary as for a part of it."""

    def __init__(self, desk: Desk, grammar: str, *, always: bool = False) -> None:
        """Raises `RefusedError`."""
        self._raw, self._always, self._end = desk.raw, always, desk.end
        self.matcher = LLMatcher(desk.tokenizer, grammar, log_level=0)
        self._check()
        self._size = desk.size
        self._bits = np.zeros(-(-desk.size // 32) * 4, dtype=np.uint8)
        self._none = desk.raw.llama_sampler_init_greedy()
        self.filter, self._calls = without(desk.raw, self._none, "accept", "reset", "clone", "free")
        self._apply = type(self._calls.apply)(self._mask)
        self._calls.apply = self._apply if always else type(self._apply)()

    @contextmanager
    def filtering(self, forbidden: object = ()) -> Iterator[None]:
        """The filter works."""
        self._calls.apply = self._apply
        try:
            yield
        finally:
            self._calls.apply = self._apply if self._always else type(self._apply)()

    def allows(self, token: int) -> bool:
        """Whether the answer may go on with this token."""
        if self._always:
            return True
        if token == self._end:  # where nothing else may come, `validate_tokens` takes not even this
            return bool(self.matcher.is_accepting())
        return bool(self.matcher.validate_tokens([token]) == 1)

    def accept(self, token: int) -> None:
        """Move on by `token`."""
        self.matcher.consume_token(token)
        self._check()

    def compute(self) -> None:
        """The bits of the tokens that may come next."""
        self.matcher.unsafe_compute_mask_ptr(self._bits.ctypes.data, self._bits.nbytes)
        self._check()

    def close(self) -> None:
        """Free it."""
        self._raw.llama_sampler_free(self._none)

    def _mask(self, _: Any, candidates: Any) -> None:
        self.compute()
        array = candidates.contents
        at = ctypes.cast(array.data, ctypes.c_void_p).value
        entries = np.frombuffer((ctypes.c_char * (array.size * _ENTRY.itemsize)).from_address(at or 0), dtype=_ENTRY)
        bits = np.unpackbits(self._bits, count=self._size, bitorder="little")
        np.copyto(entries["logit"], np.float32("-inf"), where=bits == 0)  # not sorted yet: each in its own place

    def _check(self) -> None:
        if self.matcher.is_error():
            raise RefusedError(self.matcher.get_error().split("\n")[0][:200])


Constraint = Grammar | Guided


def gbnf(form: dict[str, Any] | str, *, checked: bool = True) -> str:
    """What the worker gets of a schema or grammar, looked at by `harmless` or not. Raises `RefusedError`."""
    try:
        text = form if isinstance(form, str) else grammar_of(form)
        return harmless(text) if checked else text
    except ShapeError as error:
        raise RefusedError(error.message) from None


def guidance(form: dict[str, Any] | str) -> str:
    """What llguidance gets of it. Raises `RefusedError`."""
    try:
        return LLMatcher.grammar_from_json_schema(form) if isinstance(form, dict) else gbnf_to_lark(form)
    except Exception as error:  # a parser's own, of many kinds
        raise RefusedError(str(error)[:200]) from None


CONTENDERS: dict[str, Callable[[Desk, Any], Constraint | None]] = {
    "none": lambda desk, form: None,
    "llama.cpp, asked first": lambda desk, form: Grammar(desk.model, gbnf(form)),
    "llama.cpp, mask": lambda desk, form: Whole(desk.model, gbnf(form)),
    "llguidance, asked first": lambda desk, form: Guided(desk, guidance(form)),
    "llguidance, mask": lambda desk, form: Guided(desk, guidance(form), always=True),
}
"""Without any, ours as it is, and the others."""


def sampler(desk: Desk, contender: str, form: dict[str, Any]) -> sampling.Sampler:
    """Our own, with the usual chain and one of the contenders."""
    constraint = CONTENDERS[contender](desk, form)
    with mock.patch.object(sampling, "_grammar", return_value=constraint):
        made = sampling.Sampler(desk.model, SamplingParams(), 7, [])
    if contender.endswith("mask"):
        made._among = 0  # a mask needs all tokens, not only the likeliest
    return made


def follows(constraint: Constraint, desk: Desk, text: str) -> bool:
    """Whether the constraint lets exactly this text be an answer."""
    for token in [*desk.tokens(text), desk.end]:
        if not constraint.allows(token):
            return False
        constraint.accept(token)
    return True
