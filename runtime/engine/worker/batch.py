"""Tokens to decode together, each with its position and line."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence

from runtime.engine.worker.model import Model

_Int32, _Int8 = ctypes.c_int32, ctypes.c_int8


class Batch:
    """Allocated once, filled again and again. native: llama.cpp's `llama_batch` of it.

    Its memory is ours, so that tokens which follow on each other are written at once: one by one, a thousand took ten
    times as long, 0.75 ms (Zen 4).
    """

    def __init__(self, model: Model, capacity: int) -> None:
        self.capacity = capacity
        self._tokens, self._positions, self._lines = ((_Int32 * capacity)() for _ in range(3))
        self._outputs = bytearray(capacity)
        self._one_line_each = (_Int32 * capacity)(*[1] * capacity)
        of_lines = ctypes.POINTER(_Int32)
        begin, size = ctypes.addressof(self._lines), ctypes.sizeof(_Int32)
        self._line_of = (of_lines * capacity)(*(ctypes.cast(begin + at * size, of_lines) for at in range(capacity)))
        self.native = model.llama.raw.llama_batch(
            n_tokens=0,
            token=self._tokens,
            embd=None,
            pos=self._positions,
            n_seq_id=self._one_line_each,
            seq_id=self._line_of,
            logits=(_Int8 * capacity).from_buffer(self._outputs),
        )

    def __len__(self) -> int:
        return int(self.native.n_tokens)

    def clear(self) -> None:
        """Forget all tokens."""
        self.native.n_tokens = 0

    def add(self, tokens: Sequence[int], position: int, line: int, *, outputs: int = 0) -> int:
        """Append tokens of a line that follow on each other, the first at `position`; the first one's entry.

        outputs: from so many of the last it will be drawn, by their entries. Raises `IndexError` without room.
        """
        begin, count = len(self), len(tokens)
        end = begin + count
        if end > self.capacity:
            raise IndexError(f"{count} more tokens do not fit into the batch: {begin} of {self.capacity} are there")
        self._tokens[begin:end] = [*tokens]
        self._positions[begin:end] = [*range(position, position + count)]
        self._lines[begin:end] = [line] * count
        self._outputs[begin:end] = bytes(count - outputs) + b"\1" * outputs
        self.native.n_tokens = end
        return begin

    def runs(self) -> Iterator[tuple[int, int, int]]:
        """The lines in it: each with its first entry and the one behind its last."""
        begin, lines = 0, self._lines[: len(self)]
        for end, line in enumerate(lines, start=1):
            if end == len(lines) or lines[end] != line:
                yield line, begin, end
                begin = end
