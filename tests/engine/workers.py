"""Workers and engines over tiny models, as the tests want them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from runtime.engine.client import RestartPolicy, WorkerCommand, WorkerEngine
from runtime.engine.core import Event, Finished, GenerationRequest, SamplingParams, TextDelta
from runtime.engine.messages import Load
from runtime.engine.watch import Patience

GREEDY = SamplingParams(temperature=0)
T = TypeVar("T")


@dataclass(frozen=True)
class Worker:
    """How to start a worker on some model. One thread: the models are tiny, and CI machines are shared.

    script: what to run instead of the worker as it is.
    """

    load: Load
    script: str = ""

    @classmethod
    def on(cls, engine_dir: Path, model: Path) -> Worker:
        """On some model, with a context of 512."""
        return cls(Load(str(engine_dir), (backend(engine_dir),), model_path=str(model), context_size=512, threads=1))

    def command(self, **changes: object) -> WorkerCommand:
        argv = (sys.executable, *(("-c", self.script) if self.script else ("-m", "runtime.engine.worker")))
        return WorkerCommand(argv, replace(self.load, **changes))  # type: ignore[arg-type]

    @asynccontextmanager
    async def running(
        self, policy: RestartPolicy | None = None, patience: Patience | None = None, **changes: object
    ) -> AsyncIterator[WorkerEngine]:
        engine = WorkerEngine(self.command(**changes), policy=policy, patience=patience)
        await engine.start()
        try:
            await asyncio.wait_for(engine.wait_ready(), 60)
            yield engine
        finally:
            await engine.stop()

    def use(self, what: Callable[[WorkerEngine], Awaitable[T]], **changes: object) -> T:
        """Run `what` with a ready engine."""

        async def run() -> T:
            async with self.running(**changes) as engine:
                return await what(engine)

        return asyncio.run(run())


def backend(engine_dir: Path) -> str:
    """A CPU backend that works here: the one for AVX2 where there is AVX2, else the plainest."""
    plain = [*engine_dir.glob("*ggml-cpu-x64.*"), *sorted(engine_dir.glob("*ggml-cpu*"))]
    return next(engine_dir.glob("*ggml-cpu-haswell.*"), plain[0]).name if has_avx2() else plain[0].name


def has_avx2() -> bool:
    cpuinfo = Path("/proc/cpuinfo")
    return cpuinfo.exists() and " avx2 " in cpuinfo.read_text()


async def events(engine: WorkerEngine, request: GenerationRequest) -> list[Event]:
    return [event async for event in engine.generate(request)]


def text_of(found: list[Event]) -> str:
    return "".join(event.text for event in found if isinstance(event, TextDelta))


def tokens_of(found: list[Event]) -> list[int]:
    return [token for event in found if isinstance(event, TextDelta) for token in event.tokens]


def end_of(found: list[Event]) -> Finished:
    last = found[-1]
    assert isinstance(last, Finished), last
    return last
