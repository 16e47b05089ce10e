"""Asks one CPU backend for products, many times at random, and compares with the definition in double precision.

usage: python -m tests.engine_build.products ENGINE_DIR LIBRARY SEED CASES

A process of its own: a backend can refuse this machine, or die (exit codes: `variants.py`). Tells the largest
difference, and what was asked where it was too large.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator

import numpy as np

from bench.ggml import IN_BLOCK, Q4_0, Q8_0, Backend
from bench.products import Case, Data, asked
from tests.engine_build.variants import examined

TOLERANCE = 2e-6
"""Of the sum of all products without their signs."""


def some_case(rng: random.Random) -> Case:
    """One token, few and many, also such as fill no vector; rows that are left over; several products at a time."""
    copies = rng.choice((1, 1, 1, 2))
    return Case(
        rows=rng.choice((rng.randint(1, 9), 4 * rng.randint(1, 100), rng.randint(10, 700), rng.randint(1000, 3000))),
        width=IN_BLOCK * rng.randint(1, 40),
        tokens=rng.choice((1, rng.randint(2, 8), rng.randint(9, 40), rng.randint(41, 200))),
        kind=rng.choice((Q8_0, Q8_0, Q4_0)),
        copies=copies,
        batches=copies * rng.choice((1, 1, 3)),
        threads=rng.randint(1, 5),
        seed=rng.randrange(1 << 30),
    )


def differences(backend: Backend, rng: random.Random) -> Iterator[tuple[float, Case]]:
    """Of one case, as a share of the sum of all products without their signs."""
    case = some_case(rng)
    data = Data.of(case)
    with asked(backend, case, data) as (graph, tensor):
        graph.compute()
        answer = graph.get(tensor, (case.batches, case.tokens, case.rows))
    weights = np.repeat(data.weights, case.batches // case.copies, axis=0).astype(np.float64).transpose(0, 2, 1)
    right = data.tokens.astype(np.float64) @ weights
    yield float((np.abs(answer - right) / (np.abs(data.tokens) @ np.abs(weights) + 1e-30)).max()), case


if __name__ == "__main__":
    sys.exit(examined(differences, TOLERANCE))
