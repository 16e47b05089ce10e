"""Texts as vectors, or as scores of a model that ranks documents, in a context of its own beside the generating one.

Made when it is asked for the first time, for most never are. Every text is computed whole, in one batch, because models
made for this look at all of it at once.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from runtime.engine.core import Embedding, Score
from runtime.engine.messages import Load, Refused, Scores, Vectors
from runtime.engine.worker.batch import Batch
from runtime.engine.worker.context import DecodeError, ranks, usable_cpus
from runtime.engine.worker.heart import Heart
from runtime.engine.worker.model import Model
from runtime.engine.worker.pace import UNKNOWN_SECONDS
from runtime.errors import EngineError

MAX_TOKENS = 2048
"""The longest text; what a step computes takes memory for each of its tokens."""

_TEXTS = 16
"""Texts in one step."""

_POOLING_NONE, _POOLING_MEAN = 0, 1

_NO_VECTORS = "This model says how well documents answer a question; it makes no vectors."
_NO_SCORES = "This model was not made to rank documents."


class Embedder:
    """Pools as the model says; by the mean where it says nothing. One thread only.

    ranks: it gives a score for each text, and no vector.
    """

    def __init__(self, model: Model, load: Load) -> None:
        """Raises `EngineError` where the model cannot do it."""
        self._raw = raw = model.llama.raw
        parameters = raw.llama_context_default_params()
        parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = min(MAX_TOKENS, model.trained_context)
        parameters.n_seq_max = _TEXTS
        parameters.n_threads = parameters.n_threads_batch = load.threads or usable_cpus()
        parameters.embeddings = True
        parameters.kv_unified = True
        parameters.no_perf = True
        self._handle = raw.llama_init_from_model(model.handle, parameters)
        if self._handle and raw.llama_pooling_type(self._handle) == _POOLING_NONE:
            raw.llama_free(self._handle)
            parameters.pooling_type = _POOLING_MEAN
            self._handle = raw.llama_init_from_model(model.handle, parameters)
        if not self._handle:
            raise EngineError("This model cannot turn texts into vectors.")
        self.ranks = ranks(raw, self._handle)
        self._memory = raw.llama_get_memory(self._handle)
        self._batch = Batch(model, raw.llama_n_batch(self._handle))
        self._dimensions: int = raw.llama_model_n_embd_out(model.handle)

    def fitting(self, texts: list[list[int]]) -> int:
        """How many of the texts, from the first on, one step takes. Raises `EngineError` for one that never fits."""
        room = self._batch.capacity
        for index, text in enumerate(texts):
            if not text:
                raise EngineError("A text is empty.")
            if len(text) > self._batch.capacity:
                raise EngineError(f"A text has {len(text)} tokens; at most {self._batch.capacity} are computed as one.")
            room -= len(text)
            if room < 0 or index == _TEXTS:
                return index
        return len(texts)

    def embed(self, texts: list[list[int]]) -> list[Embedding]:
        """One step: vectors of length 1. Raises `EngineError`."""
        self._compute(texts)
        return [Embedding(_of_length_one(self._row(number)), len(text)) for number, text in enumerate(texts)]

    def rank(self, texts: list[list[int]]) -> list[Score]:
        """One step: scores, in the model's own measure. Raises `EngineError`."""
        self._compute(texts)
        return [Score(self._row(number)[0], len(text)) for number, text in enumerate(texts)]

    def _compute(self, texts: list[list[int]]) -> None:
        self._batch.clear()
        for number, text in enumerate(texts):
            self._batch.add(text, 0, number, outputs=len(text))
        if self._memory:
            self._raw.llama_memory_clear(self._memory, False)
            code = self._raw.llama_decode(self._handle, self._batch.native)
        else:
            code = self._raw.llama_encode(self._handle, self._batch.native)
        if code != 0:
            raise DecodeError(code)

    def _row(self, number: int) -> list[float]:
        """What came of a text: its vector, or its score alone."""
        found = self._raw.llama_get_embeddings_seq(self._handle, number)
        if not found:
            raise EngineError("The engine gave no vector.")
        values: list[float] = found[: 1 if self.ranks else self._dimensions]
        if not all(map(math.isfinite, values)):
            raise EngineError("The engine gave something that is no number.")
        return values


def _of_length_one(values: list[float]) -> tuple[float, ...]:
    length = math.sqrt(math.fsum(value * value for value in values)) or 1.0
    return tuple(value / length for value in values)


@dataclass(slots=True)
class Texts:
    """A call: the texts still to compute, and what is done. ranks: scores are wanted, not vectors."""

    number: int
    texts: list[list[int]]
    ranks: bool = False
    vectors: list[Embedding] = field(default_factory=list)
    scores: list[Score] = field(default_factory=list)

    @property
    def answer(self) -> Vectors | Scores:
        """What is done."""
        if self.ranks:
            return Scores(self.number, tuple(self.scores))
        return Vectors(self.number, tuple(self.vectors))


class VectorCalls:
    """Calls for vectors or scores, in their order; true while there are any."""

    def __init__(self, model: Model, load: Load, send: Callable[..., None], heart: Heart) -> None:
        self._model = model
        self._load = load
        self._send = send
        self._heart = heart
        self._embedder: Embedder | None = None
        self._calls: deque[Texts] = deque()

    def __bool__(self) -> bool:
        return bool(self._calls)

    def add(self, call: Texts) -> None:
        """One more."""
        self._calls.append(call)

    def drop(self, number: int) -> None:
        """Forget one, begun or not."""
        self._calls = deque(call for call in self._calls if call.number != number)

    def step(self) -> None:
        """Compute something for the first, if there is one, and answer it when it is done."""
        if not self._calls:
            return
        call = self._calls[0]
        try:
            self._embedder = self._embedder or Embedder(self._model, self._load)
            self._compute(call, self._embedder)
            if not call.texts:
                self._calls.popleft()
                self._send(call.answer)
        except EngineError as error:
            self._calls.popleft()
            self._send(Refused(call.number, error.message))

    def _compute(self, call: Texts, embedder: Embedder) -> None:
        """As many of the texts as a step takes."""
        if call.ranks != embedder.ranks:
            raise EngineError(_NO_VECTORS if embedder.ranks else _NO_SCORES)
        if not call.texts:
            return
        count = embedder.fitting([self._model.checked(text) for text in call.texts])
        with self._heart.working(UNKNOWN_SECONDS):
            if call.ranks:
                call.scores += embedder.rank(call.texts[:count])
            else:
                call.vectors += embedder.embed(call.texts[:count])
        del call.texts[:count]
