"""A model's working memory (the KV cache, or whatever the model has instead) and the decoding over it."""

from __future__ import annotations

import ctypes
import os
import time
from typing import Any, Protocol

from runtime.engine.lines import STATE_BACK, cells_for, lines_for, split_lines_for
from runtime.engine.messages import Load
from runtime.engine.worker.batch import Batch
from runtime.engine.worker.cache import MemoryKind
from runtime.engine.worker.crew import Crew
from runtime.engine.worker.model import Model
from runtime.errors import CannotRunError, EngineError

NO_ROOM = 1
"""`llama_decode`'s code for a cache without room for the batch; nothing has changed then."""

_POLL = 1
"""How long threads spin for the next step before they sleep (`Llama.attach_thread_pool`): about as long as drawing
takes. ggml's default is fifty times as long, all of it taken from whoever else wants the processor.
"""

_CACHE_TYPES = {"f16": 1, "q8_0": 8}  # enum ggml_type

_POOLING_RANK = 4  # enum llama_pooling_type

_AHEAD = 1  # enum llama_context_type: of the layers that guess ahead, LLAMA_CONTEXT_TYPE_MTP

_PARTIAL_ONLY = 1  # LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY: of a line's state, what is not attention over everything


class DecodeError(EngineError):
    """`llama_decode` did not do it. code `NO_ROOM`; 2: aborted; negative: the batch or the engine."""

    def __init__(self, code: int) -> None:
        super().__init__(f"The engine could not compute the next step (code {code}).")
        self.code = code


class Follower(Protocol):
    """Is told what becomes of a context's lines, after it did."""

    def decoded(self, batch: Batch) -> None:
        """The batch was computed: each line in it goes on with its tokens."""

    def forked(self, source: int, length: int, line: int) -> None:
        """An empty line begins with the first tokens of another."""

    def truncated(self, line: int, length: int) -> None:
        """A line has only its first tokens left."""

    def forgotten(self, line: int) -> None:
        """A line is empty."""


class Context:
    """The model's memory, in lines of tokens, and the computing over it. One thread only.

    size: tokens one request may use. cells: tokens that are remembered at a time, of all lines together, shared ones
    counted once. lines: how many there can be. is_split: each line has cells of its own, over which no other looks.
    returns_early: what was decoded may still be computed until something is asked of it, as devices do.
    copies_weights: for a step of more than a few tokens, those that lie in main memory are copied to the device.
    back: tokens that can be taken back from a line's end. ranks: whether the model was made to rank documents.
    follower: is told what becomes of the lines.
    """

    follower: Follower | None = None

    def __init__(self, model: Model, load: Load, memory: int, *, ahead: bool = False) -> None:
        """memory: bytes of the device that remembers. ahead: of the model's layers that guess ahead alone, which look
        at everything whatever the others do. Raises `CannotRunError`; why is in the log.
        """
        self.model = model
        self.kind = MemoryKind.FULL if ahead else model.memory_kind
        self._raw = raw = model.llama.raw
        wanted = load.context_size or model.trained_context
        parameters = raw.llama_context_default_params()
        cells = load.cells or cells_for(wanted, load.parallel, model.cell_bytes, memory)
        self.is_split = load.split_cache and model.memory_kind is MemoryKind.FULL and cells >= wanted * load.parallel
        parameters.n_batch = parameters.n_ubatch = max(load.batch_tokens, load.parallel)
        costly = model.memory_kind is not MemoryKind.FULL
        lines = split_lines_for(load.parallel) if self.is_split else lines_for(load.parallel, costly=costly)
        parameters.n_seq_max = lines
        parameters.n_ctx = -(-wanted // 256) * 256 * lines if self.is_split else cells
        parameters.n_outputs_max = parameters.n_seq_max  # the least llama.cpp takes; a whole batch of logits by default
        self.threads = threads = load.threads or usable_cpus()
        parameters.n_threads = parameters.n_threads_batch = threads
        parameters.type_k = parameters.type_v = _CACHE_TYPES[load.cache_type]
        parameters.kv_unified = not self.is_split
        parameters.swa_full = False
        parameters.no_perf = True
        parameters.ctx_type = _AHEAD if ahead else 0
        parameters.n_rs_seq = STATE_BACK if load.foresees and self.kind is MemoryKind.STATE else 0
        self.handle = raw.llama_init_from_model(model.handle, parameters)
        if not self.handle:
            raise CannotRunError(f"A context of {wanted} tokens cannot be made.")
        self._memory = raw.llama_get_memory(self.handle)
        self.ranks = ranks(raw, self.handle)
        # For a model on a device the processor looks up one row a step: to wake other threads for it takes longer.
        if threads > 1 and not model.is_on_device:
            model.llama.attach_thread_pool(self.handle, threads, _POLL)
        self.returns_early = load.gpu_layers != 0
        self.copies_weights = self.returns_early and not model.is_on_device
        self._crew = None if self.returns_early else Crew(threads)  # else threads also wait for the device
        self.generates = model.generates and bool(self._memory)  # models made for vectors only remember nothing
        self.cells: int = raw.llama_n_ctx(self.handle)  # rounded up
        self.size = min(raw.llama_n_ctx_seq(self.handle), wanted)
        self.lines: int = raw.llama_n_seq_max(self.handle)
        self.batch_tokens: int = raw.llama_n_batch(self.handle)
        states = int(raw.llama_n_rs_seq(self.handle)) if self.kind is MemoryKind.STATE else 0
        self.back = self.size if self.kind is MemoryKind.FULL else states
        self._taken_back: set[int] = set()  # lines whose state is an older copy until they go on

    def decode(self, batch: Batch) -> None:
        """Compute the batch. Raises `DecodeError`."""
        wall, processor = time.perf_counter(), time.process_time()
        code = self._raw.llama_decode(self.handle, batch.native)
        if code != 0:
            raise DecodeError(code)
        if self._crew and self._crew.learn(time.perf_counter() - wall, time.process_time() - processor):
            self._raw.llama_set_n_threads(self.handle, self._crew.threads, self._crew.threads)
        if self._taken_back:
            self._taken_back.difference_update(line for line, *_ in batch.runs())
        if self.follower:
            self.follower.decoded(batch)

    def fork(self, source: int, length: int, line: int) -> bool:
        """Let an empty line begin with the first tokens of another. False if it could not: `forget` it then.

        Cells of full attention are shared. Those of a window are copied: a shared one could not be used again when the
        window has left it, and the cache would fill up with them. A split cache can only copy all of a line. Of a state
        that was taken back llama.cpp would copy what was taken back, too.
        """
        if not self.stands(source):
            return False
        raw = self._raw
        if self.kind is MemoryKind.STATE or self.is_split:
            raw.llama_memory_seq_cp(self._memory, source, line, -1, -1)
        else:
            raw.llama_memory_seq_cp(self._memory, source, line, 0, length)
        if self.follower:
            self.follower.forked(source, length, line)
        if self.kind is MemoryKind.WINDOW:
            return self._copy_window(source, line) and self.truncate(line, length)
        return not self.is_split or self.truncate(line, length)

    def truncate(self, line: int, length: int) -> bool:
        """Keep only the first `length` tokens of a line. False where the model cannot: then `forget` it."""
        if not self.stands(line):
            return False
        if self.kind is MemoryKind.STATE and length <= self._raw.llama_memory_seq_pos_max(self._memory, line):
            self._taken_back.add(line)
        if not self._raw.llama_memory_seq_rm(self._memory, line, length, -1):
            return False
        if self.follower:
            self.follower.truncated(line, length)
        return self.kind is not MemoryKind.WINDOW or self.reaches_back(line, length)

    def forget(self, line: int) -> None:
        """Empty a line."""
        self._taken_back.discard(line)
        self._raw.llama_memory_seq_rm(self._memory, line, -1, -1)
        if self.follower:
            self.follower.forgotten(line)

    def reaches_back(self, line: int, length: int) -> bool:
        """Whether the line, cut to `length`, would still have all that the next token needs."""
        first: int = self._raw.llama_memory_seq_pos_min(self._memory, line)
        return length == 0 or 0 <= first <= max(0, length - self.model.window)

    def stands(self, line: int) -> bool:
        """Whether the line can be shared or cut as it is; a state that was taken back must go on first."""
        return line not in self._taken_back

    def stands_alone(self, length: int) -> bool:
        """Whether all of a line that long is inside the window."""
        return length < self.model.window

    def _copy_window(self, source: int, line: int) -> bool:
        raw, flags = self._raw, _PARTIAL_ONLY
        size = raw.llama_state_seq_get_size_ext(self.handle, source, flags)
        state = (ctypes.c_uint8 * size)()
        written = raw.llama_state_seq_get_data_ext(self.handle, state, size, source, flags)
        return bool(written == size == raw.llama_state_seq_set_data_ext(self.handle, state, size, line, flags))


def ranks(raw: Any, handle: Any) -> bool:
    """Whether a context's vectors are scores instead, of how well a document answers a question."""
    return bool(raw.llama_pooling_type(handle) == _POOLING_RANK)


def usable_cpus() -> int:
    """CPUs this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
