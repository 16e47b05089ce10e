"""Asks one CPU backend for attention, many times at random, and compares with the definition in double precision.

usage: python -m tests.engine_build.attention ENGINE_DIR LIBRARY SEED CASES

A process of its own: a backend can refuse this machine (exit code 3), or die. Tells the largest difference, and what
was asked where it was too large (exit code 1).
"""

from __future__ import annotations

import ctypes
import os
import random
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runtime.engine.bindings import library_file

Floats = NDArray[np.float32]

F32, F16, Q8_0 = 0, 1, 8
"""ggml's numbers of its types."""

TOLERANCE = 2e-4
"""Of values around 1; llama.cpp's own adds up in half precision and would be a hundred times further away."""

REFUSED, WRONG = 3, 1
SIGHTS = (
    *("causal", "own", "alternating", "shared", "random"),
    *("graded", "decodes and a prompt", "few", "some see nothing"),
)


@dataclass(frozen=True)
class Case:
    """What is asked. sight: which cells a row sees; "" for all, without a mask."""

    seed: int
    key_width: int
    value_width: int
    rows: int
    key_heads: int
    sharing: int
    cells: int
    streams: int
    kind: int
    sight: str
    has_sinks: bool
    softcap: float
    threads: int

    @classmethod
    def random(cls, rng: random.Random) -> Case:
        """One of all kinds there are in models, the usual ones more often."""
        width = rng.choice((16, 32, 64, 80, 96, 128, 256))
        kind = rng.choice((F16, F16, F32, Q8_0))
        widths = (width, rng.choice((width, width, 64)))
        key_width, value_width = widths if kind != Q8_0 else ((one + 31) // 32 * 32 for one in widths)
        return cls(
            seed=rng.randrange(1 << 30),
            key_width=key_width,
            value_width=value_width,
            rows=rng.choice((1, rng.randint(2, 9), rng.randint(10, 150))),
            key_heads=rng.randint(1, 4),
            sharing=rng.randint(1, 8),
            cells=rng.choice((rng.randint(1, 200), rng.randint(200, 1500))),
            streams=rng.choice((1, 1, 1, 3)),
            kind=kind,
            sight=rng.choice((*SIGHTS, "")),
            has_sinks=rng.random() < 0.3,
            softcap=rng.choice((0.0, 0.0, 5.0)),
            threads=rng.randint(1, 5),
        )


@dataclass(frozen=True)
class Data:
    """Of a case.

    Shapes: q [stream, head, row, width]; k, v [stream, cell, key head, width]; mask [stream, row, cell].
    """

    q: Floats
    k: Floats
    v: Floats
    mask: Floats | None
    sinks: Floats | None
    k_bytes: bytes
    v_bytes: bytes

    @classmethod
    def of(cls, case: Case) -> Data:
        """The same for the same seed."""
        rng = np.random.default_rng(case.seed)
        shape = (case.streams, case.cells, case.key_heads)
        k, k_bytes = _stored(rng, (*shape, case.key_width), case.kind)
        v, v_bytes = _stored(rng, (*shape, case.value_width), case.kind)
        heads = case.key_heads * case.sharing
        q = rng.standard_normal((case.streams, heads, case.rows, case.key_width), dtype=np.float32)
        sinks = rng.standard_normal(heads, dtype=np.float32) if case.has_sinks else None
        return cls(q, k, v, _mask(rng, case) if case.sight else None, sinks, k_bytes, v_bytes)

    def attention(self, case: Case) -> Floats:
        """By definition: [stream, row, head, width]."""
        k = np.repeat(self.k, case.sharing, axis=2).astype(np.float64)
        v = np.repeat(self.v, case.sharing, axis=2).astype(np.float64)
        scores = np.einsum("shrw,schw->shrc", self.q.astype(np.float64), k) * _scale(case)
        if case.softcap:
            scores = case.softcap * np.tanh(scores / case.softcap)
        if self.mask is not None:
            scores += self.mask[:, None]
        best = np.maximum(scores.max(axis=-1, keepdims=True), -1e30)
        weights = np.exp(scores - best)
        total = weights.sum(axis=-1, keepdims=True)
        if self.sinks is not None:
            total += np.exp(self.sinks[None, :, None, None] - best)
        shares = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
        return np.einsum("shrc,schw->srhw", shares, v).astype(np.float32)


class Backend:
    """One CPU backend, through ggml's C interface; pointers are plain addresses."""

    def __init__(self, engine_dir: Path, library: Path) -> None:
        self._base = ctypes.CDLL(str(engine_dir / library_file("ggml-base")))
        self._ggml = ctypes.CDLL(str(engine_dir / library_file("ggml")))
        address, number, size, real = ctypes.c_void_p, ctypes.c_int64, ctypes.c_size_t, ctypes.c_float
        for name, result, arguments in (
            ("ggml_init", address, (_Room,)),
            ("ggml_free", None, (address,)),
            ("ggml_tensor_overhead", size, ()),
            ("ggml_graph_overhead", size, ()),
            ("ggml_row_size", size, (ctypes.c_int, number)),
            ("ggml_new_tensor_4d", address, (address, ctypes.c_int, number, number, number, number)),
            ("ggml_view_4d", address, (address, address, *(number,) * 4, *(size,) * 4)),
            ("ggml_flash_attn_ext", address, (address,) * 5 + (real,) * 3),
            ("ggml_flash_attn_ext_add_sinks", None, (address, address)),
            ("ggml_new_graph", address, (address,)),
            ("ggml_build_forward_expand", None, (address, address)),
            ("ggml_backend_alloc_ctx_tensors", address, (address, address)),
            ("ggml_backend_buffer_free", None, (address,)),
            ("ggml_backend_tensor_set", None, (address, ctypes.c_char_p, size, size)),
            ("ggml_backend_tensor_get", None, (address, ctypes.c_char_p, size, size)),
            ("ggml_backend_graph_compute", ctypes.c_int, (address, address)),
            ("ggml_backend_dev_init", address, (address, address)),
            ("ggml_backend_reg_get_proc_address", address, (address, ctypes.c_char_p)),
            ("ggml_backend_reg_dev_get", address, (address, size)),
        ):
            function = getattr(self._base, name)
            function.restype, function.argtypes = result, arguments
        self._ggml.ggml_backend_load.restype, self._ggml.ggml_backend_load.argtypes = address, (ctypes.c_char_p,)
        registered = self._ggml.ggml_backend_load(os.fsencode(library))
        if not registered:
            sys.exit(REFUSED)
        self._backend = self._base.ggml_backend_dev_init(self._base.ggml_backend_reg_dev_get(registered, 0), None)
        threads = self._base.ggml_backend_reg_get_proc_address(registered, b"ggml_backend_set_n_threads")
        self._set_threads = ctypes.CFUNCTYPE(None, address, ctypes.c_int)(threads)

    def attention(self, case: Case, data: Data) -> Floats:
        """As `Data.attention`."""
        base = self._base
        room = 32 * base.ggml_tensor_overhead() + base.ggml_graph_overhead()
        context = base.ggml_init(_Room(room, None, True))
        heads = case.key_heads * case.sharing
        q = base.ggml_new_tensor_4d(context, F32, case.key_width, case.rows, heads, case.streams)
        k, k_seen = self._cells(context, case, case.key_width)
        v, v_seen = self._cells(context, case, case.value_width)
        mask = data.mask if data.mask is None else self._new(context, F16, case.cells, case.rows, 1, case.streams)
        sinks = data.sinks if data.sinks is None else self._new(context, F32, heads, 1, 1, 1)
        answer = base.ggml_flash_attn_ext(context, q, k_seen, v_seen, mask, _scale(case), 0.0, case.softcap)
        if sinks:
            base.ggml_flash_attn_ext_add_sinks(answer, sinks)
        graph = base.ggml_new_graph(context)
        base.ggml_build_forward_expand(graph, answer)
        buffer = base.ggml_backend_alloc_ctx_tensors(context, self._backend)
        self._put(q, data.q.tobytes())
        self._put(k, data.k_bytes)
        self._put(v, data.v_bytes)
        if data.mask is not None:
            self._put(mask, data.mask.astype(np.float16).tobytes())
        if data.sinks is not None:
            self._put(sinks, data.sinks.tobytes())
        self._set_threads(self._backend, case.threads)
        if base.ggml_backend_graph_compute(self._backend, graph):
            sys.exit("ggml could not compute")
        found = np.empty((case.streams, case.rows, heads, case.value_width), np.float32)
        base.ggml_backend_tensor_get(answer, found.ctypes.data_as(ctypes.c_char_p), 0, found.nbytes)
        base.ggml_backend_buffer_free(buffer)
        base.ggml_free(context)
        return found

    def _cells(self, context: int, case: Case, width: int) -> tuple[int, int]:
        """As llama.cpp's cache has them, cell by cell; and as attention sees them, head by head."""
        base = self._base
        kept = self._new(context, case.kind, width * case.key_heads, case.cells, case.streams, 1)
        head, cell = base.ggml_row_size(case.kind, width), base.ggml_row_size(case.kind, width * case.key_heads)
        shape = (width, case.cells, case.key_heads, case.streams)
        return kept, base.ggml_view_4d(context, kept, *shape, cell, head, cell * case.cells, 0)

    def _new(self, context: int, kind: int, *shape: int) -> int:
        tensor: int = self._base.ggml_new_tensor_4d(context, kind, *shape)
        return tensor

    def _put(self, tensor: int, data: bytes) -> None:
        self._base.ggml_backend_tensor_set(tensor, data, 0, len(data))


class _Room(ctypes.Structure):
    """ggml_init_params."""

    _fields_ = (("size", ctypes.c_size_t), ("buffer", ctypes.c_void_p), ("no_alloc", ctypes.c_bool))


def _scale(case: Case) -> float:
    return float(case.key_width**-0.5)


def _stored(rng: np.random.Generator, shape: tuple[int, ...], kind: int) -> tuple[Floats, bytes]:
    """Random numbers that the type can hold, and their bytes."""
    if kind != Q8_0:
        numbers = rng.standard_normal(shape, dtype=np.float32).astype(np.float16 if kind == F16 else np.float32)
        return numbers.astype(np.float32), numbers.tobytes()
    blocks = int(np.prod(shape)) // 32
    scales = rng.uniform(0.005, 0.03, (blocks, 1)).astype(np.float16)
    levels = rng.integers(-127, 128, (blocks, 32), dtype=np.int8)
    stored = np.concatenate([scales.view(np.uint8), levels.view(np.uint8)], axis=1)
    return (scales.astype(np.float32) * levels).reshape(shape), stored.tobytes()


def _mask(rng: np.random.Generator, case: Case) -> Floats:
    """0 where a row sees a cell (in "graded", also less), else minus infinity."""
    stream, row, cell = np.ogrid[: case.streams, : case.rows, : case.cells]
    causal = cell <= case.cells - case.rows + row
    alternating = cell % case.rows == row
    seen = {
        "causal": causal,
        "own": cell // max(1, case.cells // case.rows) == row,
        "alternating": alternating,
        "shared": (cell < case.cells // 2) | alternating,
        "random": rng.random((case.streams, case.rows, case.cells)) < 0.5,
        "graded": rng.random((case.streams, case.rows, case.cells)) < 0.5,
        "decodes and a prompt": np.where(row < 8, cell % 37 == row, causal),
        "few": cell < case.cells / 32 + stream,
        "some see nothing": (row % 3 > 0) & (rng.random((case.streams, case.rows, case.cells)) < 0.1),
    }[case.sight]
    grades = -rng.integers(0, 5, seen.shape) if case.sight == "graded" else 0.0
    mask = np.where(seen, grades, -np.inf).astype(np.float32)
    return np.ascontiguousarray(np.broadcast_to(mask, (case.streams, case.rows, case.cells)))


def main() -> int:
    """See the module."""
    engine_dir, library, seed, count = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    backend, rng, worst = Backend(engine_dir, library), random.Random(seed), 0.0
    for _ in range(count):
        case = Case.random(rng)
        data = Data.of(case)
        difference = float(np.abs(backend.attention(case, data) - data.attention(case)).max())
        if not difference <= TOLERANCE:
            sys.stdout.write(f"{difference}: {case}\n")
            return WRONG
        worst = max(worst, difference)
    sys.stdout.write(f"{worst}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
