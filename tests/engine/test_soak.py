"""A thousand requests, fifty at a time: none lost, none mixed up, and afterwards everything is as it was."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import aclosing

import psutil

from runtime.engine.client import WorkerEngine
from runtime.engine.core import Event, Finished, FinishReason
from tests.engine.comparing import ask, assert_same_but_for_noise
from tests.engine.workers import Worker, events

REQUESTS, AT_A_TIME = 1000, 50
PARALLEL = 12
PROMPTS = [f"{'The teacher asks a question. ' * (number % 4)}Pupil {number}:" for number in range(24)]
LONGEST = 40
GROWTH = 8 << 20  # bytes; a hundredth of what a leak of one sequence a request would take


def test_a_thousand_requests_fifty_at_a_time(worker: Worker):
    chance = random.Random(5)
    plans = [
        (
            number,
            chance.randrange(len(PROMPTS)),
            chance.randint(1, LONGEST),
            chance.random() < 0.2,
            chance.randint(1, 9),
        )
        for number in range(REQUESTS)
    ]
    outcomes: Counter[str] = Counter()
    found: dict[int, tuple[int, list[Event]]] = {}

    async def visit(engine: WorkerEngine, gate: asyncio.Semaphore, plan: tuple[int, int, int, bool, int]) -> None:
        number, prompt, tokens, leaves, after = plan
        async with gate:
            one: list[Event] = []
            async with aclosing(engine.generate(ask(number, PROMPTS[prompt], max_tokens=tokens))) as stream:
                async for event in stream:
                    assert event.request_id == str(number)
                    one.append(event)
                    if leaves and len(one) == after:
                        outcomes["left"] += 1
                        return
        assert isinstance(one[-1], Finished), one[-1]
        assert (one[-1].reason, one[-1].completion_tokens) == (FinishReason.LENGTH, tokens)
        outcomes["served"] += 1
        found[number] = prompt, one

    async def run(engine: WorkerEngine) -> tuple[list[int], list[int], dict[int, list[Event]]]:
        gate = asyncio.Semaphore(AT_A_TIME)
        memory, lines = [], []
        for part in (plans[: REQUESTS // 2], plans[REQUESTS // 2 :]):
            await asyncio.gather(*(visit(engine, gate, plan) for plan in part))
            await asyncio.sleep(2.2)  # the next beat but one
            assert (engine.counters.running, engine.counters.waiting) == (0, 0)
            assert engine.status.worker_pid is not None
            memory.append(psutil.Process(engine.status.worker_pid).memory_full_info().uss)
            lines.append(engine.counters.lines)
        alone = {
            at: await events(engine, ask(f"alone {at}", text, max_tokens=LONGEST)) for at, text in enumerate(PROMPTS)
        }
        return memory, lines, alone

    memory, lines, alone = worker.use(run, parallel=PARALLEL, queue_limit=AT_A_TIME)
    assert outcomes.total() == REQUESTS
    assert 100 < outcomes["left"] < 300
    assert memory[1] - memory[0] < GROWTH
    assert lines[1] <= lines[0] <= 2 * PARALLEL + 16, "lines at rest are as many as there may be, and none runs"
    for prompt in range(len(PROMPTS)):
        same = {str(number): one for number, (which, one) in found.items() if which == prompt}
        assert_same_but_for_noise(dict.fromkeys(same, alone[prompt]), same, shorter=True)
