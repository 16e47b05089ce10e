"""What holding answers to a form costs: llama.cpp's grammars as we use them against llguidance, in the same draws.

usage: uv run --with llguidance==1.9.1 python -m bench.grammars [SECTION]... [--rounds 3] [--limit 30] [--folder DIR]

tokens    microseconds to draw a token, with Qwen 2's vocabulary (151,936 tokens) and the demo model's; our own sampler
          draws, whoever says what is allowed. "asked first": the token drawn without a form is asked about, and only
          where it is refused it is drawn again (what we do; on Linux from the likeliest, if enough of them are
          allowed); "mask": masked for every token. `refused`: the share of tokens that are not what the form allows.
          Logits are noise in which the document's next token (or before it, one that is refused) is far ahead.
          `likeliest_us`: to find the 1024 likeliest and ask llama.cpp about those alone (Linux).
          `forced`: the share of tokens that llguidance could tell without the model.
refused   how many tokens of the demo model, which knows nothing of JSON, a form refuses.
starts    milliseconds from a schema to the first mask; and llguidance's view of the vocabulary, once for a model.
dear      grammars that are known to be dear, each in a process of its own, 40 tokens, masked: the longest allowed token
          is taken. "llama.cpp" is without our look at the grammar (`runtime.grammar.harmless`), "ours" with it.
features  keywords of JSON Schema: enforced, refused, or taken and not enforced. Documents of each that follow it and
          that do not are walked through both, written with and without spaces; jsonschema-rs agrees about them.
weight    size, packed size, time to import, memory.

Contenders alternate in every round; medians. Ratios are llguidance's over ours: above 1, ours is better. JSON lines.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bench.constraints import CONTENDERS, Constraint, Desk, Guided, Whole, gbnf, guidance, large_model, sampler
from bench.grammar_cases import DOCUMENTS, SCHEMAS
from bench.grammar_limits import child, dear, features, middle, timed, weight
from bundler import demo, targets
from bundler.console import Console
from bundler.engine.build import build_engine
from runtime.engine.worker.grammar import Grammar
from runtime.engine.worker.likeliest import MOST, Likeliest
from runtime.grammar.harmless import harmless

OURS, PEER = "llama.cpp, asked first", "llguidance, asked first"
SHARES = (0.0, 0.05, 1.0)


def main() -> None:
    """Run the sections asked for, all by default."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=float, default=30.0, help="seconds for one dear grammar")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "pannier-bench")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    if unknown := {*args.sections} - {*SECTIONS}:
        parser.error(f"no section {', '.join(unknown)}")
    if args.child:
        child(*args.child)
        return
    engine_dir = build_engine(targets.host(), ["cpu"], None, Console()).path
    for section in args.sections or SECTIONS:
        for line in SECTIONS[section](engine_dir, args):
            print(json.dumps({"section": section, **line}, ensure_ascii=False), flush=True)


def tokens(engine_dir: Path, args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Every contender draws the same documents."""
    for path in (large_model(args.folder), demo.MODEL_PATH):
        desk = Desk(engine_dir, path)
        for name, (schema, document) in DOCUMENTS.items():
            wanted = [*desk.tokens(document), desk.end]
            refused = forbidden(desk, schema, wanted)
            for share in SHARES:
                microseconds: dict[str, list[float]] = {contender: [] for contender in CONTENDERS}
                worst: dict[str, list[float]] = {contender: [] for contender in CONTENDERS}
                for number in range(args.rounds):
                    for contender in [*CONTENDERS][:: 1 if number % 2 == 0 else -1]:
                        if contender == "none" and share:
                            continue
                        taken = drawn(desk, contender, schema, wanted, refused, share)
                        microseconds[contender].append(1e6 * statistics.fmean(taken))
                        worst[contender].append(1e6 * max(taken))
                mean, most = middle(microseconds), middle(worst)
                head = {"vocabulary": desk.size, "document": name, "tokens": len(wanted), "refused": share}
                yield {**head, "mean_us": mean, "worst_us": most, "ratio": round(mean[PEER] / mean[OURS], 3)}
            told = {"likeliest_us": likeliest(desk, schema, wanted, args.rounds)}
            told["forced"] = round(forced(desk, schema, wanted), 3)
            yield {"vocabulary": desk.size, "document": name, **told}


def drawn(
    desk: Desk, contender: str, schema: dict[str, Any], wanted: list[int], refused: list[int], share: float
) -> list[float]:
    """Seconds for each token of a document."""
    noise = np.random.default_rng(5).normal(0, 2, (4, desk.size)).astype(np.float32)
    dice, taken = random.Random(9), []
    making = sampler(desk, contender, schema)
    gc.collect()
    gc.disable()
    for index, token in enumerate(wanted):
        desk.logits[:] = noise[index % len(noise)]
        desk.logits[token] = 40
        if refused[index] >= 0 and dice.random() < share:
            desk.logits[refused[index]] = 60
        begin = time.perf_counter()
        got, _ = making.sample(desk.easel, 0, index)
        taken.append(time.perf_counter() - begin)
        if got != token:
            raise AssertionError(f"{contender} drew {desk.pieces[got]!r} for {desk.pieces[token]!r}")
    gc.enable()
    making.close()
    return taken


def likeliest(desk: Desk, schema: dict[str, Any], wanted: list[int], rounds: int) -> float:
    """What it would take to find the 1024 likeliest tokens and to ask about those alone: a mean of microseconds."""
    found, means = Likeliest(desk.raw, desk.context, desk.size), []
    desk.logits[:] = np.random.default_rng(5).normal(0, 2, desk.size)
    for _ in range(rounds):
        constraint, taken = Whole(desk.model, gbnf(schema)), []
        chain = desk.raw.llama_sampler_chain_init(desk.raw.llama_sampler_chain_default_params())
        for one in (constraint.filter, desk.raw.llama_sampler_init_greedy()):
            desk.raw.llama_sampler_chain_add(chain, one)
        for token in wanted:
            taken.append(timed(lambda chain=chain: found.draw(chain, 0, MOST)))
            constraint.accept(token)
        desk.raw.llama_sampler_free(chain)
        constraint.close()
        means.append(1e6 * statistics.fmean(taken))
    return round(statistics.median(means), 1)


def forced(desk: Desk, schema: dict[str, Any], wanted: list[int]) -> float:
    """The share of tokens of which llguidance knows before that nothing else can come."""
    guided, count = Guided(desk, guidance(schema)), 0
    for token in wanted:
        count += bool(guided.matcher.compute_ff_tokens())
        guided.accept(token)
    guided.close()
    return count / len(wanted)


def forbidden(desk: Desk, schema: dict[str, Any], wanted: list[int]) -> list[int]:
    """For each token of a document one that both refuse there; -1 where none was found."""
    both = (Grammar(desk.model, gbnf(schema)), Guided(desk, guidance(schema)))
    dice, found = random.Random(3), []
    usual = [token for text in ("Sure", "```", "\n", "{", "]", "#") for token in desk.tokens(text)[-1:]]
    for token in wanted:
        tried = [*usual, *(dice.randrange(desk.size) for _ in range(200))]
        found.append(next((one for one in tried if not any(side.allows(one) for side in both)), -1))
        for side in both:
            side.accept(token)
    for side in both:
        side.close()
    return found


class Counted(Grammar):
    """Ours, which counts how often it was asked and said no."""

    asked = said_no = 0

    def allows(self, token: int) -> bool:
        """As ever."""
        allowed = super().allows(token)
        self.asked, self.said_no = self.asked + 1, self.said_no + (not allowed)
        return allowed


def refused(engine_dir: Path, args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The demo model says what it likes."""
    desk = Desk(engine_dir, demo.MODEL_PATH)
    for name, (schema, _) in DOCUMENTS.items():
        counted = Counted(desk.model, gbnf(schema))
        CONTENDERS["counted"] = lambda *_, counted=counted: counted
        making, prompt, said = sampler(desk, "counted", schema), desk.tokens("Tell me about Alice."), 0
        for position, token in enumerate(prompt):
            desk.compute(token, position)
        for index in range(200):
            token, _ = making.sample(desk.easel, 0, index)
            said += 1
            if token == desk.end:
                break
            desk.compute(token, len(prompt) + index)
        making.close()
        yield {"document": name, "tokens": said, "refused": counted.said_no}


def starts(engine_dir: Path, args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """From a schema to the first mask."""
    desk = Desk(engine_dir, large_model(args.folder))
    yield {"schema": "the vocabulary", "llguidance_ms": {
        "pieces": round(1000 * timed(lambda: desk.pieces), 1),
        "tokenizer": round(statistics.median(1000 * timed(desk.new_tokenizer) for _ in range(args.rounds)), 1),
    }}  # fmt: skip
    room, _ = desk.room(), desk.tokenizer

    def ours(schema: dict[str, Any], taken: dict[str, list[float]]) -> None:
        harmless.cache_clear()
        add(taken, "write", lambda: gbnf(schema, checked=False))
        text = gbnf(schema, checked=False)
        add(taken, "look", lambda: harmless(text))
        add(taken, "read", lambda: made.append(Whole(desk.model, text)))
        add(taken, "mask", lambda: desk.mask(made[-1], room))

    def theirs(schema: dict[str, Any], taken: dict[str, list[float]]) -> None:
        add(taken, "read", lambda: made.append(Guided(desk, guidance(schema))))
        add(taken, "mask", lambda: desk.mask(made[-1], room))

    for name, schema in SCHEMAS.items():
        made: list[Constraint] = []
        sides: dict[str, dict[str, list[float]]] = {"ours": {}, "llguidance": {}}
        for number in range(args.rounds):
            for side in [*sides][:: 1 if number % 2 == 0 else -1]:
                (ours if side == "ours" else theirs)(schema, sides[side])
        parts = {side: middle(taken) for side, taken in sides.items()}
        whole = {side: round(sum(taken.values()), 2) for side, taken in parts.items()}
        ratio = round(whole["llguidance"] / whole["ours"], 3)
        yield {"schema": name, **{f"{side}_ms": {**parts[side], "all": whole[side]} for side in sides}, "ratio": ratio}
        for one in made:
            one.close()


def add(taken: dict[str, list[float]], name: str, act: Callable[[], object]) -> None:
    """Note how many milliseconds it takes."""
    taken.setdefault(name, []).append(1000 * timed(act))


SECTIONS: dict[str, Callable[[Path, argparse.Namespace], Iterator[dict[str, Any]]]] = {
    "tokens": tokens,
    "refused": refused,
    "starts": starts,
    "dear": dear,
    "features": features,
    "weight": weight,
}


if __name__ == "__main__":
    main()
