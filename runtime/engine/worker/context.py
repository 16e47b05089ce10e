"""A model's working memory (the KV cache, or whatever the model has instead) and the decoding over it."""

from __future__ import annotations

import os

from runtime.engine.messages import Load
from runtime.engine.worker.model import Model
from runtime.errors import CannotRunError, EngineError


class DecodeError(EngineError):
    """`llama_decode` did not do it. code 1: no room in the cache; 2: aborted; negative: the batch or the engine."""

    def __init__(self, code: int) -> None:
        super().__init__(f"The engine could not compute the next step (code {code}).")
        self.code = code


class Batch:
    """Tokens to decode together, each with its position and sequence; allocated once, filled again and again."""

    def __init__(self, model: Model, capacity: int) -> None:
        self._raw = model.llama.raw
        self.capacity = capacity
        self.native = self._raw.llama_batch_init(capacity, 0, 1)
        if not self.native.token:
            raise CannotRunError(f"There is no memory for a batch of {capacity} tokens.")

    def __len__(self) -> int:
        return int(self.native.n_tokens)

    def clear(self) -> None:
        """Forget all tokens."""
        self.native.n_tokens = 0

    def add(self, token: int, position: int, sequence: int, *, output: bool) -> int:
        """Append a token; its index, with which to sample after decoding if `output` was asked for."""
        native, index = self.native, self.native.n_tokens
        if index == self.capacity:
            raise IndexError(f"the batch is full with {self.capacity} tokens")
        native.token[index] = token
        native.pos[index] = position
        native.n_seq_id[index] = 1
        native.seq_id[index][0] = sequence
        native.logits[index] = output
        native.n_tokens = index + 1
        return int(index)

    def close(self) -> None:
        """Free it."""
        self._raw.llama_batch_free(self.native)


class Context:
    """Sequences of decoded tokens, and what the model remembers of them. One thread only."""

    def __init__(self, model: Model, load: Load, sequences: int) -> None:
        """`load.context_size` tokens for all sequences together. Raises `CannotRunError`; why is in the log."""
        self.model = model
        self._raw = raw = model.llama.raw
        parameters = raw.llama_context_default_params()
        parameters.n_ctx = load.context_size
        parameters.n_batch = parameters.n_ubatch = load.batch_tokens
        parameters.n_seq_max = sequences
        parameters.n_outputs_max = sequences  # one per sequence and step; else room for a whole batch of logits
        parameters.n_threads = parameters.n_threads_batch = load.threads or usable_cpus()
        parameters.kv_unified = True
        parameters.swa_full = False
        parameters.no_perf = True
        self.handle = raw.llama_init_from_model(model.handle, parameters)
        if not self.handle:
            raise CannotRunError(f"A context of {load.context_size or model.trained_context} tokens cannot be made.")
        self._memory = raw.llama_get_memory(self.handle)
        granted: int = raw.llama_n_ctx(self.handle)  # rounded up
        self.size = min(granted, load.context_size or granted)
        self.batch_tokens: int = raw.llama_n_batch(self.handle)

    def decode(self, batch: Batch) -> None:
        """Compute the batch. Raises `DecodeError`; what is remembered then, `span` tells."""
        code = self._raw.llama_decode(self.handle, batch.native)
        if code != 0:
            raise DecodeError(code)

    def clear(self) -> None:
        """Forget everything."""
        self._raw.llama_memory_clear(self._memory, False)

    def truncate(self, sequence: int, length: int) -> bool:
        """Keep only the first `length` tokens of a sequence. False where the model cannot: then `clear`.

        Recurrent models cannot go back. A sliding window can, if what it needs before `length` is still there.
        """
        if not self._raw.llama_memory_seq_rm(self._memory, sequence, length, -1):
            return False
        first = self._raw.llama_memory_seq_pos_min(self._memory, sequence)
        return length == 0 or 0 <= first <= max(0, length - self.model.window)


def usable_cpus() -> int:
    """CPUs this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
