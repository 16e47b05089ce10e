"""The sums a backend must get right before it is trusted with a model.

Matrices are built so that the right answer is cheap to know in plain Python, element by element: each row of weights
is one of three patterns of small whole numbers times a factor, so 33 by 3 scalar products tell all 33 by 67 results.
The numbers are whole and fill each block's range, so quantising loses almost nothing and the tolerance can be so
narrow that a single wrong product of the 512 in a sum is noticed. Sizes are odd where kernels have remainders.
"""

from __future__ import annotations

import ctypes
import math
import struct
from array import array
from collections.abc import Callable, Iterable
from itertools import repeat
from operator import mul

from runtime.backends.ggml import F16, F32, I32, TYPES, Ggml
from runtime.backends.kinds import KINDS

COLUMNS = 512  # two superblocks of the K formats
ROWS = 67  # weights; odd, for the kernels' remainders
REPACKED_ROWS = 64  # rearranging needs a multiple of 8, AMX of 32
BATCH = 33  # activations at once; 1 is tried as well: decoding takes other paths than prompts
CHECKED = 2  # of a batch, where plain Python has to multiply it all
THREADS = 1  # a second one spins at barriers: on busy cores that took 4 to 20 ms for each sum
TOLERANCE = 0.001
"""Of |weights|·|activations|. One product of 512 missing changes a sum by 0.0012 in the middle case. Measured errors:
0.00044 for Q8_0 (in the weights: its steps do not fall on whole numbers), 0.00003 for the others."""

Progress = Callable[[str], None]


class WrongNumbers(ArithmeticError):  # noqa: N818 - a finding, not a fault of ours
    """A result is not what it must be. The message names the operation, fit to end a sentence."""


class Sums:
    """The proof's numbers, made once, and the operations on one device."""

    def __init__(self, ggml: Ggml, registry: int, device: int, doing: Progress) -> None:
        self.ggml, self.registry, self.device, self.doing = ggml, registry, device, doing
        self.buffer_type = ggml.base.ggml_backend_dev_buffer_type(device)
        self.patterns = [_pattern(shift) for shift in range(3)]
        self.factors = [((row * 5) % 7 + 1) / 8 for row in range(ROWS)]
        self.inputs = [_activations(row) for row in range(BATCH)]
        dots = [[float(sum(map(mul, pattern, row))) for pattern in self.patterns] for row in self.inputs]
        self.expected = [
            [factor * dots_of_row[row % 3] for row, factor in enumerate(self.factors)] for dots_of_row in dots
        ]
        self.norm = math.sqrt(sum(x * x for x in self.patterns[0]) * sum(x * x for x in self.inputs[0]))
        values = array("f")
        for row, factor in enumerate(self.factors):
            values.extend([factor * x for x in self.patterns[row % 3]])
        self.weights = (ctypes.c_float * len(values)).from_buffer(values)
        self._quantized: dict[int, bytes] = {}
        self.activations = struct.pack(f"{BATCH * COLUMNS}f", *[x for row in self.inputs for x in row])

    def all(self, kinds: Iterable[str]) -> None:
        """Everything, cheapest first, with weights in these formats.

        Raises `WrongNumbers`, `MemoryError` or `ArithmeticError`, or never returns.
        """
        self.doing("starting the device")
        backend = self.ggml.base.ggml_backend_dev_init(self.device, None)
        if not backend:
            raise MemoryError("the device cannot be started")
        self.ggml.set_threads(self.registry, backend, THREADS)
        named = {name: TYPES[name] for name in kinds}
        for name, kind in named.items():
            self.doing(f"multiplying {name} matrices")
            for batch in (1, BATCH):
                self.multiply(backend, name, kind, ROWS, batch, self.buffer_type)
        for extra in self.ggml.extra_buffer_types(self.registry, self.device):
            title = (self.ggml.base.ggml_backend_buft_name(extra) or b"").decode(errors="replace")
            for name, kind in named.items():
                self.doing(f"multiplying {name} matrices rearranged for {title}")
                for batch in (1, BATCH):
                    self.multiply(backend, name, kind, REPACKED_ROWS, batch, extra)
        self.normalise(backend)
        self.attend(backend)
        self.ggml.base.ggml_backend_free(backend)

    def multiply(self, backend: int, name: str, kind: int, rows: int, batch: int, buffer_type: int) -> None:
        """Weights of one format, in one kind of buffer, times activations; what it does not support is left out."""
        ggml, base = self.ggml, self.ggml.base
        with ggml.context() as weights, ggml.context() as work:
            weight = base.ggml_new_tensor_2d(weights, kind, COLUMNS, rows)
            data = base.ggml_new_tensor_2d(work, F32, COLUMNS, batch)
            product = base.ggml_mul_mat(work, weight, data)
            if not ggml.supports_weight(self.device, product, weight, buffer_type):
                return
            with ggml.allocated(weights, buffer_type), ggml.allocated(work, self.buffer_type):
                ggml.set(weight, self.quantized(kind)[: base.ggml_nbytes(weight)])
                ggml.set(data, self.activations[: batch * COLUMNS * 4])
                ggml.compute(backend, work, product)
                found = ggml.get(product)
        if name in KINDS:  # formats that hold the patterns almost without loss
            expected = [value for row in self.expected[:batch] for value in row[:rows]]
        else:
            found = found[: CHECKED * rows]
            expected = self.from_what_it_holds(kind, rows, min(batch, CHECKED))
        tolerances = [TOLERANCE * self.norm * factor for factor in self.factors[:rows]] * batch
        _compare(f"a product of {name} matrices", found, expected, tolerances)

    def from_what_it_holds(self, kind: int, rows: int, batch: int) -> list[float]:
        """Products with the weights as the format really holds them."""
        values = self.ggml.plain(kind, self.quantized(kind), rows * COLUMNS)
        weights = [values[row * COLUMNS : (row + 1) * COLUMNS] for row in range(rows)]
        return [sum(map(mul, weight, inputs)) for inputs in self.inputs[:batch] for weight in weights]

    def quantized(self, kind: int) -> bytes:
        """All rows of weights in one format; searching the best scales takes most of a proof's time, so only once."""
        if kind not in self._quantized:
            self._quantized[kind] = self.ggml.quantize(kind, self.weights, ROWS, COLUMNS)
        return self._quantized[kind]

    def normalise(self, backend: int) -> None:
        """RMS norm, softmax and rotary positions of a few rows."""
        ggml, base = self.ggml, self.ggml.base
        length, heads, tokens = 64, 1, 3
        rows = [row[:length] for row in self.inputs[:tokens]]
        angles = [2.0 ** (-2 * pair / length) for pair in range(length // 2)]
        turned: list[float] = []
        for position, row in enumerate(rows):
            for pair, angle in enumerate(angles):
                a, b = row[2 * pair], row[2 * pair + 1]
                c, s = math.cos((position + 5) * angle), math.sin((position + 5) * angle)
                turned += [a * c - b * s, a * s + b * c]
        rms = [math.sqrt(sum(x * x for x in row) / length + 1e-5) for row in rows]
        tops = [sum(math.exp(x - max(row)) for x in row) for row in rows]
        for name, expected in (
            ("rms_norm", [x / rms[i] for i, row in enumerate(rows) for x in row]),
            ("soft_max", [math.exp(x - max(row)) / tops[i] for i, row in enumerate(rows) for x in row]),
            ("rope", turned),
        ):
            self.doing(f"computing {name}")
            with ggml.context() as work:
                data = base.ggml_new_tensor_3d(work, F32, length, heads, tokens)
                positions = base.ggml_new_tensor_1d(work, I32, tokens)
                if name == "rms_norm":
                    result = base.ggml_rms_norm(work, data, 1e-5)
                elif name == "soft_max":
                    result = base.ggml_soft_max_ext(work, data, None, 1.0, 0.0)
                else:
                    result = base.ggml_rope_ext(
                        work, data, positions, None, length, 0, 0, 2.0, 1.0, 0.0, 1.0, 32.0, 1.0
                    )
                with ggml.allocated(work, self.buffer_type):
                    ggml.set(data, struct.pack(f"{length * tokens}f", *[x for row in rows for x in row]))
                    ggml.set(positions, struct.pack(f"{tokens}i", *range(5, 5 + tokens)))
                    if base.ggml_backend_dev_supports_op(self.device, result):
                        ggml.compute(backend, work, result)
                        _compare(f"the result of {name}", ggml.get(result), expected, repeat(2e-3))

    def attend(self, backend: int) -> None:
        """One flash-attention step: three queries over 40 cached positions, two heads sharing one key and value."""
        self.doing("computing attention")
        ggml, base = self.ggml, self.ggml.base
        size, tokens, cells, heads = 64, 3, 40, 2
        keys = [[x / 2 for x in row[:size]] for row in (_activations(cell + 50) for cell in range(cells))]
        values = [[x / 8 for x in pattern[:size]] for pattern in (_pattern(cell) for cell in range(cells))]
        queries = [[x / 2 for x in self.inputs[i][size : 2 * size]] for i in range(tokens * heads)]
        expected: dict[tuple[int, int], list[float]] = {}
        for index, query in enumerate(queries):
            scores = [math.exp(sum(map(mul, query, key)) / 8) for key in keys]
            total = sum(scores)
            columns = zip(*values, strict=True)
            expected[index % tokens, index // tokens] = [sum(map(mul, scores, column)) / total for column in columns]
        with ggml.context() as work:
            query_tensor = base.ggml_new_tensor_3d(work, F32, size, tokens, heads)
            key_tensor = base.ggml_new_tensor_3d(work, F16, size, cells, 1)
            value_tensor = base.ggml_new_tensor_3d(work, F16, size, cells, 1)
            result = base.ggml_flash_attn_ext(work, query_tensor, key_tensor, value_tensor, None, 1 / 8, 0.0, 0.0)
            if not base.ggml_backend_dev_supports_op(self.device, result):
                return
            with ggml.allocated(work, self.buffer_type):
                for tensor, rows, code in (
                    (query_tensor, queries, "f"),
                    (key_tensor, keys, "e"),
                    (value_tensor, values, "e"),
                ):
                    flat = [x for row in rows for x in row]
                    ggml.set(tensor, struct.pack(f"{len(flat)}{code}", *flat))
                ggml.compute(backend, work, result)
                found = ggml.get(result)
        flat = [x for token in range(tokens) for head in range(heads) for x in expected[token, head]]
        _compare("an attention step", found, flat, repeat(5e-3))


def _pattern(shift: int) -> list[int]:
    """512 numbers in -8..7 (whole four-bit range) with both ends in every 16."""
    result = [(k * k * 5 + k * (3 + shift) + k // 16 + 7 * shift) % 16 - 8 for k in range(COLUMNS)]
    result[shift % 8 :: 16] = [-8] * (COLUMNS // 16)
    result[shift % 8 + 8 :: 16] = [7] * (COLUMNS // 16)
    return result


def _activations(row: int) -> list[float]:
    """512 numbers of 1/64, -127..127 (whole eight-bit range) with the end in every 32; small, for 16-bit sums."""
    result = [(k * k * 7 + k * (13 + 2 * row) + (k // 32) * 41 + 31 * row) % 255 - 127 for k in range(COLUMNS)]
    result[5::32] = [127] * (COLUMNS // 32)
    return [number / 64 for number in result]


def _compare(what: str, found: list[float], expected: list[float], tolerances: Iterable[float]) -> None:
    """Raises `WrongNumbers`. NaN compares as wrong."""
    for index, (a, b, tolerance) in enumerate(zip(found, expected, tolerances, strict=False)):
        if not abs(a - b) <= tolerance:
            raise WrongNumbers(f"{what} (element {index} is {a:.6g}, must be {b:.6g})")
