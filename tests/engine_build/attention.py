"""Asks one CPU backend for attention, many times at random, and compares with the definition in double precision.

usage: python -m tests.engine_build.attention ENGINE_DIR LIBRARY SEED CASES

A process of its own: a backend can refuse this machine, or die (exit codes: `variants.py`). Tells the largest
difference, and what was asked where it was too large.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from bench.attention import SIGHTS, Case, Data, asked
from bench.ggml import F16, F32, Q8_0, Backend, Floats
from tests.engine_build.variants import examined

TOLERANCE = 2e-4
"""Of values around 1; llama.cpp's own adds up in half precision and would be a hundred times further away."""


def some_case(rng: random.Random) -> Case:
    """One of all kinds there are in models, the usual ones more often."""
    width = rng.choice((16, 32, 64, 80, 96, 128, 256))
    kind = rng.choice((F16, F16, F32, Q8_0))
    widths = (width, rng.choice((width, width, 64)))
    key_width, value_width = widths if kind != Q8_0 else ((one + 31) // 32 * 32 for one in widths)
    return Case(
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
        layers=rng.randint(1, 3),
    )


def by_definition(case: Case, data: Data) -> Floats:
    """What attention is: [stream, row, head, width]."""
    k = np.repeat(data.k, case.sharing, axis=2).astype(np.float64)
    v = np.repeat(data.v, case.sharing, axis=2).astype(np.float64)
    scores = np.einsum("shrw,schw->shrc", data.q.astype(np.float64), k) * case.scale
    if case.softcap:
        scores = case.softcap * np.tanh(scores / case.softcap)
    if data.mask is not None:
        scores += data.mask[:, None]
    sinks = -1e30 if data.sinks is None else data.sinks[None, :, None, None]
    best = np.maximum(scores.max(axis=-1, keepdims=True), sinks)
    weights = np.exp(scores - best)
    total = weights.sum(axis=-1, keepdims=True)
    if data.sinks is not None:
        total += np.exp(sinks - best)
    shares = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
    return np.einsum("shrc,schw->srhw", shares, v).astype(np.float32)


def differences(backend: Backend, rng: random.Random) -> Iterator[tuple[float, Case]]:
    """Of one case, and of another mask in its place."""
    case = some_case(rng)
    data = Data.of(case)
    with asked(backend, case, data) as ready:
        # What the same tensor says may be another thing in the next step.
        for one in (case, replace(case, sight=rng.choice(SIGHTS))) if case.sight else (case,):
            data = Data.of(one)
            if data.mask is not None:
                ready.see(data.mask)
            ready.graph.compute()
            yield float(np.abs(ready.answer() - by_definition(one, data)).max()), one


if __name__ == "__main__":
    sys.exit(examined(differences, TOLERANCE))
