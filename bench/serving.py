"""Many clients at once, against llama-server from the same engine build: same libraries, model, threads, context.

usage: python -m bench.serving [--scenario NAME]... [--peer SLOTS[-kvu]]... [--model small|medium|large]
                               [--rounds 3] [--backend NAME [--kit FILE --peers DIR]] [--source]
                               [--split-cache] [--prompt-lookup] [--gpu-layers N] [--folder DIR]

Every round starts each server anew, in alternating order, and asks the same. One JSON line per scenario: medians of the
rounds, ratios of ours over each peer's, and what is asked of them. Scenarios:

single    one client, 256 tokens: decoding.
prompt    one client, 1,500 words, one token: prompt processing.
cached    as single, twice: before and after the prefix cache was filled with others' prompts.
unique    16 clients with 200 different words each. long: with 1,500.
shared    16 clients with one system prompt of 800 words, cold. crowd: 32 clients, 2,000 words.
repeating one client, 256 times one word: what `--prompt-lookup` can win. fresh: what it costs where nothing repeats.
arrival   a prompt of 4,000 tokens arrives among 8 streams: gaps between tokens before and while it is computed.

`--peer` is llama-server's `-np`, with `-kvu` for one cache that all slots share; by default as many slots as clients.
Several find its best: `--peer 1 --peer 2 --peer 4 --peer 4-kvu …`. `--source` serves with the runtime of this folder,
not frozen, and the dist that an earlier run left. `--backend` packs a GPU's backend and gives llama-server the same;
whether it is taken is the dist's own decision, and told; `--gpu-layers` is for both. `--kit FILE --peers DIR` take what
was built elsewhere: a kit, and a folder with llama-server and its libraries. Memory is what the processes hold over the
mapped model; server_cpu the processor time of the process that speaks HTTP.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench import startup
from bench.load import Ask, Result, run, words
from bench.processes import Usage
from bundler.console import Console

Numbers = dict[str, float]
Measure = Callable[[int], Numbers]
"""Asks the server at a port, and tells what came of it. Times in seconds."""

OURS = "pannier"


def decoding(port: int) -> Numbers:
    """One client."""
    result = ask(port, [Ask(words(20, 1), "Tell me.", tokens=256)])
    return {"gap_s": statistics.median(result.seen[0].gaps), "first_s": result.first, "tokens": 256}


def cached(port: int) -> Numbers:
    """One client, before and after others filled the cache."""
    empty = decoding(port)["gap_s"]
    ask(port, unique(16, 800))
    full = decoding(port)["gap_s"]
    return {"gap_empty_s": empty, "gap_s": full, "full / empty speed": empty / full}


def together(asks: Callable[[], list[Ask]]) -> Measure:
    """All at once."""

    def measure(port: int) -> Numbers:
        result = ask(port, asks())
        return {"wall_s": result.wall, "first_s": result.first, "tokens": sum(one.tokens for one in asks())}

    return measure


def arrival(port: int) -> Numbers:
    """The long prompt alone, and then, of other words, among eight streams."""
    long = round(4000 / 1.3)
    alone = ask(port, [Ask(words(long, 8), "And now?", tokens=1)]).first
    streams = [Ask(words(20, client), "Tell me.", tokens=700) for client in range(8)]
    result = ask(port, [*streams, Ask(words(long, 9), "And now?", tokens=1, after=3.0, behind=30)])
    return {**gaps(result), "alone_s": alone, "prompt / alone speed": alone / result.seen[-1].first}


def gaps(result: Result) -> Numbers:
    """Between the streams' tokens: the median before the long prompt came, the 99th percentile until it was done."""
    *streams, late = result.seen
    before, during = [], []
    for stream in streams:
        for piece, gap in zip(stream.pieces[1:], stream.gaps, strict=True):
            if piece < late.asked:
                before.append(gap)
            elif piece <= late.pieces[0]:
                during.append(gap)
    usual, worst = statistics.median(before), statistics.quantiles(during, n=100)[98]
    return {"gap_before_s": usual, "gap_p99_s": worst, "stretch": worst / usual, "prompt_s": late.first}


def shared(clients: int, count: int) -> list[Ask]:
    """Clients with one system prompt."""
    return [Ask(words(count, 1), f"Question {client}: {words(12, 1000 + client)}") for client in range(clients)]


def unique(clients: int, count: int) -> list[Ask]:
    """Clients with a system prompt each."""
    return [Ask(words(count, 100 + client), f"Question {client}?") for client in range(clients)]


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is asked of a server, and of the numbers.

    speeds: by how much at least the peer's time must be ours. times: by how much at most ours may be the peer's. own:
    bounds of our own numbers, negative ones from above. Where two peers' bounds differ, the first is for as many slots
    as clients, the second for the peer's best.
    """

    measure: Measure
    clients: int = 1
    context: int = 4096
    speeds: Mapping[str, float] | None = None
    times: Mapping[str, tuple[float, float]] | None = None
    own: Mapping[str, float] | None = None


SCENARIOS = {
    "single": Scenario(decoding, speeds={"gap_s": 0.97}),
    "prompt": Scenario(together(lambda: [Ask(words(1500, 1), "Tell me.", tokens=1)]), speeds={"first_s": 0.97}),
    "repeating": Scenario(together(lambda: [Ask(words(20, 1), "Tell me.", tokens=256, biased=(65,))])),
    "fresh": Scenario(together(lambda: [Ask(words(20, 1), "Tell me.", tokens=256)])),
    "cached": Scenario(cached, 16, own={"full / empty speed": 0.95}),
    "unique": Scenario(together(lambda: unique(16, 200)), 16, speeds={"wall_s": 1.0}),
    "long": Scenario(together(lambda: unique(16, 1500)), 16, speeds={"wall_s": 1.0}),
    "shared": Scenario(together(lambda: shared(16, 800)), 16, times={"wall_s": (0.35, 0.55), "first_s": (0.25, 0.35)}),
    "crowd": Scenario(together(lambda: shared(32, 2000)), 32, times={"wall_s": (0.15, 0.45), "first_s": (0.15, 0.45)}),
    "arrival": Scenario(
        *(arrival, 9, 8192),
        speeds={"stretch": 1.0, "prompt_s": 1.0},
        own={"stretch": -4.0, "prompt / alone speed": 0.7},
    ),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", action="append", choices=[*SCENARIOS])
    parser.add_argument("--peer", action="append", default=[], metavar="SLOTS[-kvu]")
    parser.add_argument("--model", choices=[*startup.SHAPES], default="small")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--backend", default="cpu", help="of a GPU, packed beside the processor's")
    parser.add_argument("--kit", type=Path, help="packed instead of one built here")
    parser.add_argument("--peers", type=Path, help="a folder with llama-server, instead of one built here")
    parser.add_argument("--source", action="store_true")
    parser.add_argument(
        "--split-cache", action="store_true", help="ours, too, with a part of the cache for each request"
    )
    parser.add_argument("--prompt-lookup", action="store_true", help="ours guesses words from the text before")
    parser.add_argument("--gpu-layers", type=int, help="layers on the GPU, the output as one; the others stay behind")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "pannier-bench")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    contenders = Contenders(
        *(args.model, args.folder),
        source=args.source,
        backend=args.backend,
        kit=args.kit,
        peers=args.peers,
        gpu_layers=args.gpu_layers,
    )
    ours = [f"--{name}" for name in ("split-cache", "prompt-lookup") if getattr(args, name.replace("-", "_"))]
    for name in args.scenario or SCENARIOS:
        scenario = SCENARIOS[name]
        servers = contenders.of(scenario, args.peer or [str(scenario.clients)], ours)
        rounds: dict[str, list[Numbers]] = {server: [] for server in servers}
        for number in range(args.rounds):
            for server in [*servers] if number % 2 == 0 else [*reversed(servers)]:
                rounds[server].append(once(scenario, servers[server], contenders.environment))
        medians = {server: median(numbers) for server, numbers in rounds.items()}
        head = {"scenario": name, "model": args.model, "rounds": args.rounds, "backend": contenders.backend}
        report(head, scenario, medians)


class Contenders:
    """Our dist, and llama-server beside it."""

    def __init__(
        self,
        model: str,
        folder: Path,
        *,
        source: bool,
        backend: str = "cpu",
        kit: Path | None = None,
        peers: Path | None = None,
        gpu_layers: int | None = None,
    ) -> None:
        console = Console()
        backends = list(dict.fromkeys(("cpu", backend)))
        dists = [*(folder / "behind-0").glob(f"{model}-*")] if source else []
        dist = dists[0] if dists else startup.built(model, folder, console, 0, backends=backends, kit_file=kit)[1]
        self._ours = [sys.executable, "-m", "runtime"] if source else [str(dist)]
        home = folder / "home"
        home.mkdir(exist_ok=True)
        self.environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "PANNIER_DIST": str(dist)}
        self._threads = str(len(os.sched_getaffinity(0)))
        path = folder / f"{model}.gguf"
        found = startup.peers(
            *(dist, path, folder, self._threads, self.environment, console), backends=backends, ready=peers
        )
        self._layers = [] if gpu_layers is None else ["--gpu-layers", str(gpu_layers)]  # both understand it
        self._peer = [*found[1].argv, *self._layers]
        self.backend = startup.chosen_backend(dist, self.environment)

    def of(self, scenario: Scenario, peers: Sequence[str], flags: Sequence[str]) -> dict[str, Sequence[str]]:
        """Command lines by name; every slot has the context of a client."""
        size = scenario.context
        ours = [*self._ours, "serve", "--no-browser", "--port", "{port}", "--threads", self._threads]
        ours += ["--ctx-size", str(size), "--parallel", str(scenario.clients), *self._layers, *flags]
        found: dict[str, Sequence[str]] = {OURS: ours}
        for peer in peers:
            slots = int(peer.removesuffix("-kvu"))
            unified = ["-kvu"] if peer.endswith("-kvu") else []
            found[f"llama-server -np {peer}"] = [*self._peer, "-c", str(size * slots), "-np", str(slots), *unified]
        return found


def once(scenario: Scenario, argv: Sequence[str], environment: Mapping[str, str]) -> Numbers:
    """One round with a server of its own."""
    with serving(argv, environment) as (port, process):
        ask(port, [Ask("Hello", "Hello", tokens=4)])  # warm
        usage = Usage(process.pid)
        numbers = scenario.measure(port)
        usage_of = usage.so_far()
        if "tokens" in numbers:
            usage_of["server_cpu_ms_per_token"] = 1000 * usage_of["server_cpu_s"] / numbers["tokens"]
        return {**numbers, **usage_of}


def ask(port: int, asks: Sequence[Ask]) -> Result:
    """All of them at once, or each after its time."""
    return asyncio.run(run(port, asks))


@contextmanager
def serving(argv: Sequence[str], environment: Mapping[str, str]) -> Iterator[tuple[int, psutil.Popen]]:
    """A server that answers: its port and its process."""
    port = startup.free_port()
    with tempfile.TemporaryFile() as log:
        process = psutil.Popen(
            [part.format(port=port) for part in argv],
            env=dict(environment),
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
            yield port, process
        finally:
            with suppress(psutil.NoSuchProcess):  # it did not start, and is gone
                process.terminate()
            try:
                process.wait(10)
            except (subprocess.TimeoutExpired, psutil.TimeoutExpired):
                process.kill()
                process.wait()


def median(rounds: Sequence[Numbers]) -> Numbers:
    """Of every number."""
    return {key: round(statistics.median(one[key] for one in rounds), 6) for key in rounds[0]}


def report(head: Mapping[str, object], scenario: Scenario, medians: Mapping[str, Numbers]) -> None:
    """One JSON line: the medians, ours over each peer's, and what is asked and whether it is so."""
    ours = medians[OURS]
    peers = {name: numbers for name, numbers in medians.items() if name != OURS}
    ratios = {
        name: {key: round(ours[key] / peer[key], 3) for key in ours if peer.get(key)} for name, peer in peers.items()
    }
    asked = {text: bool(met) for text, met in bounds(scenario, ours, peers)}
    print(json.dumps({**head, "medians": medians, "pannier / peer": ratios, "asked": asked}, indent=1), flush=True)


def bounds(scenario: Scenario, ours: Numbers, peers: Mapping[str, Numbers]) -> Iterator[tuple[str, bool]]:
    """What is asked, in words with the number that came out, and whether it is so."""
    for key, least in (scenario.speeds or {}).items():
        for name, peer in peers.items():
            found = peer[key] / ours[key]
            yield f"{name}'s {key} / ours = {found:.3f}, at least {least}", found >= least
    for key, (slots, best) in (scenario.times or {}).items():
        least_time = min(peer[key] for peer in peers.values())
        for name, peer in peers.items():
            found = ours[key] / peer[key]
            if name == f"llama-server -np {scenario.clients}":
                yield f"{key} / {name}'s = {found:.3f}, at most {slots}", found <= slots
            if peer[key] == least_time and len(peers) > 1:
                yield f"{key} / {name}'s, its best = {found:.3f}, at most {best}", found <= best
    for key, bound in (scenario.own or {}).items():
        word = "at least" if bound > 0 else "at most"
        yield (
            f"{key} = {ours[key]:.3f}, {word} {abs(bound)}",
            (ours[key] >= bound) if bound > 0 else ours[key] <= -bound,
        )


if __name__ == "__main__":
    main()
