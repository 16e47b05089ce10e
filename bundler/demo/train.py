"""Training: Muon for the matrices, AdamW for the rest, a warm-up, a plateau and a long way down to zero.

Each core trains on its own stream of conversations in its own process, and the gradients are averaged once
a step. One thread per process needs no barrier inside an operation, which on a busy machine is worth more
than any kernel. A GPU takes all steps in one process, and the cores write conversations for it.
"""

import os
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor, distributed, multiprocessing
from torch.nn import functional

from bundler.demo import data, tokenizer
from bundler.demo.conversations import FIRST, SECOND, Mix
from bundler.demo.data import Batch
from bundler.demo.model import Decoder, ModelConfig
from bundler.demo.muon import Muon
from bundler.demo.progress import report

VOCABULARY_FILE, WEIGHTS_FILE = "tokenizer.json", "model.pt"


@dataclass(frozen=True)
class Stage:
    """A stretch of training on one mix of conversations; without a way down, the rate stays where it is."""

    seed: int
    mix: Mix
    steps: int
    way_down: int = 0
    warm_up: int = 30
    gain: float = 1.0

    def rate_at(self, step: int) -> float:
        """The learning rate's factor in this step, counted from one."""
        down = (self.steps + 1 - step) / self.way_down if self.way_down else 1.0
        return self.gain * min(1.0, step / self.warm_up, down)


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the result.

    The first stage has more drills in it, until copying works; the second hides the meaning of tools' names.
    workers: processes that train, each on a core; with a GPU, processes that write conversations.
    """

    seed: int = 4
    stages: tuple[Stage, ...] = (Stage(4, FIRST, 1000), Stage(5, SECOND, 950, way_down=650))
    workers: int = 2
    batch_tokens: int = 2048
    batches_per_step: int = 2
    matrix_rate: float = 0.02
    other_rate: float = 0.004
    weight_decay: float = 0.01
    vocabulary_texts: int = 60_000
    longest: int = 2048
    overheard: float = 0.1

    def shortened(self, times: int) -> "Recipe":
        """The same in a fraction of the steps."""
        stages = tuple(replace(s, steps=s.steps // times, way_down=s.way_down // times) for s in self.stages)
        return replace(self, stages=stages)


# A GPU reads ten times as much, in minutes. The committed model was made so.
ON_GPU = Recipe(
    stages=(Stage(4, FIRST, 400, warm_up=60), Stage(5, SECOND, 1800, way_down=1250)),
    workers=14,
    batch_tokens=65_536,
    batches_per_step=1,
)

# To go on from a finished model after its text was changed: half the rate, and only what the assistant says is learned.
REFINEMENT = Recipe(
    seed=6,
    stages=(Stage(6, SECOND, 600, way_down=400, gain=0.5),),
    batch_tokens=2048,
    batches_per_step=1,
    longest=768,
    overheard=0.0,
)


def load(folder: Path) -> tuple[Decoder, Tokenizer]:
    """Read the weights and the vocabulary that `run` left behind."""
    saved = torch.load(folder / WEIGHTS_FILE, weights_only=True)
    model = Decoder(ModelConfig(**saved["config"]))
    model.load_state_dict(saved["weights"])
    return model, tokenizer.load(folder / VOCABULARY_FILE)


def run(recipe: Recipe, config: ModelConfig, folder: Path, start: Path | None = None, *, gpu: bool = False) -> None:
    """The whole training, from nothing or from a GGUF of ours; `load(folder)` gives the result."""
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    torch.manual_seed(recipe.seed)
    if start:
        from bundler.demo import resume

        model, vocabulary = resume.read(start)
    else:
        texts = data.texts(random.Random(recipe.seed), recipe.vocabulary_texts, recipe.stages[0].mix)
        model, vocabulary = Decoder(config), tokenizer.train(iter(texts), config.vocab_size)
    vocabulary.save(str(folder / VOCABULARY_FILE))
    _save(model, folder)
    size = sum(p.numel() for p in model.parameters())
    report(f"{size:,} parameters, {vocabulary.get_vocab_size()} tokens after {time.monotonic() - started:.0f} s")
    if gpu:
        _train_on_gpu(recipe, folder)
    else:
        with tempfile.TemporaryDirectory() as meeting:
            arguments = (recipe, folder, Path(meeting) / "store", _bfloat16_is_faster())
            multiprocessing.spawn(_worker, arguments, nprocs=recipe.workers)
    report(f"trained in {(time.monotonic() - started) / 60:.1f} min, {_used() / 60:.1f} min of processor time")


def _save(model: Decoder, folder: Path) -> None:
    """Write the weights, never leaving half a file."""
    partial = folder / f"{WEIGHTS_FILE}.partial"
    weights = {name: weight.cpu() for name, weight in model.state_dict().items()}
    torch.save({"config": model.config.to_dict(), "weights": weights}, partial)
    partial.replace(folder / WEIGHTS_FILE)


def _used() -> float:
    """The processor time of this process and its ended children: what counts where others share the cores."""
    return sum(os.times()[:4])


def _bfloat16_is_faster() -> bool:
    """Measured, because processors without the instructions emulate them, six times as slowly as float32."""

    def seconds(kind: torch.dtype) -> float:
        a, b = torch.ones(1024, 256, dtype=kind), torch.ones(256, 512, dtype=kind)
        started = time.process_time()
        for _ in range(20):
            a @ b
        return time.process_time() - started

    for kind in (torch.float32, torch.bfloat16):
        seconds(kind)
    return seconds(torch.bfloat16) < 0.8 * seconds(torch.float32)


def _worker(rank: int, recipe: Recipe, folder: Path, meeting: Path, bfloat16: bool) -> None:
    """One process: equal weights everywhere, its own conversations."""
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=recipe.workers)
    model, vocabulary = load(folder)
    if rank == 0:
        report(f"{'bfloat16' if bfloat16 else 'float32'} arithmetic")
    for stage in recipe.stages:
        seed = stage.seed * 1000 + rank
        source = data.batches(
            vocabulary,
            seed,
            stage.mix,
            budget=recipe.batch_tokens,
            context=recipe.longest,
            overheard=recipe.overheard,
        )
        for step in _fit(model, source, recipe, stage, bfloat16, talks=rank == 0):
            if rank == 0 and step % 50 == 0:
                _save(model, folder)
    if rank == 0:
        _save(model, folder)
    distributed.destroy_process_group()


def _train_on_gpu(recipe: Recipe, folder: Path) -> None:
    model, vocabulary = load(folder)
    model.to("cuda")
    # What little is left to the processor is done before other threads would wake, and those write conversations.
    torch.set_num_threads(1)
    for stage in recipe.stages:
        writing = data.Writing(
            vocabulary, stage.seed * 1000, stage.mix, recipe.batch_tokens, recipe.longest, recipe.overheard
        )
        for step in _fit(model, writing.by(recipe.workers), recipe, stage, bfloat16=True, talks=True):
            if step % 500 == 0:
                _save(model, folder)
    _save(model, folder)


def _optimizers(model: Decoder, recipe: Recipe) -> list[torch.optim.Optimizer]:
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embedding" not in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embedding" in name]
    return [
        Muon(matrices, recipe.matrix_rate, recipe.weight_decay),
        torch.optim.AdamW(others, lr=recipe.other_rate, betas=(0.9, 0.95), weight_decay=0.0, fused=True),
    ]


def _fit(
    model: Decoder, source: Iterator[Batch], recipe: Recipe, stage: Stage, bfloat16: bool, *, talks: bool
) -> Iterator[int]:
    """Take a stage's steps, one for every number yielded."""
    optimizers = _optimizers(model, recipe)
    rates = [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]
    started, average, tokens = time.monotonic(), 0.0, 0
    for step in range(1, stage.steps + 1):
        factor = stage.rate_at(step)
        for optimizer, initial in zip(optimizers, rates, strict=True):
            for group, rate in zip(optimizer.param_groups, initial, strict=True):
                group["lr"] = rate * factor
        batches = [next(source) for _ in range(recipe.batches_per_step)]
        loss = _step(model, batches, optimizers, bfloat16)
        tokens += sum(batch.size for batch in batches)
        average = loss if step == 1 else 0.98 * average + 0.02 * loss
        if talks and step % 25 == 0:
            speed = tokens / (time.monotonic() - started)
            report(f"step {step} of {stage.steps}  loss {average:.4f}  {speed:,.0f} tokens/s  {_used():,.0f} s used")
        yield step


def _step(model: Decoder, batches: list[Batch], optimizers: list[torch.optim.Optimizer], bfloat16: bool) -> float:
    device = next(model.parameters()).device
    total = sum(int((batch.targets != data.IGNORED).sum()) for batch in batches)
    loss_sum = 0.0
    for batch in (batch.to(device) for batch in batches):
        with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
            logits = model(batch.tokens, batch.places)
        loss = (
            functional.cross_entropy(logits.float(), batch.targets, ignore_index=data.IGNORED, reduction="sum") / total
        )
        loss.backward()
        loss_sum += loss.item()
    if distributed.is_initialized():
        _average_gradients(model)
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return loss_sum


def _average_gradients(model: Decoder) -> None:
    """One exchange for all gradients; afterwards every process takes the same step."""
    gradients: list[Tensor] = [p.grad for p in model.parameters() if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    flat /= distributed.get_world_size()
    for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))
