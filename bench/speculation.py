"""What guesses of a draft model, or of the model's own layer, win or cost: tokens a second over those without them.

usage: python -m bench.speculation [--foresight] [--faint SHARE]... [--clients N]... [--temperature T] [--tokens 192]
                                   [--rounds 3] [--prompt 24] [--model FILE [--draft FILE]] [--layers 32]
                                   [--variant NAME] [--folder DIR]

There is no trained pair here, so one is made: a model of noise whose layers behind the first add but a share of what
they make, and a draft of that first layer alone. The smaller the share the more often the two agree. How often guesses
came is told beside what they won; of a real pair (`--model`, `--draft`) both can be measured as well. With
`--foresight` the model has a layer of its own instead, which guesses; or a real one has it.

Two workers with the same model, one of which guesses, answer the same in turns. One JSON line for each share and
number of clients: medians of the rounds. `--prompt` tokens are read first, by the guessing layer, too.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from bench import models
from bundler import targets
from bundler.console import Console
from bundler.engine.build import build_engine
from runtime.engine.client import WorkerCommand, WorkerEngine
from runtime.engine.core import Finished, GenerationRequest, SamplingParams
from runtime.engine.messages import DraftFile, Load
from tests.engine.workers import backend

LARGE = models.Shape(layers=32, width=1024, feed_forward=3072, heads=16, kv_heads=4, vocabulary=32768, sharp=30.0)
"""About 410 million parameters; its first layer and the vocabulary are 45 million."""

FAINT = (0.003, 0.01, 0.03, 0.1, 1.0)


@dataclass(frozen=True, slots=True)
class Told:
    """What all clients got together in a round."""

    tokens: int
    seconds: float
    guessed: int
    right: int

    @property
    def speed(self) -> float:
        """Tokens a second."""
        return self.tokens / self.seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--foresight", action="store_true", help="the model's own layer guesses")
    parser.add_argument("--faint", type=float, action="append", metavar="SHARE")
    parser.add_argument("--clients", type=int, action="append", metavar="N")
    parser.add_argument("--temperature", type=float, default=0.0)
    parser.add_argument("--tokens", type=int, default=192)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--prompt", type=int, default=24, metavar="TOKENS")
    parser.add_argument("--variant", default="", help="of the processor's backend, as haswell")
    parser.add_argument("--layers", type=int, default=LARGE.layers)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--draft", type=Path)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "pannier-bench")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    engine_dir = build_engine(targets.host(), ["cpu"], None, Console()).path
    library = f"libggml-cpu-{args.variant}.so" if args.variant else backend(engine_dir)
    for name, model, draft in pairs(args):
        load = Load(str(engine_dir), (library,), model_path=str(model), context_size=2048, parallel=4)
        guessing = replace(load, draft=DraftFile(str(draft))) if draft else replace(load, foresight=True)
        for clients in args.clients or (1, 4):
            rounds = asyncio.run(measured({"without": load, "with": guessing}, args, clients))
            print(json.dumps({**name, "clients": clients, **summary(rounds)}), flush=True)


def pairs(args: argparse.Namespace) -> Iterator[tuple[dict[str, object], Path, Path | None]]:
    """A model and its draft, one pair after the other, and what to call them; no draft where its own layer guesses."""
    if args.model:
        yield {"model": args.model.name}, args.model, args.draft
        return
    if args.foresight:
        for faint in args.faint or FAINT:
            path = args.folder / f"foresight-{args.layers}-{faint}.gguf"
            shape = replace(LARGE, layers=args.layers, faint=faint, ahead=True)
            yield {"faint": faint}, models.write(path, shape), None
        return
    shape = replace(LARGE, layers=args.layers, plain=1)
    draft = models.write(args.folder / "speculation-draft.gguf", replace(shape, layers=1))
    for faint in args.faint or FAINT:
        path = args.folder / f"speculation-{args.layers}-{faint}.gguf"
        yield {"faint": faint}, models.write(path, replace(shape, faint=faint)), draft


async def measured(loads: dict[str, Load], args: argparse.Namespace, clients: int) -> dict[str, list[Told]]:
    """Rounds with guesses and without, by turns."""
    rounds: dict[str, list[Told]] = {name: [] for name in loads}
    async with AsyncExitStack() as stack:
        engines = {name: await _started(stack, one) for name, one in loads.items()}
        for engine in engines.values():
            await _round(engine, args, clients, number=0)  # warm, and what guesses are worth is known
        for number in range(1, args.rounds + 1):
            for name in [*engines] if number % 2 else [*reversed(engines)]:
                rounds[name].append(await _round(engines[name], args, clients, number))
    return rounds


async def _started(stack: AsyncExitStack, load: Load) -> WorkerEngine:
    engine = WorkerEngine(WorkerCommand((sys.executable, "-m", "runtime.engine.worker"), load))
    await engine.start()
    stack.push_async_callback(engine.stop)
    await engine.wait_ready()
    return engine


async def _round(engine: WorkerEngine, args: argparse.Namespace, clients: int, number: int) -> Told:
    requests = [
        GenerationRequest(
            f"{number}-{client}",
            [300 + (7919 * (1000 * number + 100 * client + place)) % 30000 for place in range(args.prompt)],
            SamplingParams(temperature=args.temperature, seed=number),
            args.tokens,
            ignore_eos=True,
        )
        for client in range(clients)
    ]
    begin = time.perf_counter()
    ends = await asyncio.gather(*(_end(engine, request) for request in requests))
    seconds = time.perf_counter() - begin
    return Told(
        tokens=sum(end.completion_tokens for end in ends),
        seconds=seconds,
        guessed=sum(end.guessed for end in ends),
        right=sum(end.right for end in ends),
    )


async def _end(engine: WorkerEngine, request: GenerationRequest) -> Finished:
    last = [event async for event in engine.generate(request)][-1]
    if not isinstance(last, Finished):
        raise SystemExit(f"no answer: {last}")
    return last


def summary(rounds: dict[str, Sequence[Told]]) -> dict[str, float]:
    """Medians, and how often guesses came. ratio: of each round's two speeds, which share what else the machine did."""
    speeds = {name: statistics.median(told.speed for told in found) for name, found in rounds.items()}
    pairs = zip(rounds["with"], rounds["without"], strict=True)
    guessed, right = (sum(getattr(told, what) for told in rounds["with"]) for what in ("guessed", "right"))
    tokens = sum(told.tokens for told in rounds["with"])
    return {
        "accepted": round(right / guessed, 3) if guessed else 0.0,
        "guessed_per_token": round(guessed / tokens, 3),
        "with": round(speeds["with"], 2),
        "without": round(speeds["without"], 2),
        "ratio": round(statistics.median(told.speed / other.speed for told, other in pairs), 3),
    }


if __name__ == "__main__":
    main()
