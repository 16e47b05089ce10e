"""The hidden rows of a context: what its last layer made of each token, from which other layers guess ahead.

llama.cpp gives them out through functions that it declares for C++ only, for the time being (`src/llama-ext.h`). They
are found by the names that C++ compilers give them: all of ours name them alike, for Windows, too (the Itanium ABI). An
engine that lacks them computes as ever; it only does not give out rows.
"""

from __future__ import annotations

import ctypes
from typing import Any

from runtime.engine.worker.batch import Batch
from runtime.engine.worker.model import Model
from runtime.errors import CannotRunError

_ASK = "_Z26llama_set_embeddings_nextnP13llama_contextbb"  # llama_set_embeddings_nextn(llama_context *, bool, bool)
_GET = "_Z26llama_get_embeddings_nextnP13llama_context"  # llama_get_embeddings_nextn(llama_context *)


class HiddenRows:
    """Of one context, from now on."""

    def __init__(self, model: Model, handle: Any) -> None:
        """handle: the context's. Raises `CannotRunError` where the engine does not give them out."""
        library = model.llama.raw._lib
        try:
            self._ask, self._get = getattr(library, _ASK), getattr(library, _GET)
        except AttributeError:
            raise CannotRunError("This engine does not give out the model's hidden rows.") from None
        self._ask.restype, self._ask.argtypes = None, (ctypes.c_void_p, ctypes.c_bool, ctypes.c_bool)
        self._get.restype, self._get.argtypes = ctypes.c_void_p, (ctypes.c_void_p,)
        self._handle = handle
        self._bytes = _row_bytes(model)
        self.start()

    def start(self) -> None:
        """From now on, of every token, not only of those that are drawn from."""
        self._ask(self._handle, True, False)

    def stop(self) -> None:
        """There are none any more. (Where only some are asked for, some models make fewer, though they make none.)"""
        self._ask(self._handle, False, True)

    def of(self, entry: int) -> bytes:
        """The row of an entry of the batch that was computed last."""
        return ctypes.string_at(self._get(self._handle) + entry * self._bytes, self._bytes)


class RowBatch(Batch):
    """Tokens each of which comes with a row."""

    def __init__(self, model: Model, capacity: int) -> None:
        super().__init__(model, capacity)
        self._bytes = _row_bytes(model)
        self._rows = (ctypes.c_uint8 * (capacity * self._bytes))()
        self._view = memoryview(self._rows).cast("B")
        self.native.embd = ctypes.cast(self._rows, ctypes.POINTER(ctypes.c_float))

    def add_with(self, row: bytes, token: int, position: int, line: int, *, output: bool) -> int:
        """Append a token and its row, nothing for an empty one; its entry, with which to draw if `output`."""
        entry = self.add((token,), position, line, outputs=output)
        begin = entry * self._bytes
        self._view[begin : begin + self._bytes] = row or bytes(self._bytes)
        return entry


def _row_bytes(model: Model) -> int:
    """Of one row."""
    return 4 * int(model.llama.raw.llama_model_n_embd_out(model.handle))
