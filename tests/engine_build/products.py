"""Asks one CPU backend for products, many times at random, and compares with the definition in double precision.

usage: python -m tests.engine_build.products ENGINE_DIR LIBRARY SEED CASES

A process of its own: a backend can refuse this machine, or die (exit codes: `variants.py`). Tells the largest
difference, and what was asked where it was too large.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np

from bench.ggml import IN_BLOCK, Backend, RefusedError
from bench.products import Case, Data, asked
from tests.engine_build.variants import REFUSED, WRONG

TOLERANCE = 2e-6
"""Of the sum of all products without their signs."""


def some_case(rng: random.Random) -> Case:
    """Few and many tokens, also such as fill no vector; rows that are left over; several products at a time."""
    copies = rng.choice((1, 1, 1, 2))
    return Case(
        rows=rng.choice((rng.randint(1, 9), 4 * rng.randint(1, 100), rng.randint(10, 700))),
        width=IN_BLOCK * rng.randint(1, 40),
        tokens=rng.choice((rng.randint(1, 8), rng.randint(9, 40), rng.randint(41, 200))),
        copies=copies,
        batches=copies * rng.choice((1, 1, 3)),
        threads=rng.randint(1, 5),
        seed=rng.randrange(1 << 30),
    )


def worst_difference(backend: Backend, case: Case) -> float:
    """As a share of the sum of all products without their signs."""
    data = Data.of(case)
    with asked(backend, case, data) as (graph, tensor):
        graph.compute()
        answer = graph.get(tensor, (case.batches, case.tokens, case.rows))
    weights = np.repeat(data.weights, case.batches // case.copies, axis=0).astype(np.float64).transpose(0, 2, 1)
    right = data.tokens.astype(np.float64) @ weights
    return float((np.abs(answer - right) / (np.abs(data.tokens) @ np.abs(weights) + 1e-30)).max())


def main() -> int:
    """See the module."""
    engine_dir, library, seed, count = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    try:
        backend = Backend(engine_dir, library)
    except RefusedError:
        return REFUSED
    rng, worst = random.Random(seed), 0.0
    for _ in range(count):
        case = some_case(rng)
        difference = worst_difference(backend, case)
        if not difference <= TOLERANCE:
            sys.stdout.write(f"{difference}: {case}\n")
            return WRONG
        worst = max(worst, difference)
    sys.stdout.write(f"{worst}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
