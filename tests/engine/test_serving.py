"""Many at once say what each says alone: batched, in chunks, from shared beginnings, set back; for every memory."""

from __future__ import annotations

import asyncio
import json
import math
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.engine.client import WorkerEngine
from runtime.engine.core import (
    Counters,
    Event,
    Failed,
    FailureKind,
    FinishReason,
    GenerationRequest,
    Queued,
    SamplingParams,
    Started,
    TokenBias,
)
from runtime.grammar.schema import grammar_of
from tests.engine.comparing import ask, assert_same_but_for_noise, chances_of
from tests.engine.workers import GREEDY, Worker, end_of, events, text_of, tokens_of
from tests.models import TinyModel

SYSTEM = "The teacher asks a question and the students think about the answer. " * 10
MODELS = {
    "full": TinyModel(),
    "window": TinyModel(memory="window", layers=6),
    "state": TinyModel(memory="state"),
    "hybrid": TinyModel(memory="both", width=128),
}


@pytest.fixture(params=MODELS)
def crowded(request: pytest.FixtureRequest, worker: Worker, tmp_path: Path) -> Worker:
    """A worker for eight, whose batches are smaller than prompts."""
    path = MODELS[request.param].write(tmp_path / "model.gguf")
    return Worker(replace(worker.load, model_path=str(path), context_size=512, parallel=8, batch_tokens=64))


async def one_by_one(engine: WorkerEngine, requests: list[GenerationRequest]) -> dict[str, list[Event]]:
    return {request.id: await events(engine, request) for request in requests}


async def at_once(engine: WorkerEngine, requests: list[GenerationRequest]) -> dict[str, list[Event]]:
    found = await asyncio.wait_for(asyncio.gather(*(events(engine, request) for request in requests)), 120)
    return {request.id: one for request, one in zip(requests, found, strict=True)}


def cached(found: dict[str, list[Event]]) -> list[int]:
    return [event.cached_tokens for one in found.values() for event in one if isinstance(event, Started)]


def test_eight_at_once_say_what_each_says_alone_and_share_one_system_prompt(crowded: Worker):
    requests = [ask(number, f"{SYSTEM}Pupil {number} asks: why?") for number in range(8)]
    alone = {
        name: found
        for request in requests[:3]
        for name, found in crowded.use(lambda engine, request=request: one_by_one(engine, [request])).items()
    }

    async def run(engine: WorkerEngine) -> tuple[dict[str, list[Event]], dict[str, list[Event]]]:
        return await at_once(engine, requests), await one_by_one(engine, requests)

    together, again = crowded.use(run)
    assert_same_but_for_noise(alone, {name: together[name] for name in alone})
    assert_same_but_for_noise(again, together)
    prompt_tokens = end_of(together["0"]).prompt_tokens
    first, *others = sorted(cached(together))
    assert first == 0
    assert min(others) > 0.8 * prompt_tokens, "the shared beginning was computed once"


def test_who_is_set_back_goes_on_where_it_was(worker: Worker):
    """Two long answers do not fit together: memory for one context only, as on a small machine."""
    requests = [ask(number, f"Pupil {number} writes", max_tokens=400) for number in range(3)]
    script = (
        "import sys\nfrom runtime.engine import lines\nfrom runtime.engine.worker import main\n"
        "lines.MEMORY_SHARE = 0\nsys.exit(main.main())"
    )

    async def run(engine: WorkerEngine) -> tuple[dict[str, list[Event]], dict[str, list[Event]], int]:
        together = await at_once(engine, requests)
        await asyncio.sleep(1.1)
        set_backs = engine.counters.set_backs
        return together, await one_by_one(engine, requests), set_backs

    small = Worker(replace(worker.load, parallel=3), script)
    together, alone, set_backs = small.use(run)
    assert set_backs > 0
    assert [end_of(found).completion_tokens for found in together.values()] == [400] * 3
    assert_same_but_for_noise(alone, together)


def test_a_long_prompt_does_not_stop_an_answer_that_is_being_written(worker: Worker):
    """Between its beginning and its first token, the other goes on."""
    long = ask("long", SYSTEM * 20, max_tokens=1)
    stream = ask("stream", "The teacher", max_tokens=None, sampling=GREEDY)

    async def run(engine: WorkerEngine) -> int:
        told = 0
        async with aclosing(engine.generate(stream)) as answer:
            for _ in range(30):
                await anext(answer)
            other = asyncio.create_task(events(engine, long))
            while not other.done():
                await anext(answer)
                told += 1
            assert end_of(other.result()).prompt_tokens > 2000
        return told

    assert worker.use(run, context_size=8192, parallel=2) > 10


def test_a_short_request_passes_a_long_prompt(worker: Worker):
    async def run(engine: WorkerEngine) -> list[str]:
        order: list[str] = []

        async def visit(request: GenerationRequest) -> None:
            await events(engine, request)
            order.append(request.id)

        first = asyncio.create_task(visit(ask("long", SYSTEM * 20, max_tokens=1)))
        await asyncio.sleep(0.05)
        await asyncio.gather(first, visit(ask("short", "A river", max_tokens=1)))
        return order

    assert worker.use(run, context_size=8192, parallel=2, batch_tokens=64) == ["short", "long"]


def test_beyond_the_queue_one_is_told_to_come_again_and_within_it_ones_place(worker: Worker):
    endless = ask("endless", "The teacher", max_tokens=None, sampling=GREEDY)

    async def run(engine: WorkerEngine) -> tuple[list[Event], list[Event], list[list[Event]]]:
        async with aclosing(engine.generate(endless)) as stream:
            await anext(stream)
            waiting = [asyncio.create_task(events(engine, ask(number, "A river"))) for number in range(2)]
            await asyncio.sleep(0.2)
            refused = await events(engine, ask("third", "A river"))
        served = await asyncio.gather(*waiting)
        return refused, await events(engine, ask("fourth", "A river")), served

    (refused,), later, served = worker.use(run, context_size=16384, queue_limit=2)
    assert isinstance(refused, Failed)
    assert refused.kind is FailureKind.BUSY
    assert refused.retry_after is not None
    assert refused.retry_after >= 1
    assert [event.place for event in served[1] if isinstance(event, Queued)] == [2, 1]
    assert end_of(later).reason is FinishReason.LENGTH


def test_what_is_done_is_counted(worker: Worker):
    async def run(engine: WorkerEngine) -> Counters:
        await at_once(engine, [ask(number, f"Pupil {number}") for number in range(3)])
        await asyncio.sleep(2.2)
        return engine.counters

    counters = worker.use(run, parallel=2)
    assert (counters.waiting, counters.running, counters.first_tokens, counters.generated_tokens) == (0, 0, 3, 48)
    assert counters.batch_tokens == counters.prompt_tokens - counters.cached_tokens + 48 - 3
    assert counters.steps < counters.batch_tokens, "two at a time"
    assert counters.lines == 3
    assert 0 < counters.next_seconds < counters.first_seconds + counters.next_seconds


# Sampling


def test_every_sampler_has_an_effect_and_repeats_with_the_seed(worker: Worker):
    warm = SamplingParams(temperature=2.0, top_k=0, top_p=1.0, min_p=0.0, seed=4)
    changed = {
        "plain": warm,
        "dynatemp": replace(warm, dynatemp_range=1.5),
        "typical": replace(warm, typical_p=0.2),
        "sigma": replace(warm, top_n_sigma=1.5),
        "xtc": replace(warm, xtc_probability=1.0, xtc_threshold=0.01),
        "dry": replace(warm, temperature=0, dry_multiplier=50.0, dry_allowed_length=0, dry_penalty_last_n=-1),
        "greedy": replace(warm, temperature=0),
        "mirostat": replace(warm, mirostat=1, mirostat_tau=4.0),
        "mirostat2": replace(warm, mirostat=2, mirostat_tau=3.0),
        "repeat": replace(warm, repeat_penalty=3.0),
        "presence": replace(warm, presence_penalty=9.0, penalty_last_n=-1),
    }

    async def run(engine: WorkerEngine) -> list[dict[str, list[Event]]]:
        requests = [ask(name, SYSTEM, sampling=sampling, max_tokens=24) for name, sampling in changed.items()]
        return [await one_by_one(engine, requests), await one_by_one(engine, requests)]

    first, again = worker.use(run)
    assert {name: tokens_of(found) for name, found in first.items()} == {
        name: tokens_of(found) for name, found in again.items()
    }
    texts = {tuple(tokens_of(found)): name for name, found in first.items()}
    assert sorted(texts.values()) == sorted(changed), "two say the same, so one of them has no effect"


def test_a_bias_forbids_or_forces_a_token(worker: Worker):
    async def run(engine: WorkerEngine) -> tuple[list[int], list[int], list[int]]:
        plain = tokens_of(await events(engine, ask("plain", SYSTEM)))
        forbid = replace(GREEDY, logit_bias=(TokenBias(plain[0], float("-inf")),))
        force = replace(GREEDY, logit_bias=(TokenBias(65, 1000.0),))
        return (
            plain,
            tokens_of(await events(engine, ask("forbid", SYSTEM, sampling=forbid))),
            tokens_of(await events(engine, ask("force", SYSTEM, sampling=force))),
        )

    plain, forbidden, forced = worker.use(run)
    assert plain[0] not in forbidden
    assert set(forced) == {65}


def test_log_probabilities_are_those_of_the_whole_vocabulary(worker: Worker):
    async def run(engine: WorkerEngine) -> tuple[list[Event], int]:
        size = (await engine.wait_ready()).vocabulary_size
        return await events(engine, ask("all", "A river", sampling=replace(GREEDY, n_probs=size))), size

    found, size = worker.use(run)
    assert len(chances_of(found)) == len(tokens_of(found)) == 16
    for token, chances in zip(tokens_of(found), chances_of(found), strict=True):
        assert chances.drawn == chances.top[0]
        assert chances.drawn.token == token
        assert len(chances.top) == size
        assert math.fsum(math.exp(chance.logprob) for chance in chances.top) == pytest.approx(1, abs=1e-3)


def test_an_answer_that_was_begun_elsewhere_goes_on_as_it_would_have(worker: Worker):
    sampling = SamplingParams(temperature=1.5, seed=8, repeat_penalty=1.3, xtc_probability=0.5)

    async def run(engine: WorkerEngine) -> tuple[list[Event], list[Event]]:
        whole = await events(engine, ask("whole", SYSTEM, sampling=sampling, max_tokens=40))
        begun = tuple(tokens_of(whole)[:15])
        return whole, await events(engine, ask("rest", SYSTEM, sampling=sampling, max_tokens=40, answered=begun))

    whole, rest = worker.use(run)
    assert tokens_of(rest) == tokens_of(whole)[15:]
    assert text_of(whole).endswith(text_of(rest))
    assert end_of(rest).completion_tokens == 40


SCHEMA = """{"type": "object", "properties": {"name": {"enum": ["river", "garden"]}, "count": {"type": "integer"}},
"required": ["name", "count"], "additionalProperties": false}"""


def test_a_json_schema_shapes_the_answer_also_when_it_was_begun_elsewhere(worker: Worker):
    sampling = SamplingParams(temperature=0.8, seed=3, grammar=grammar_of(json.loads(SCHEMA)))
    asked = ask("json", SYSTEM, sampling=sampling, max_tokens=200, ignore_eos=False)

    async def run(engine: WorkerEngine) -> tuple[list[Event], list[Event]]:
        whole = await events(engine, asked)
        return whole, await events(engine, replace(asked, id="rest", answered=tuple(tokens_of(whole)[:4])))

    whole, rest = worker.use(run)
    assert end_of(whole).reason is FinishReason.STOP
    document = json.loads(text_of(whole))
    assert document["name"] in ("river", "garden")
    assert isinstance(document["count"], int)
    assert text_of(whole).endswith(text_of(rest))
