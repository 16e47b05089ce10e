"""What a request may say of the drawing, as the model's own probabilities show it."""

from __future__ import annotations

import asyncio
import itertools
import math
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.engine.client import WorkerEngine
from runtime.engine.core import (
    SAMPLERS,
    Event,
    GenerationRequest,
    ReasoningBudget,
    SamplingParams,
    TextDelta,
    TokenBias,
)
from tests.engine.comparing import ask, chances_of
from tests.engine.workers import GREEDY, Worker, end_of, events, text_of, tokens_of
from tests.models import TinyModel

PROMPT = "The teacher asks"
FREE = SamplingParams(temperature=1.0, seed=3, top_k=0, top_p=1.0, min_p=0.0, n_probs=300, after_sampling=True)


def told(worker: Worker, *requests: GenerationRequest) -> list[list[Event]]:
    async def run(engine: WorkerEngine) -> list[list[Event]]:
        return [await events(engine, request) for request in requests]

    return worker.use(run)


def left(worker: Worker, *samplings: SamplingParams) -> list[dict[int, float]]:
    """For each, the first token's chances as the samplers left them."""
    asked = [ask(number, PROMPT, sampling=each, max_tokens=1) for number, each in enumerate(samplings)]
    return [
        {chance.token: math.exp(chance.logprob) for chance in chances_of(found)[0].top}
        for found in told(worker, *asked)
    ]


def test_only_the_samplers_that_were_named_are_used(worker: Worker):
    all_, three, cold, none = left(
        worker,
        FREE,
        replace(FREE, samplers=("top_k",), top_k=3, temperature=0.01, min_p=0.9),
        replace(FREE, samplers=("top_k", "temperature"), top_k=3, temperature=0.01, min_p=0.9),
        replace(FREE, samplers=(), top_k=3, temperature=0.0, repeat_penalty=5.0),
    )
    best = sorted(all_, key=lambda token: -all_[token])[:3]
    assert [*three] == best
    whole = sum(all_[token] for token in best)
    assert all(math.isclose(three[token], all_[token] / whole, rel_tol=1e-3) for token in best), "nothing cooled it"
    assert cold[best[0]] > three[best[0]] + 0.1
    assert none.keys() == all_.keys()
    assert all(math.isclose(none[token], all_[token], rel_tol=1e-3) for token in best)


def test_the_order_is_the_one_asked_for(worker: Worker):
    hot = replace(FREE, temperature=3.0, min_p=0.3)
    sorted_out_first, heated_first = left(
        worker, replace(hot, samplers=("min_p", "temperature")), replace(hot, samplers=("temperature", "min_p"))
    )
    assert len(sorted_out_first) < len(heated_first), "of what is hot more is likely enough"


def test_what_draws_may_stand_anywhere_and_is_the_same_for_the_same_seed(worker: Worker):
    """XTC takes away the likeliest of several likely ones: before top-k others take their place, behind it nobody."""
    some = replace(FREE, xtc_probability=1.0, xtc_threshold=0.01, top_k=5)
    default, before, behind = (
        replace(some, samplers=samplers)
        for samplers in (SAMPLERS, ("xtc", "top_k", "temperature"), ("top_k", "xtc", "temperature"))
    )
    first, second, third = left(worker, default, before, behind)
    assert first.keys() == third.keys()
    assert len(third) < 5
    assert len(second) == 5
    penalised = replace(before, samplers=("xtc", "penalties", "dry", "top_k"), repeat_penalty=1.5, n_probs=None)
    penalised = replace(penalised, after_sampling=False, dry_multiplier=0.8)
    one, same, free = told(
        worker,
        *(ask(number, PROMPT, sampling=penalised, max_tokens=40) for number in range(2)),
        ask("free", PROMPT, sampling=replace(penalised, samplers=("xtc", "top_k")), max_tokens=40),
    )
    assert tokens_of(one) == tokens_of(same)
    assert tokens_of(one) != tokens_of(free), "behind XTC penalties hear the answer, too"


def test_an_answer_with_any_order_can_be_taken_up_where_it_was(worker: Worker):
    sampling = SamplingParams(
        temperature=1.2, seed=9, repeat_penalty=1.4, xtc_probability=0.5, samplers=("xtc", "penalties", "temperature")
    )
    asked = ask("whole", PROMPT, sampling=sampling, max_tokens=30)
    (whole,) = told(worker, asked)
    tokens = tokens_of(whole)
    (rest,) = told(worker, replace(asked, answered=tuple(tokens[:12])))
    assert tokens_of(rest) == tokens[12:]


def test_infill_keeps_little_behind_a_small_top_k(worker: Worker):
    plain, few = left(
        worker,
        replace(FREE, samplers=("top_k", "top_p"), top_k=40),
        replace(FREE, samplers=("top_k", "top_p", "infill"), top_k=40),
    )
    assert 1 <= len(few) < len(plain) == 40


@pytest.mark.parametrize("split", [False, True])
def test_what_was_foretold_is_computed_in_fewer_steps_and_changes_no_token(worker: Worker, split: bool):
    """Of letters that are a token each, however the text is cut: noise does not write as a tokenizer reads."""

    async def run(engine: WorkerEngine) -> tuple[list[list[Event]], list[int], str]:
        letters = await engine.tokenize("QZXJ%$#~", parse_special=False, add_special=False)
        assert len(letters) == 8
        few = SamplingParams(temperature=1, seed=5, logit_bias=tuple(TokenBias(letter, 100.0) for letter in letters))
        free = ask("free", PROMPT, sampling=few, max_tokens=120)
        found, steps = [await events(engine, free)], [0]
        whole = text_of(found[0])
        for name, prediction in (
            ("none", ""),
            ("right", whole),
            ("part", f"{whole[:60]} or {whole[60:]}"),
            ("wrong", "x" * 99),
        ):
            await asyncio.sleep(2.2)  # a beat with all that went before
            steps.append(engine.counters.steps)
            found.append(await events(engine, replace(free, id=name, prediction=prediction)))
        await asyncio.sleep(2.2)
        return found, [*steps, engine.counters.steps], whole

    found, steps, _ = worker.use(run, split_cache=split, parallel=2)
    assert all(tokens_of(one) == tokens_of(found[0]) for one in found)
    none, right, part, wrong = (after - before for before, after in itertools.pairwise(steps[1:]))
    assert right <= 0.5 * none
    assert part <= 0.8 * none
    assert wrong <= 1.1 * none
    assert (end_of(found[1]).guessed, end_of(found[1]).right) == (0, 0)
    assert end_of(found[2]).right >= 0.5 * 120
    assert end_of(found[4]).right <= end_of(found[4]).guessed < 120


def test_all_of_the_prompt_is_kept_beyond_the_context_and_what_begins_every_text(engine_dir: Path, tmp_path: Path):
    """Of -1 the whole prompt, of a number so many tokens behind the one that begins every text."""
    worker = Worker.on(engine_dir, TinyModel(vocabulary="spm").write(tmp_path / "tiny.gguf"))
    endless = ask("x", PROMPT, sampling=replace(GREEDY, n_probs=5), max_tokens=600)

    async def tokens(engine: WorkerEngine) -> list[int]:
        return await engine.tokenize(PROMPT, parse_special=True, add_special=True)

    prompt = worker.use(tokens)
    shifts = (-1, len(prompt) - 1, 0)  # each with a cache of its own, for what lies there changes the last bits
    all_, counted, none = (told(worker, replace(endless, shift=shift))[0] for shift in shifts)
    assert end_of(all_).completion_tokens == 600
    assert tokens_of(all_) == tokens_of(counted)
    full = 512 - len(prompt)
    assert tokens_of(all_)[:full] == tokens_of(none)[:full]
    text = [*prompt, *tokens_of(all_)[:full]]
    for found, keep in ((all_, len(prompt)), (none, 1)):
        kept = [*text[:keep], *text[keep + (512 - keep) // 2 :]]
        (fresh,) = told(worker, replace(endless, prompt=kept, max_tokens=10))
        assert tokens_of(fresh) == tokens_of(found)[full : full + 10]


def test_reasoning_that_has_taken_its_share_is_ended_and_the_answer_goes_on(worker: Worker):
    budget = ReasoningBudget(10, "<think>", "</think>\n", is_open=True, message=" Enough.")
    asked = ask("x", PROMPT, sampling=GREEDY, max_tokens=60)
    free, ended, none, later = told(
        worker,
        asked,
        replace(asked, reasoning=budget),
        replace(asked, reasoning=replace(budget, tokens=0)),
        replace(asked, reasoning=replace(budget, is_open=False)),
    )
    assert text_of(later) == text_of(free), "it never began"
    assert text_of(none).startswith(" Enough.</think>\n")
    before, _, after = text_of(ended).partition(" Enough.</think>\n")
    assert after
    assert text_of(free).startswith(before)
    assert len(tokens_of(ended)) == len(tokens_of(free)) == 60
    first = [*(event for event in ended if isinstance(event, TextDelta))]
    assert sum(len(event.tokens) for event in first) == 60
    (rest,) = told(worker, replace(asked, reasoning=budget, answered=tuple(tokens_of(ended)[:13])))
    assert tokens_of(rest) == tokens_of(ended)[13:], "taken up in the midst of the words that end it"
