"""The likeliest tokens, found by our own library: they are llama.cpp's, and what is drawn from them is the same."""

from __future__ import annotations

import ctypes
import math
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler import targets
from bundler.console import Console
from bundler.launcher.preload import build_preload
from runtime.engine.client import WorkerEngine
from runtime.engine.core import GenerationRequest, GrammarTrigger, SamplingParams, TextDelta, TokenBias
from tests.engine.workers import Worker

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only on Linux a worker has it")

ENTRY = struct.Struct("<iff")
LOGITS = st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=300)


@pytest.fixture(scope="module")
def library() -> Path:
    return build_preload(targets.host(), None, Console())


def found(library: Path, logits: Sequence[float], wanted: int) -> list[tuple[int, float]]:
    find = ctypes.CDLL(str(library)).pannier_likeliest
    room = ctypes.create_string_buffer(ENTRY.size * max(1, wanted))
    count = find((ctypes.c_float * len(logits))(*logits), len(logits), wanted, room)
    return [(id_, logit) for id_, logit, _ in ENTRY.iter_unpack(room.raw[: ENTRY.size * count])]


@given(logits=LOGITS, wanted=st.integers(0, 320))
def test_they_are_the_best_in_their_order_and_of_two_alike_the_first(
    library: Path, logits: list[float], wanted: int
) -> None:
    expected = sorted(range(len(logits)), key=lambda id_: (-logits[id_], id_))[:wanted]
    assert found(library, logits, wanted) == [(id_, logits[id_]) for id_ in expected]


def test_many_alike_and_none_possible(library: Path) -> None:
    assert [id_ for id_, _ in found(library, [1.0] * 200, 5)] == [0, 1, 2, 3, 4]
    assert [id_ for id_, _ in found(library, [-math.inf] * 200, 3)] == [0, 1, 2]
    assert [id_ for id_, _ in found(library, [-math.inf] * 150 + [-1e30] + [-math.inf] * 50, 1)] == [150]


def test_what_is_no_number_is_never_among_them(library: Path) -> None:
    logits = [float(id_ % 7) for id_ in range(500)]
    for place in (40, 100, 499):
        logits[place] = math.nan
    assert {id_ for id_, _ in found(library, logits, 20)}.isdisjoint({40, 100, 499})


CHAINS = {
    "greedy": SamplingParams(temperature=0),
    "greedy, some forbidden": SamplingParams(temperature=0, logit_bias=(TokenBias(101, -math.inf), TokenBias(7, -3.0))),
    "usual": SamplingParams(seed=11),
    "hot": SamplingParams(temperature=2.5, top_k=100, top_p=1.0, min_p=0.0, seed=5),
    "few": SamplingParams(temperature=1.5, top_k=3, seed=6),
    "xtc behind": SamplingParams(temperature=1.5, xtc_probability=0.8, seed=3),
    "lowered": SamplingParams(temperature=1.5, logit_bias=(TokenBias(101, -5.0), TokenBias(45, -math.inf)), seed=2),
    # These look at more than the likeliest.
    "raised": SamplingParams(temperature=1.5, logit_bias=(TokenBias(60, 4.0),), seed=2),
    "penalties": SamplingParams(temperature=1.0, repeat_penalty=1.5, penalty_last_n=-1, seed=9),
    "no bound": SamplingParams(temperature=1.5, top_k=0, seed=4),
    "nucleus first": SamplingParams(temperature=1.5, samplers=("top_p", "top_k", "temperature"), seed=8),
    "chances": SamplingParams(temperature=1.5, n_probs=5, seed=13),
    "chances afterwards": SamplingParams(temperature=1.5, n_probs=5, after_sampling=True, seed=13),
    "a form": SamplingParams(temperature=1.5, grammar='root ::= [a-z ]+ "."', seed=21),
    "a form, the likeliest": SamplingParams(temperature=0, grammar='root ::= ([a-z ]{9} "\\n")+'),
    "a form, few": SamplingParams(temperature=1.5, top_k=3, grammar='root ::= ([A-Z] [0-9]+ "; "?)+', seed=22),
    "a form behind a letter": SamplingParams(
        temperature=2.0,
        grammar='root ::= "e" ([0-9] | " ")+',
        grammar_triggers=tuple(GrammarTrigger(letter) for letter in "eaointhsr"),
        seed=24,
    ),
    "a form of two words": SamplingParams(temperature=1.5, grammar='root ::= ("yes " | "no ")+', seed=23),
}


async def _texts(engine: WorkerEngine) -> dict[str, tuple[int, ...]]:
    texts = {}
    for name, sampling in CHAINS.items():
        request = GenerationRequest(
            name, "Once upon a time", sampling, max_tokens=40, ignore_eos=not name.startswith("a form")
        )
        tokens: list[int] = []
        async for event in engine.generate(request):
            if isinstance(event, TextDelta):
                tokens += event.tokens
        texts[name] = tuple(tokens)
    return texts


def test_what_is_drawn_with_it_is_what_is_drawn_without(
    library: Path, engine_dir: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = Worker.on(engine_dir, tiny_model)
    without = worker.use(_texts)
    monkeypatch.setenv("LD_PRELOAD", str(library))
    assert worker.use(_texts) == without
    assert all(without.values())
