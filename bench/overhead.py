"""What the way through the server costs, against llama-server from the same engine build.

usage: python -m bench.overhead [--model small|large] [--rounds 3] [--asks 60] [--source] [--folder DIR]

added     a client alone, one question after another: its time to the first word, less what the engine itself says it
          took for the prompt (`timings.prompt_ms`): template, tokens, queue, JSON, HTTP and the way to the worker.
streams   32 clients at once, 64 tokens each: tokens a second, all together.

Every round starts each server anew, in alternating order; medians and ours over the peer's are printed as JSON lines,
with what is asked of them: 5 ms at most are added, and no fewer tokens come than from the peer. `--source` serves with
the runtime of this folder, and the dist that an earlier run left.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import statistics
import tempfile
import time
from pathlib import Path

from bench import startup
from bench.load import Ask, run, words
from bench.serving import OURS, Contenders, Scenario, decoding, serving

CLIENTS, TOKENS = 32, 64


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=[*startup.SHAPES], default="small")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--asks", type=int, default=60)
    parser.add_argument("--source", action="store_true")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "pannier-bench")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    contenders = Contenders(args.model, args.folder, source=args.source)
    servers = contenders.of(Scenario(decoding, CLIENTS, context=1024), [f"{CLIENTS}-kvu"], [])
    added: dict[str, list[float]] = {name: [] for name in servers}
    speed: dict[str, list[float]] = {name: [] for name in servers}
    for round_number in range(args.rounds):
        for name in [*servers] if round_number % 2 == 0 else [*reversed(servers)]:
            with serving(servers[name], contenders.environment) as (port, _):
                asyncio.run(run(port, [Ask("Hello", "Hello", tokens=4)]))  # warm
                added[name] += [added_seconds(port, number + 1000 * round_number) for number in range(args.asks)]
                result = asyncio.run(run(port, [Ask(words(20, n), "Tell me.", TOKENS) for n in range(CLIENTS)]))
                speed[name].append(CLIENTS * TOKENS / result.wall)
    milliseconds = {name: round(1000 * statistics.median(values), 3) for name, values in added.items()}
    tokens = {name: round(statistics.median(values), 1) for name, values in speed.items()}
    head = {"model": args.model, "rounds": args.rounds}
    (peer,) = (name for name in servers if name != OURS)
    asked = {"added_ms <= 5": milliseconds[OURS] <= 5}
    print(json.dumps({"scenario": "added", **head, "added_ms": milliseconds, "asked": asked}), flush=True)
    ratio = round(tokens[OURS] / tokens[peer], 3)
    more = {"tokens_per_s": tokens, "ratio": ratio, "asked": {"ratio >= 1": ratio >= 1}}
    print(json.dumps({"scenario": "streams", **head, **more}), flush=True)


def added_seconds(port: int, seed: int) -> float:
    """One question nobody asked before: seconds to the first word, less the engine's own for the prompt."""
    messages = [{"role": "user", "content": words(30, seed)}]
    body = {"messages": messages, "stream": True, "max_tokens": 2, "temperature": 0, "ignore_eos": True}
    connection = http.client.HTTPConnection("127.0.0.1", port)
    asked = time.perf_counter()
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
    first = own = 0.0
    for line in connection.getresponse():
        if not line.startswith(b"data: {"):
            continue
        chunk = json.loads(line[6:])
        own = chunk["timings"]["prompt_ms"] / 1000 if "timings" in chunk else own
        if not first and chunk["choices"] and chunk["choices"][0]["delta"].get("content"):
            first = time.perf_counter()
    connection.close()
    return first - asked - own


if __name__ == "__main__":
    main()
