"""Attention on this processor: ours (`bundler/engine/compat/cpu/`) against llama.cpp's own, in the same library.

usage: python -m bench.attention [--threads N] [--rounds 5] [--variant NAME] [--engine DIR]

Asks one CPU backend, through ggml's C interface, for eight layers' attention as llama.cpp asks for it: keys and values
in F16, of models with 64 numbers a head and 8 heads on 2 of keys ("small"), and 128, 32 on 8 ("large"). Both in
alternating order; one JSON line per case: medians of a layer in milliseconds, and the ratio of ours over theirs.
llama.cpp's own is reached by a slope that does not change anything: what has one is left to it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.ggml import F16, F32, Q8_0, Backend, Floats, Graph, medians, random_blocks
from bundler.console import Console
from bundler.engine.build import build_engine
from bundler.targets import host
from runtime.engine.bindings import library_file

_NO_SLOPE_WORTH_THE_NAME = 1e-9
_LAYERS = 8


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
    ("4 rows of a prompt behind 4,096 cells", Case(4, 4100, "causal")),
    ("16 rows of a prompt behind 4,096 cells", Case(16, 4112, "causal")),
    ("64 rows of a prompt behind 4,096 cells", Case(64, 4160, "causal")),
    ("512 rows of a prompt behind 4,096 cells", Case(512, 4608, "causal")),
    ("8 rows that decode, 64 of a prompt behind 4,096 cells", Case(72, 4608, "decodes and a prompt")),
    ("8 rows that decode, 64 of a prompt behind 4,096 of 4,915 cells", Case(72, 4915, "cells between others'")),
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


@contextmanager
def asked(backend: Backend, case: Case, data: Data) -> Iterator[Asked]:
    """The case, ready to be computed by a backend."""
    with backend.graph(case.threads, tensors=32 + case.layers) as graph:
        q = graph.tensor(F32, case.key_width, case.rows, case.heads, case.streams)
        k, k_seen = _cells(graph, case, case.key_width)
        v, v_seen = _cells(graph, case, case.value_width)
        mask = data.mask if data.mask is None else graph.tensor(F16, case.cells, case.rows, 1, case.streams)
        sinks = data.sinks if data.sinks is None else graph.tensor(F32, case.heads, 1, 1, 1)
        slope = _NO_SLOPE_WORTH_THE_NAME if case.theirs else 0.0
        for _ in range(case.layers):
            arguments = (q, k_seen, v_seen, mask, case.scale, slope, case.softcap)
            answer = graph.base.ggml_flash_attn_ext(graph.context, *arguments)
            if sinks:
                graph.base.ggml_flash_attn_ext_add_sinks(answer, sinks)
            graph.wants(answer)
        graph.place()
        graph.put(q, data.q.tobytes())
        graph.put(k, data.k_bytes)
        graph.put(v, data.v_bytes)
        if data.sinks is not None:
            graph.put(sinks, data.sinks.tobytes())
        ready = Asked(graph, mask, answer, (case.streams, case.rows, case.heads, case.value_width))
        if data.mask is not None:
            ready.see(data.mask)
        yield ready


def _cells(graph: Graph, case: Case, width: int) -> tuple[int, int]:
    """As llama.cpp's cache has them, cell by cell; and as attention sees them, head by head."""
    base = graph.base
    kept = graph.tensor(case.kind, width * case.key_heads, case.cells, case.streams, 1)
    head, cell = base.ggml_row_size(case.kind, width), base.ggml_row_size(case.kind, width * case.key_heads)
    shape = (width, case.cells, case.key_heads, case.streams)
    return kept, base.ggml_view_4d(graph.context, kept, *shape, cell, head, cell * case.cells, 0)


@dataclass(frozen=True, slots=True)
class Asked:
    """A case in a backend's memory. shape: of the answer."""

    graph: Graph
    mask: int | None
    tensor: int
    shape: tuple[int, int, int, int]

    def see(self, mask: Floats) -> None:
        """Let this be the mask from now on."""
        if self.mask is not None:
            self.graph.put(self.mask, mask.astype(np.float16).tobytes())

    def answer(self) -> Floats:
        """What came out: [stream, row, head, width]."""
        return self.graph.get(self.tensor, self.shape)


def _stored(rng: np.random.Generator, shape: tuple[int, ...], kind: int) -> tuple[Floats, bytes]:
    """Random numbers that the type can hold, and their bytes."""
    if kind == Q8_0:
        return random_blocks(rng, shape)
    numbers = rng.standard_normal(shape, dtype=np.float32).astype(np.float16 if kind == F16 else np.float32)
    return numbers.astype(np.float32), numbers.tobytes()


SIGHTS = (
    *("causal", "own", "alternating", "shared", "random"),
    *("graded", "decodes and a prompt", "cells between others'", "few", "some see nothing"),
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
        "cells between others'": np.where(row < 8, cell % 48 == row, causal & (cell % 48 > 7)),
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
    with asked(backend, case, data) as ours, asked(backend, replace(case, theirs=True), data) as theirs:
        return medians(ours.graph, theirs.graph, rounds)


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
