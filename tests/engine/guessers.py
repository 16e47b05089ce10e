"""Workers that guess ahead whatever it costs, what they are asked, and what came of their guesses."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import replace

from runtime.engine.client import WorkerEngine
from runtime.engine.core import Event, GenerationRequest, SamplingParams
from tests.engine.comparing import TELLING, ask
from tests.engine.workers import Worker, end_of, events

ALWAYS = (
    "from runtime.engine.worker import payoff; payoff.Payoff.lengths = lambda _, hopes, decoding: [4] * len(hopes)\n"
)
EAGER = ALWAYS + "from runtime.engine.worker import surest; surest._SURE = 0.0\n"
RUN = "import sys; from runtime.engine.worker import main; sys.exit(main.main())"
DRAWN = SamplingParams(temperature=0.8, seed=5, n_probs=5)
PROMPTS = ("The teacher asks", "A river", "Nobody knows", "The old stone house " * 40)


def eager(worker: Worker, before: str = "") -> Worker:
    """Guesses are always tried, whatever they cost and however unsure the draft is."""
    return Worker(worker.load, EAGER + before + RUN)


def asked(sampling: SamplingParams = TELLING, **changes: object) -> list[GenerationRequest]:
    return [ask(at, prompt, **{"sampling": sampling, "max_tokens": 80, **changes}) for at, prompt in enumerate(PROMPTS)]


def told(worker: Worker, requests: list[GenerationRequest], **changes: object) -> dict[int, list[Event]]:
    """All at once, and then the first once more."""

    async def run(engine: WorkerEngine) -> dict[int, list[Event]]:
        found = await asyncio.gather(*(events(engine, request) for request in requests))
        return dict(enumerate([*found, await events(engine, replace(requests[0], id="again"))]))

    return worker.use(run, parallel=4, **changes)


def guesses_of(found: dict[int, list[Event]]) -> tuple[int, int]:
    """How many, and how many of them right, of all together."""
    ends = [end_of(one) for one in found.values()]
    return sum(end.guessed for end in ends), sum(end.right for end in ends)


def killed_midway(request: GenerationRequest) -> Callable[[WorkerEngine], Awaitable[list[Event]]]:
    """The request, whose worker is killed once when it has said something."""

    async def run(engine: WorkerEngine) -> list[Event]:
        found: list[Event] = []
        async for event in engine.generate(request):
            found.append(event)
            if len(found) == 20:
                assert engine.status.worker_pid is not None
                os.kill(engine.status.worker_pid, signal.SIGKILL)
        assert engine.status.restarts == 1
        return found

    return run
