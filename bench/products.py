"""Products on this processor: ours (`bundler/engine/compat/cpu/`) against llama.cpp's own.

usage: python -m bench.products --other DIR [--threads N] [--rounds 5] [--variant NAME] [--engine DIR]

Asks one CPU backend, through ggml's C interface, for a matrix of a layer of 2,048 numbers a token, and for the output
matrix of a model with 512 and a modern vocabulary, times one token, a few, and a prompt's. Weights are in Q8_0, in the
last case in Q4_0. `--other`: a folder with the libraries of an engine without ours, to measure against. Both in
alternating order, in a process of their own; one JSON line per case: medians in milliseconds, and the ratio of ours
over theirs.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.ggml import F32, IN_BLOCK, Q4_0, Q8_0, Backend, Floats, Graph, random_blocks
from bundler.console import Console
from bundler.engine.build import build_engine
from bundler.targets import host
from runtime.engine.bindings import library_file


@dataclass(frozen=True, slots=True)
class Case:
    """A matrix of weights, `rows` x `width`, times tokens. copies: of the matrix; batches: of tokens, a multiple.
    kind: of the weights, Q8_0 or Q4_0.
    """

    rows: int
    width: int
    tokens: int
    kind: int = Q8_0
    copies: int = 1
    batches: int = 1
    threads: int = 1
    seed: int = 1


FEW = (1, 2, 3, 4, 5, 8, 12, 16)
CASES = (
    *(Case(6144, 2048, tokens) for tokens in (*FEW, 64, 512)),
    *(Case(151_936, 512, tokens) for tokens in FEW),
    Case(24_576, 2048, 1, Q4_0),
)
_TIMES = 5


@dataclass(frozen=True, slots=True)
class Data:
    """Random, the same for the same seed. weights [copy, row, width]; tokens [batch, token, width].

    Tokens are such that Q8_0, which llama.cpp makes of them, holds them exactly.
    """

    weights: Floats
    weights_bytes: bytes
    tokens: Floats

    @classmethod
    def of(cls, case: Case) -> Data:
        """Made for it."""
        rng = np.random.default_rng(case.seed)
        weights, weights_bytes = random_blocks(rng, (case.copies, case.rows, case.width), case.kind)
        levels = rng.integers(-127, 128, (case.batches * case.tokens * case.width // IN_BLOCK, IN_BLOCK))
        levels[:, 0] = 127  # the largest of a block decides its scale
        scales = 2.0 ** rng.integers(-8, -4, (len(levels), 1))
        tokens = (levels * scales).astype(np.float32).reshape(case.batches, case.tokens, case.width)
        return cls(weights, weights_bytes, tokens)


@contextmanager
def asked(backend: Backend, case: Case, data: Data) -> Iterator[tuple[Graph, int]]:
    """The case, ready to be computed by a backend; and the tensor with the answer, [batch, token, row]."""
    with backend.graph(case.threads, tensors=8) as graph:
        weights = graph.tensor(case.kind, case.width, case.rows, case.copies, 1)
        tokens = graph.tensor(F32, case.width, case.tokens, case.batches, 1)
        answer = graph.base.ggml_mul_mat(graph.context, weights, tokens)
        graph.wants(answer)
        graph.place()
        graph.put(weights, data.weights_bytes)
        graph.put(tokens, data.tokens.tobytes())
        yield graph, answer


def measure(engine: Path, variant: str, threads: int) -> None:
    """Print each case's seconds, as a line of JSON."""
    backend = Backend(engine, engine / library_file(f"ggml-cpu-{variant}"))
    found = {}
    for case in CASES:
        with asked(backend, replace(case, threads=threads), Data.of(case)) as (graph, _):
            graph.compute()
            name = f"{case.tokens} tokens, {case.rows} x {case.width}{' in Q4_0' if case.kind == Q4_0 else ''}"
            found[name] = statistics.median(graph.compute() for _ in range(_TIMES))
    sys.stdout.write(json.dumps(found) + "\n")


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--variant", default="zen4", help="of the CPU backend")
    parser.add_argument("--engine", type=Path, help="a folder with its libraries, instead of one built here")
    parser.add_argument("--other", type=Path, help="a folder with another engine's, to measure against")
    parser.add_argument("--alone", action="store_true", help="measure `--engine` once, and nothing else")
    args = parser.parse_args()
    engine = args.engine or build_engine(host(), ["cpu"], None, Console()).path
    if args.alone:
        measure(engine, args.variant, args.threads)
        return
    if not args.other:
        parser.error("--other is missing: the engine to measure against")
    rounds: dict[Path, list[dict[str, float]]] = {engine: [], args.other: []}
    for number in range(args.rounds):
        for folder in [*rounds] if number % 2 else [*reversed(rounds)]:
            command = [sys.executable, "-m", "bench.products", "--alone", "--engine", str(folder)]
            command += ["--threads", str(args.threads), "--variant", args.variant]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            rounds[folder].append(json.loads(done.stdout))
    for name in rounds[engine][0]:
        ours, theirs = (1000 * statistics.median(one[name] for one in rounds[folder]) for folder in rounds)
        line = {"case": name, "ours_ms": round(ours, 3), "other_ms": round(theirs, 3), "ratio": round(ours / theirs, 3)}
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
