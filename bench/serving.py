"""Many clients at once, against llama-server from the same engine build: same libraries, model, threads, context.

usage: python -m bench.serving [--scenario NAME]... [--model small|large] [--rounds 3] [--slots 16] [--folder DIR]

Every round starts each server anew, ours and the peer's in alternating order, and asks the same; medians, and ratios
of ours over the peer's, are printed as one JSON line per scenario. Scenarios:

single    one client, one question after another: decoding.
prompt    one client, 1,500 words, one token: prompt processing.
cached    as single, but after the prefix cache was filled with others' prompts; the ratio to single is told, too.
unique    16 clients with 200 different words each. long: with 1,500.
shared    16 clients with one system prompt of 800 words, cold. crowd: 32 clients, 2,000 words.
arrival   a prompt of 4,000 tokens arrives among 8 streams: gaps between tokens before and while it is computed.

`--slots` is llama-server's `-np`; run it with 1, 2, 4, 8, 16, with and without `--kvu`, to see its best.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench import startup
from bench.load import Ask, Result, run, words
from bundler.console import Console

PER_CLIENT = 4096  # tokens of context


def shared(clients: int, count: int) -> list[Ask]:
    """Clients with one system prompt."""
    return [Ask(words(count, 1), f"Question {client}: {words(12, 1000 + client)}") for client in range(clients)]


def unique(clients: int, count: int) -> list[Ask]:
    """Clients with a system prompt each."""
    return [Ask(words(count, 100 + client), f"Question {client}?") for client in range(clients)]


def arrival() -> list[Ask]:
    """Eight streams, and after three seconds a long prompt."""
    streams = [Ask(words(20, client), "Tell me.", tokens=400) for client in range(8)]
    return [*streams, Ask(words(3500, 9), "And now?", tokens=1, after=3.0)]


SCENARIOS: dict[str, Callable[[], list[Ask]]] = {
    "single": lambda: [Ask(words(20, 1), "Tell me.", tokens=256)],
    "prompt": lambda: [Ask(words(1500, 1), "Tell me.", tokens=1)],
    "cached": lambda: [Ask(words(20, 1), "Tell me.", tokens=256)],
    "unique": lambda: unique(16, 200),
    "long": lambda: unique(16, 1500),
    "shared": lambda: shared(16, 800),
    "crowd": lambda: shared(32, 2000),
    "arrival": arrival,
}
BEFORE: dict[str, Callable[[], list[Ask]]] = {"cached": lambda: unique(16, 800)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", action="append", choices=[*SCENARIOS])
    parser.add_argument("--model", choices=[*startup.SHAPES], default="small")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--slots", type=int, default=16)
    parser.add_argument("--kvu", action="store_true")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "pannier-bench")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    servers = contenders(args)
    for scenario in args.scenario or SCENARIOS:
        results: dict[str, list[Result]] = {name: [] for name in servers}
        for round_number in range(args.rounds):
            for name in [*servers] if round_number % 2 == 0 else [*reversed(servers)]:
                with serving(servers[name], args.folder / "home") as port:
                    asyncio.run(run(port, [Ask("Hello", "Hello", tokens=4)]))  # warm
                    if scenario in BEFORE:
                        asyncio.run(run(port, BEFORE[scenario]()))
                    results[name].append(asyncio.run(run(port, SCENARIOS[scenario]())))
        report(scenario, args, results)


def contenders(args: argparse.Namespace) -> dict[str, Sequence[str]]:
    """Our dist, and llama-server with as much context for each slot."""
    console = Console()
    model, dist = startup.built(args.model, args.folder, console, behind=0)
    threads = str(len(os.sched_getaffinity(0)))
    environment = {"HOME": str(args.folder / "home"), "PATH": "/usr/bin:/bin"}
    (args.folder / "home").mkdir(exist_ok=True)
    lean = startup.peers(dist, model, args.folder, threads, environment, console)[1].argv
    peer = [*lean, "-c", str(PER_CLIENT * args.slots), "-np", str(args.slots), *(["-kvu"] if args.kvu else [])]
    ours = [str(dist), "serve", "--no-browser", "--port", "{port}", "--threads", threads]
    ours += ["--ctx-size", str(PER_CLIENT), "--parallel", str(args.slots)]
    return {"pannier": ours, "llama-server": peer}


@contextmanager
def serving(argv: Sequence[str], home: Path) -> Iterator[int]:
    """A server that answers; its port."""
    port = startup.free_port()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [part.format(port=port) for part in argv],
            env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
            stdout=log,
            stderr=log,
        )
        try:
            deadline = time.monotonic() + startup.GIVE_UP_SECONDS
            while not startup.healthy(port):
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    raise SystemExit(f"{argv[0]} did not start:\n{log.read().decode(errors='replace')}")
                time.sleep(0.02)
            yield port
        finally:
            process.terminate()
            process.wait()


def report(scenario: str, args: argparse.Namespace, results: dict[str, list[Result]]) -> None:
    """Medians over the rounds, and ours over the peer's."""
    numbers = {name: measured(scenario, rounds) for name, rounds in results.items()}
    ours, peer = numbers["pannier"], numbers["llama-server"]
    ratios = {key: round(ours[key] / peer[key], 3) for key in ours if peer.get(key)}
    head = {"scenario": scenario, "model": args.model, "slots": args.slots, "kvu": args.kvu, "rounds": args.rounds}
    print(json.dumps({**head, **numbers, "pannier / llama-server": ratios}), flush=True)


def measured(scenario: str, rounds: Sequence[Result]) -> dict[str, float]:
    """The numbers of one server."""
    found: dict[str, list[float]] = {"wall_s": [r.wall for r in rounds], "first_s": [r.first for r in rounds]}
    if scenario == "arrival":
        per_round = [gaps(result) for result in rounds]
        found = {key: [one[key] for one in per_round] for key in per_round[0]}
    elif scenario in ("single", "cached"):
        found["gap_s"] = [statistics.median(result.seen[0].gaps) for result in rounds]
    return {key: round(statistics.median(values), 4) for key, values in found.items()}


def gaps(result: Result) -> dict[str, float]:
    """Between the streams' tokens: the median before the long prompt came, the 99th percentile until it was done."""
    *streams, late = result.seen
    before, during = [], []
    for stream in streams:
        for piece, gap in zip(stream.pieces[1:], stream.gaps, strict=True):
            if piece < late.asked:
                before.append(gap)
            elif piece <= late.pieces[0]:
                during.append(gap)
    usual = statistics.median(before)
    worst = statistics.quantiles(during, n=100)[98]
    return {"gap_before_s": usual, "gap_p99_s": worst, "stretch": worst / usual, "prompt_s": late.first}


if __name__ == "__main__":
    main()
