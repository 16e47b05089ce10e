"""The fit's prediction against what a worker really takes: peak of private memory, and of the model that is mapped.

usage: python -m bench.memory [--context N]... [--only NAME]... [--folder DIR]

Six generated architectures, three context sizes. Each worker gets a prompt that fills its context, so that everything
it reserved is touched. Prints one JSON line a case with prediction, measurement and their ratio; exits with 1 where a
prediction is more than 3 % under or 10 % over.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bench import models
from bundler import targets
from bundler.console import Console
from bundler.engine.build import build_engine
from bundler.model.gguf import read_tables
from bundler.model.shape import shape_of
from runtime.backends.fit.need import MIB, Plan, need
from runtime.engine.client import WorkerCommand, WorkerEngine
from runtime.engine.core import GenerationRequest, SamplingParams
from runtime.engine.messages import DraftFile, Load
from tests.engine.workers import backend
from tests.models import TinyModel

CONTEXTS = (512, 2048, 4096)
UNDER, OVER = 0.03, 0.10
POLL_SECONDS = 0.004

ARCHITECTURES = {
    "llama, grouped queries": TinyModel(layers=8, width=768, heads=12, kv_heads=4, weights="Q8_0", spread=0.03),
    "gemma3, window": TinyModel("window", layers=8, width=768, heads=12, kv_heads=4, weights="Q8_0", window=512),
    "mamba, state": TinyModel("state", layers=8, width=768, weights="Q8_0"),
    "lfm2, attention and state": TinyModel("both", layers=8, width=768, heads=12, kv_heads=4, weights="Q8_0"),
    "llama, experts": TinyModel(layers=4, width=768, heads=12, kv_heads=4, experts=8, weights="Q8_0", spread=0.03),
}


@dataclass(frozen=True, slots=True)
class Taken:
    """Bytes: private ones at their peak, and the model's mapped ones."""

    private: int
    mapped: int

    @property
    def total(self) -> int:
        """Both."""
        return self.private + self.mapped


def main() -> int:
    """Measure and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--context", type=int, action="append")
    parser.add_argument("--only", action="append", metavar="NAME")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "pannier-bench")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    engine_dir = build_engine(targets.host(), ["cpu"], None, Console()).path
    wrong = 0
    for name in args.only or [*ARCHITECTURES, "qwen2, large vocabulary"]:
        path = written(name, args.folder)
        for context in args.context or CONTEXTS:
            plan = Plan(context)
            predicted = need(shape_of(read_tables(path)), plan).memory.total
            taken = asyncio.run(measured(engine_dir, path, plan))
            ratio = predicted / taken.total
            wrong += not 1 - UNDER <= ratio <= 1 + OVER
            told = {"model": name, "context": context, "predicted_mib": predicted / MIB, "ratio": ratio}
            told |= {"private_mib": taken.private / MIB, "mapped_mib": taken.mapped / MIB}
            rounded = {key: round(value, 3) if isinstance(value, float) else value for key, value in told.items()}
            print(json.dumps(rounded), flush=True)
    return 1 if wrong else 0


def written(name: str, folder: Path) -> Path:
    """The generated model of this name."""
    path = folder / f"memory-{re.sub(r'[^a-z0-9]+', '-', name)}.gguf"
    if name not in ARCHITECTURES:
        return models.write(path, models.SMALL)
    return path if path.exists() else ARCHITECTURES[name].write(path)


async def measured(engine_dir: Path, model: Path, plan: Plan, threads: int = 1, draft: Path | None = None) -> Taken:
    """What a worker takes that runs this plan, its context filled. draft: the file of the plan's draft."""
    load = Load(
        str(engine_dir),
        (backend(engine_dir),),
        model_path=str(model),
        context_size=plan.context_size,
        parallel=plan.parallel,
        threads=threads,
        batch_tokens=plan.batch,
        cells=plan.cells,
        cache_type=plan.cache_type,
        split_cache=plan.split,
        repack=plan.repack,
        draft=DraftFile(str(draft)) if draft else None,
        foresight=plan.foresight,
    )
    engine = WorkerEngine(WorkerCommand((sys.executable, "-m", "runtime.engine.worker"), load))
    await engine.start()
    try:
        with _Peak(engine.status.worker_pid or 0) as peak:
            await engine.wait_ready()
            prompt = [5 + number * 7919 % 200 for number in range(plan.context_size - 12)]
            request = GenerationRequest("fill", prompt, SamplingParams(temperature=0), 8, ignore_eos=True)
            async for _ in engine.generate(request):
                pass
            mapped = _mapped(peak.pid, model) + (_mapped(peak.pid, draft) if draft else 0)
        return Taken(peak.private, mapped)
    finally:
        await engine.stop()


class _Peak:
    """Watches a process's private memory from a thread."""

    def __init__(self, pid: int) -> None:
        self.pid, self.private = pid, 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> _Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.is_set():
            with suppress(OSError, TypeError):
                found = re.search(r"RssAnon:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text())
                self.private = max(self.private, int(found[1]) << 10 if found else 0)
            time.sleep(POLL_SECONDS)


def _mapped(pid: int, model: Path) -> int:
    total, ours = 0, False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            ours = line.endswith(str(model))
        elif ours and line.startswith("Rss:"):
            total += int(line.split()[1]) << 10
    return total


if __name__ == "__main__":
    sys.exit(main())
