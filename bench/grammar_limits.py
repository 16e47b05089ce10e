"""The sections of `bench.grammars` that are not about time alone: what is dear, what is understood, what it weighs."""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import numpy as np

from bench.constraints import Constraint, Desk, Guided, RefusedError, Whole, follows, gbnf, guidance, large_model
from bench.grammar_cases import DEAR, FEATURES, LARK, SCHEMAS, Feature
from runtime.engine.worker.grammar import Grammar, GrammarError

MEMORY = 8 << 30
"""More than that no dear grammar gets."""

CHILD = "PANNIER_BENCH_ENGINE"


def dear(engine_dir: Path, args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Each in a process that may hang or die."""
    path = large_model(args.folder)
    for name in DEAR:
        told = {}
        for side in ("llama.cpp", "ours", "llguidance"):
            command = [sys.executable, "-m", "bench.grammars", "--child", side, name, str(path)]
            environment = os.environ | {CHILD: str(engine_dir)}
            try:
                done = subprocess.run(
                    command, capture_output=True, text=True, timeout=args.limit, env=environment, check=False
                )
                told[side] = json.loads(done.stdout) if done.returncode == 0 else f"died with {done.returncode}"
            except subprocess.TimeoutExpired:
                told[side] = f"no end within {args.limit:.0f} s"
        yield {"grammar": name, **told}


def child(side: str, name: str, path: str) -> None:
    """Walk through one dear grammar and print what came of it."""
    desk = Desk(Path(os.environ[CHILD]), Path(path))
    lengths = np.array([len(piece) if piece[:1] != b"\xff" else 0 for piece in desk.pieces])
    room, form, _ = desk.room(), DEAR[name], desk.tokenizer
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    before = resident()
    begin, worst, walked, told = time.perf_counter(), 0.0, 0, "drawn"
    start = 0.0
    try:
        if side == "llguidance":
            constraint: Constraint = Guided(desk, LARK.get(name) or guidance(form), always=True)
        else:
            constraint = Whole(desk.model, gbnf(form, checked=side == "ours"))
        start = time.perf_counter() - begin
        for _ in range(40):
            begin = time.perf_counter()
            allowed = desk.mask(constraint, room)
            worst = max(worst, time.perf_counter() - begin)
            token = int(np.argmax(np.where(allowed, lengths + 1, 0)))
            if not allowed[token] or desk.model.ends_generation(token):
                break
            begin = time.perf_counter()
            constraint.accept(token)
            worst = max(worst, time.perf_counter() - begin)
            walked += 1
    except (RefusedError, GrammarError) as error:
        told = f"refused: {error}" if not walked else f"given up: {error}"
    numbers = {"start_ms": round(1000 * start, 1), "worst_ms": round(1000 * worst, 1), "tokens": walked}
    numbers |= {"mib": round(resident() - before, 1)} | (
        {"in_lark": True} if side == "llguidance" and name in LARK else {}
    )
    print(json.dumps(told if told.startswith("refused") else {"told": told, **numbers}))


def features(engine_dir: Path, args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """One keyword after the other."""
    desk = Desk(engine_dir, large_model(args.folder))
    sides: dict[str, Callable[[Any], Constraint]] = {
        "ours": lambda schema: Grammar(desk.model, gbnf(schema)),
        "llguidance": lambda schema: Guided(desk, guidance(schema)),
    }
    counts: dict[str, dict[str, int]] = {side: {} for side in sides}
    for feature in FEATURES:
        for documents, expected in ((feature.good, True), (feature.bad, False)):
            for document in documents:
                if jsonschema_rs.is_valid(feature.schema, document, validate_formats=True) != expected:
                    raise AssertionError(f"{feature.name}: {document} is wrong")
        told = {side: verdict(desk, feature, make) for side, make in sides.items()}
        for side, word in told.items():
            word = word.partition(":")[0]
            counts[side][word] = counts[side].get(word, 0) + 1
        yield {"keyword": feature.name, **told}
    yield {"keywords": len(FEATURES), **counts}


def verdict(desk: Desk, feature: Feature, make: Callable[[Any], Constraint]) -> str:
    """What a side makes of a keyword."""

    def taken(text: str) -> bool:
        constraint = make(feature.schema)
        try:
            return follows(constraint, desk, text)
        finally:
            constraint.close()

    try:
        wrong = [texts[0] for texts in feature.texts(feature.bad) if any(map(taken, texts))]
        lost = [texts[0] for texts in feature.texts(feature.good) if not any(map(taken, texts))]
    except RefusedError as error:
        return f"refused: {error}"
    if wrong:
        return f"not enforced: {' '.join(wrong)}"
    return f"enforced, but never written: {' '.join(lost)}" if lost else "enforced"


def weight(engine_dir: Path, args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """What comes along with it."""
    spec = importlib.util.find_spec("llguidance")
    folder = Path(spec.origin or "").parent if spec else Path()
    files = [path for path in folder.rglob("*") if path.suffix in (".so", ".pyd", ".py")]
    yield {
        "llguidance_bytes": sum(path.stat().st_size for path in files),
        "packed_bytes": sum(len(zlib.compress(path.read_bytes(), 9)) for path in files),
        "version": importlib.metadata.version("llguidance"),
    }
    modules = {"ours": "runtime.grammar.schema, runtime.grammar.harmless", "llguidance": "llguidance"}
    taken: dict[str, list[float]] = {side: [] for side in modules}
    memory: dict[str, list[float]] = {side: [] for side in modules}
    for number in range(args.rounds):
        for side in [*modules][:: 1 if number % 2 == 0 else -1]:
            done = subprocess.run([sys.executable, "-c", IMPORT.format(modules[side])], capture_output=True, check=True)
            milliseconds, kib = map(float, done.stdout.split())
            taken[side].append(milliseconds)
            memory[side].append(kib / 1024)
    yield {"import_ms": middle(taken), "import_mib": middle(memory)}
    desk = Desk(engine_dir, large_model(args.folder))
    pieces, before = desk.pieces, resident()
    tokenizer = desk.tokenizer
    grown = {"tokenizer": resident() - before, "pieces": sum(map(len, pieces)) >> 20}
    room = desk.room()
    for side in ("ours", "llguidance"):
        before = resident()
        made: list[Constraint] = []
        for schema in [*SCHEMAS.values()] * 4:
            made.append(Grammar(desk.model, gbnf(schema)) if side == "ours" else Guided(desk, guidance(schema)))
            desk.mask(made[-1], room)
        grown[f"{len(made)} schemas, {side}"] = resident() - before
    del tokenizer
    yield {"grown_mib": grown}


IMPORT = """import time, resource
def kib(): return int(open('/proc/self/statm').read().split()[1]) * 4
before, begin = kib(), time.perf_counter()
import {}
print(1000 * (time.perf_counter() - begin), kib() - before)
"""


def resident() -> float:
    """This process's memory, in MiB."""
    return round(int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / (1 << 20), 1)


def timed(act: Callable[[], object]) -> float:
    """Seconds."""
    begin = time.perf_counter()
    act()
    return time.perf_counter() - begin


def middle(taken: dict[str, list[float]]) -> dict[str, float]:
    """Medians, of those that were measured."""
    return {name: round(statistics.median(values), 2) for name, values in taken.items() if values}
