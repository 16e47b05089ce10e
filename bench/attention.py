"""Attention on this processor: ours (`bundler/engine/compat/cpu/`) against llama.cpp's own, in the same library.

usage: python -m bench.attention [--threads N] [--rounds 5] [--variant NAME] [--engine DIR]

Asks one CPU backend, through ggml's C interface, for eight layers' attention as llama.cpp asks for it: keys and values
in F16, of models with 64 numbers a head and 8 heads on 2 of keys ("small"), and 128, 32 on 8 ("large"). Both in
alternating order; one JSON line per case: medians of a layer in milliseconds, and the ratio of ours over theirs.
llama.cpp's own is reached by a slope that does not change anything: what has one is left to it.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bundler.console import Console
from bundler.engine.build import build_engine
from bundler.targets import host
from runtime.engine.bindings import library_file
from runtime.errors import CannotRunError

Floats = NDArray[np.float32]

F32, F16, Q8_0 = 0, 1, 8
"""ggml's numbers of its types."""

_NO_SLOPE_WORTH_THE_NAME = 1e-9
_WARM_UP, _TIMES, _LAYERS = 1, 3, 8


@dataclass(frozen=True, slots=True)
class Case:
    """What is asked. sight: which cells a row sees (`SIGHTS`); "" for all, without a mask. kind: of keys and values.

    sharing: queries that read the same keys. softcap: 0 for none. theirs: llama.cpp's own is to answer. layers: how
    often the same is asked in one graph.
    """

    rows: int
    cells: int
    sight: str
    key_width: int = 64
    value_width: int = 64
    key_heads: int = 2
    sharing: int = 4
    streams: int = 1
    kind: int = F16
    has_sinks: bool = False
    softcap: float = 0.0
    threads: int = 1
    seed: int = 1
    theirs: bool = False
    layers: int = 1

    @property
    def heads(self) -> int:
        """Of queries."""
        return self.key_heads * self.sharing

    @property
    def scale(self) -> float:
        """Of the scores."""
        return float(self.key_width**-0.5)


SMALL = {"key_width": 64, "value_width": 64, "key_heads": 2, "sharing": 4}
LARGE = {"key_width": 128, "value_width": 128, "key_heads": 8, "sharing": 4}

CASES = (
    ("one row, 4,096 cells", Case(1, 4096, "causal")),
    ("one row, 400 of 12,800 cells", Case(1, 12800, "few")),
    ("16 rows, 300 cells of its own each", Case(16, 4800, "own")),
    ("16 rows, 1,536 cells of its own each", Case(16, 24576, "own")),
    ("32 rows, 2,700 cells together, 84 of its own each", Case(32, 5400, "shared")),
    ("a prompt of 512 at its beginning", Case(512, 512, "causal")),
    ("64 rows of a prompt behind 4,096 cells", Case(64, 4160, "causal")),
    ("512 rows of a prompt behind 4,096 cells", Case(512, 4608, "causal")),
    ("8 rows that decode, 64 of a prompt behind 4,096 cells", Case(72, 4608, "decodes and a prompt")),
    ("64 rows of the last of 16 texts", Case(64, 20480, "last of 16")),
    ("8 rows of 16 texts, 64 of the last one's prompt", Case(72, 20480, "8 and the last of 16")),
    ("8 rows of 16 texts, 504 of the last one's prompt", Case(512, 20480, "8 and the last of 16")),
)


@dataclass(frozen=True, slots=True)
class Data:
    """Of a case, random, the same for the same seed.

    Shapes: q [stream, head, row, width]; k, v [stream, cell, key head, width]; mask [stream, row, cell]; sinks [head].
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
        """Made for it."""
        rng = np.random.default_rng(case.seed)
        shape = (case.streams, case.cells, case.key_heads)
        k, k_bytes = _stored(rng, (*shape, case.key_width), case.kind)
        v, v_bytes = _stored(rng, (*shape, case.value_width), case.kind)
        q = rng.standard_normal((case.streams, case.heads, case.rows, case.key_width), dtype=np.float32)
        sinks = rng.standard_normal(case.heads, dtype=np.float32) if case.has_sinks else None
        return cls(q, k, v, _mask(rng, case) if case.sight else None, sinks, k_bytes, v_bytes)


class RefusedError(CannotRunError):
    """The backend does not want to run on this machine."""


class Backend:
    """One CPU backend, through ggml's C interface; pointers are plain addresses."""

    def __init__(self, engine_dir: Path, library: Path) -> None:
        """Raises `RefusedError`."""
        self._base = ctypes.CDLL(str(engine_dir / library_file("ggml-base")))
        ggml = ctypes.CDLL(str(engine_dir / library_file("ggml")))
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
        ggml.ggml_backend_load.restype, ggml.ggml_backend_load.argtypes = address, (ctypes.c_char_p,)
        registered = ggml.ggml_backend_load(os.fsencode(library))
        if not registered:
            raise RefusedError(f"{library.name} does not run here.", "Choose another variant.")
        self._backend = self._base.ggml_backend_dev_init(self._base.ggml_backend_reg_dev_get(registered, 0), None)
        threads = self._base.ggml_backend_reg_get_proc_address(registered, b"ggml_backend_set_n_threads")
        self._set_threads = ctypes.CFUNCTYPE(None, address, ctypes.c_int)(threads)

    @contextmanager
    def asked(self, case: Case, data: Data) -> Iterator[Asked]:
        """The case, ready to be computed."""
        base = self._base
        room = (32 + case.layers) * base.ggml_tensor_overhead() + base.ggml_graph_overhead()
        context = base.ggml_init(_Room(room, None, True))
        q = self._new(context, F32, case.key_width, case.rows, case.heads, case.streams)
        k, k_seen = self._cells(context, case, case.key_width)
        v, v_seen = self._cells(context, case, case.value_width)
        mask = data.mask if data.mask is None else self._new(context, F16, case.cells, case.rows, 1, case.streams)
        sinks = data.sinks if data.sinks is None else self._new(context, F32, case.heads, 1, 1, 1)
        slope = _NO_SLOPE_WORTH_THE_NAME if case.theirs else 0.0
        graph = base.ggml_new_graph(context)
        for _ in range(case.layers):
            answer = base.ggml_flash_attn_ext(context, q, k_seen, v_seen, mask, case.scale, slope, case.softcap)
            if sinks:
                base.ggml_flash_attn_ext_add_sinks(answer, sinks)
            base.ggml_build_forward_expand(graph, answer)
        base.ggml_build_forward_expand(graph, self._roomy(context))
        buffer = base.ggml_backend_alloc_ctx_tensors(context, self._backend)
        self._put(q, data.q.tobytes())
        self._put(k, data.k_bytes)
        self._put(v, data.v_bytes)
        if data.sinks is not None:
            self._put(sinks, data.sinks.tobytes())
        self._set_threads(self._backend, case.threads)
        try:
            shape = (case.streams, case.rows, case.heads, case.value_width)
            asked = Asked(base, self._backend, graph, mask, answer, shape)
            if data.mask is not None:
                asked.see(data.mask)
            yield asked
        finally:
            base.ggml_backend_buffer_free(buffer)
            base.ggml_free(context)

    def _cells(self, context: int, case: Case, width: int) -> tuple[int, int]:
        """As llama.cpp's cache has them, cell by cell; and as attention sees them, head by head."""
        base = self._base
        kept = self._new(context, case.kind, width * case.key_heads, case.cells, case.streams, 1)
        head, cell = base.ggml_row_size(case.kind, width), base.ggml_row_size(case.kind, width * case.key_heads)
        shape = (width, case.cells, case.key_heads, case.streams)
        return kept, base.ggml_view_4d(context, kept, *shape, cell, head, cell * case.cells, 0)

    def _roomy(self, context: int) -> int:
        """A step that needs more room than attention does, as a model has; all share what the largest needs."""
        q, k, v = (self._new(context, kind, 1024, 1, 1, 1) for kind in (F32, F16, F16))
        step: int = self._base.ggml_flash_attn_ext(context, q, k, v, None, 1.0, 0.0, 0.0)
        return step

    def _new(self, context: int, kind: int, *shape: int) -> int:
        tensor: int = self._base.ggml_new_tensor_4d(context, kind, *shape)
        return tensor

    def _put(self, tensor: int, data: bytes) -> None:
        self._base.ggml_backend_tensor_set(tensor, data, 0, len(data))


@dataclass(frozen=True, slots=True)
class Asked:
    """A case in a backend's memory. shape: of the answer."""

    base: ctypes.CDLL
    backend: int
    graph: int
    mask: int | None
    tensor: int
    shape: tuple[int, int, int, int]

    def see(self, mask: Floats) -> None:
        """Let this be the mask from now on."""
        data = mask.astype(np.float16).tobytes()
        self.base.ggml_backend_tensor_set(self.mask, data, 0, len(data))

    def compute(self) -> float:
        """The seconds it took."""
        begin = time.perf_counter()
        if self.base.ggml_backend_graph_compute(self.backend, self.graph):
            raise CannotRunError("ggml could not compute attention.", "Look at what it wrote before.")
        return time.perf_counter() - begin

    def answer(self) -> Floats:
        """What came out: [stream, row, head, width]."""
        found = np.empty(self.shape, np.float32)
        self.base.ggml_backend_tensor_get(self.tensor, found.ctypes.data_as(ctypes.c_char_p), 0, found.nbytes)
        return found


class _Room(ctypes.Structure):
    """ggml_init_params."""

    _fields_ = (("size", ctypes.c_size_t), ("buffer", ctypes.c_void_p), ("no_alloc", ctypes.c_bool))


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


SIGHTS = (
    *("causal", "own", "alternating", "shared", "random"),
    *("graded", "decodes and a prompt", "few", "some see nothing"),
)


def _mask(rng: np.random.Generator, case: Case) -> Floats:
    """0 where a row sees a cell (in "graded", also less), else minus infinity."""
    stream, row, cell = np.ogrid[: case.streams, : case.rows, : case.cells]
    shape = (case.streams, case.rows, case.cells)
    causal = cell <= case.cells - case.rows + row
    alternating = cell % case.rows == row
    text = 16 * cell // case.cells
    half = rng.random(shape) < 0.5 if case.sight in ("random", "graded") else None
    seen = {
        "causal": causal,
        "own": cell // max(1, case.cells // case.rows) == row,
        "alternating": alternating,
        "shared": (cell < case.cells // 2) | alternating,
        "random": half,
        "graded": half,
        "decodes and a prompt": np.where(row < 8, cell % 37 == row, causal),
        "last of 16": (text == 15) & causal,
        "8 and the last of 16": np.where(row < 8, text == row, (text == 15) & causal),
        "few": cell < case.cells / 32 + stream,
        "some see nothing": (row % 3 > 0) & (cell % 11 == row % 11),
    }[case.sight]
    grades = -rng.integers(0, 5, shape) if case.sight == "graded" else 0.0
    mask = np.where(seen, grades, -np.inf).astype(np.float32)
    return np.ascontiguousarray(np.broadcast_to(mask, shape))


def measured(backend: Backend, case: Case, rounds: int) -> tuple[float, float]:
    """Median seconds: ours, llama.cpp's own."""
    data = Data.of(case)
    with backend.asked(case, data) as ours, backend.asked(replace(case, theirs=True), data) as theirs:
        times: tuple[list[float], list[float]] = ([], [])
        for round_ in range(rounds):
            both = [(ours, times[0]), (theirs, times[1])]
            for asked, kept in both if round_ % 2 else reversed(both):
                for _ in range(_WARM_UP):
                    asked.compute()
                kept += [asked.compute() for _ in range(_TIMES)]
    return statistics.median(times[0]), statistics.median(times[1])


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--variant", default="haswell", help="of the CPU backend")
    parser.add_argument("--engine", type=Path, help="a folder with its libraries, instead of one built here")
    args = parser.parse_args()
    engine = args.engine or build_engine(host(), ["cpu"], None, Console()).path
    backend = Backend(engine, engine / library_file(f"ggml-cpu-{args.variant}"))
    for model, shape in (("small", SMALL), ("large", LARGE)):
        for name, case in CASES:
            seconds = measured(backend, replace(case, threads=args.threads, layers=_LAYERS, **shape), args.rounds)
            ours, theirs = (round(1000 * one / _LAYERS, 3) for one in seconds)
            line = {"case": name, "model": model, "ours_ms": ours, "llama.cpp_ms": theirs}
            sys.stdout.write(json.dumps(line | {"ratio": round(seconds[0] / seconds[1], 3)}) + "\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
