"""Whatever comes and goes at once, everybody gets the answer that they would have got alone; for every memory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.engine.client import WorkerEngine
from runtime.engine.core import Event, Finished, FinishReason, GenerationRequest
from runtime.engine.messages import DraftFile
from tests.engine.comparing import ask, assert_same_but_for_noise
from tests.engine.workers import Worker, end_of, events
from tests.models import TinyModel

CONTEXT = 512
SYSTEM = "The teacher asks a question and the students think about the answer. " * 8
LONG = SYSTEM * 3 + SYSTEM[: len(SYSTEM) // 2]
"""Nearly all of a context: who begins so goes on beyond its end."""

STEMS = (SYSTEM, SYSTEM[: len(SYSTEM) // 2] + "Nobody knows why. ", "A river carries water. ", "")
MODELS = {
    "grouped": TinyModel(),
    "split": TinyModel(),
    "quantised": TinyModel(),
    "guessing": TinyModel(),
    "drafting": TinyModel(),
    "foreseeing": TinyModel(ahead=True, faint=0.01),
    "foreseeing hybrid": TinyModel("gated", ahead=True, faint=0.01),
    "window": TinyModel(memory="window", layers=6),
    "experts": TinyModel(experts=4, width=128),
    "state": TinyModel(memory="state"),
    "hybrid": TinyModel(memory="both"),
}
CRAMPED = "from runtime.engine.worker import context; context.cells_for = lambda size, *_: size\n"
DRAFT = TinyModel(layers=1)
ALWAYS = (
    "from runtime.engine.worker import payoff; payoff.Payoff.lengths = lambda _, hopes, decoding: [3] * len(hopes)\n"
)
FORGETFUL = (
    "from runtime.engine.worker.cache import PrefixCache as C; C.rest = C.drop; C.checkpoint = lambda *_: None\n"
)
RUN = "import sys; from runtime.engine.worker import main; sys.exit(main.main())"


@dataclass(frozen=True)
class Visit:
    """One request of a mix. wait: hundredths of a second before it comes. leaves: events after which it is gone."""

    stem: str
    tail: str
    tokens: int
    wait: int
    leaves: int | None

    @property
    def prompt(self) -> str:
        return f"{self.stem}Pupil {self.tail}"

    def request(self, number: int) -> GenerationRequest:
        shift = 9 if self.stem == LONG else None
        return ask(number, self.prompt, max_tokens=self.tokens, shift=shift)


VISITS = st.builds(
    Visit,
    stem=st.sampled_from((*STEMS, LONG)),
    tail=st.text("abc ", min_size=1, max_size=4),
    tokens=st.integers(1, 60),
    wait=st.integers(0, 30),
    leaves=st.none() | st.none() | st.none() | st.integers(1, 12),
)


class Bench:
    """Two workers on one model: one for eight at once with memory for one, one that forgets whatever it has done."""

    def __init__(
        self, name: str, worker: Worker, *, split: bool, cache_type: str, lookup: bool, draft: str, foresight: bool
    ) -> None:
        self.name = name
        self._runner = asyncio.Runner()
        load = replace(worker.load, context_size=CONTEXT, cache_type=cache_type)
        crowded = replace(load, parallel=8, batch_tokens=48, split_cache=split, lookup=lookup)
        self.is_cramped = not split  # a split cache needs a whole one for everybody
        self._workers = [
            Worker(crowded, ("" if split else CRAMPED) + (ALWAYS if draft or foresight else "") + RUN).running(
                draft=DraftFile(draft) if draft else None, foresight=foresight
            ),
            Worker(
                replace(crowded, parallel=1, batch_tokens=CONTEXT, split_cache=False, lookup=False), FORGETFUL + RUN
            ).running(),
        ]
        self.crowded, self._fresh = [self._runner.run(one.__aenter__()) for one in self._workers]
        self._alone: dict[tuple[str, int], list[Event]] = {}
        self._names = iter(range(1_000_000))

    def close(self) -> None:
        for one in self._workers:
            self._runner.run(one.__aexit__(None, None, None))
        self._runner.close()

    def alone(self, visit: Visit) -> list[Event]:
        """The answer in a fresh context."""
        key = (visit.prompt, visit.tokens)
        if key not in self._alone:
            self._alone[key] = self._runner.run(events(self._fresh, visit.request(next(self._names))))
        return self._alone[key]

    def together(self, visits: list[Visit]) -> list[list[Event]]:
        """Whatever each got."""

        async def all_of_them() -> list[list[Event]]:
            return await asyncio.wait_for(asyncio.gather(*(self._visit(self.crowded, one) for one in visits)), 120)

        return self._runner.run(all_of_them())

    def settled(self) -> tuple[int, int]:
        """Who is left, running or waiting, after the next beat but one."""

        async def wait() -> tuple[int, int]:
            await asyncio.sleep(2.2)
            return self.crowded.counters.running + self.crowded.counters.waiting, self.crowded.counters.set_backs

        return self._runner.run(wait())

    async def _visit(self, engine: WorkerEngine, visit: Visit) -> list[Event]:
        await asyncio.sleep(visit.wait / 100)
        found: list[Event] = []
        async with aclosing(engine.generate(visit.request(next(self._names)))) as stream:
            async for event in stream:
                found.append(event)
                if len(found) == visit.leaves:
                    break
        return found


@pytest.fixture(scope="module", params=MODELS)
def bench(
    request: pytest.FixtureRequest, engine_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    path = MODELS[request.param].write(tmp_path_factory.mktemp("mixes") / f"{request.param}.gguf")
    cache_type = "q8_0" if request.param == "quantised" else "f16"
    bench = Bench(
        request.param,
        Worker.on(engine_dir, path),
        split=request.param == "split",
        cache_type=cache_type,
        lookup=request.param == "guessing",
        draft=str(DRAFT.write(tmp_path_factory.mktemp("draft") / "draft.gguf")) if request.param == "drafting" else "",
        foresight=MODELS[request.param].ahead,
    )
    yield bench
    bench.close()


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(VISITS, min_size=8, max_size=14))
def test_everybody_gets_the_answer_they_would_have_got_alone(bench: Bench, visits: list[Visit]):
    most = 0.2
    if MODELS[bench.name].experts:  # the last bit decides which expert sees a token; in a long text it does so often
        most = 1.0
        visits = [replace(visit, stem=STEMS[0]) if visit.stem == LONG else visit for visit in visits]
    found = bench.together(visits)
    stayed = {str(at): one for at, one in enumerate(found) if visits[at].leaves is None}
    for at, one in stayed.items():
        assert end_of(one).completion_tokens == visits[int(at)].tokens
    assert_same_but_for_noise({at: bench.alone(visits[int(at)]) for at in stayed}, stayed, most=most)
    for visit, one in zip(visits, found, strict=True):
        assert visit.leaves is None or len(one) <= visit.leaves
        assert not any(isinstance(event, Finished) and event.reason is FinishReason.CANCELLED for event in one)


def test_nobody_is_left_when_all_are_gone_and_some_had_to_give_way(bench: Bench):
    visits = [Visit(STEMS[at % 4], "abc"[at % 3] * at, 200, at, None if at % 3 else 5) for at in range(12)]
    found = bench.together(visits)
    assert [end_of(one).completion_tokens for one, visit in zip(found, visits, strict=True) if not visit.leaves] == [
        200 for visit in visits if not visit.leaves
    ]
    left, set_backs = bench.settled()
    assert left == 0
    assert (set_backs > 0) is bench.is_cramped, "memory for one context was too little for eight"
