"""Training: Muon for the matrices, AdamW for the rest, a warm-up, a plateau and a long way down to zero."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch.nn import functional

from bundler.demo import data, tokenizer
from bundler.demo.data import Batch
from bundler.demo.model import Decoder, ModelConfig

Report = Callable[[str], None]


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the result; the defaults made the committed model."""

    seed: int = 4
    tokens: int = 45_000_000
    batch_tokens: int = 4096
    batches_per_step: int = 3
    matrix_rate: float = 0.02
    other_rate: float = 0.004
    weight_decay: float = 0.01
    warm_up: float = 0.02
    way_down: float = 0.5
    threads: int = 2

    def rate_at(self, progress: float) -> float:
        """The learning rate's factor after this part of the training."""
        return min(1.0, progress / self.warm_up, (1.0 - progress) / self.way_down)


@dataclass(frozen=True)
class Trained:
    """What training leaves behind."""

    model: Decoder
    tokenizer: Tokenizer
    seconds: float

    def save(self, folder: Path) -> None:
        """Keep weights and vocabulary for `convert`."""
        folder.mkdir(parents=True, exist_ok=True)
        self.tokenizer.save(str(folder / "tokenizer.json"))
        torch.save({"config": self.model.config.to_dict(), "weights": self.model.state_dict()}, folder / "model.pt")


def load(folder: Path) -> tuple[Decoder, Tokenizer]:
    """Read back what `Trained.save` wrote."""
    saved = torch.load(folder / "model.pt", weights_only=True)
    model = Decoder(ModelConfig(**saved["config"]))
    model.load_state_dict(saved["weights"])
    return model, tokenizer.load(folder / "tokenizer.json")


def run(recipe: Recipe, config: ModelConfig, report: Report) -> Trained:
    """The whole training."""
    started = time.monotonic()
    torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    vocabulary = tokenizer.train(iter(data.texts(random.Random(recipe.seed), 60_000)), config.vocab_size)
    report(f"vocabulary: {vocabulary.get_vocab_size()} tokens after {time.monotonic() - started:.0f} s")
    model = Decoder(config)
    report(f"model: {sum(p.numel() for p in model.parameters()):,} parameters")
    source = data.batches(vocabulary, recipe.seed + 1, budget=recipe.batch_tokens, context=config.context)
    _fit(model, source, recipe, report)
    return Trained(model, vocabulary, time.monotonic() - started)


def _optimizers(model: Decoder, recipe: Recipe) -> list[torch.optim.Optimizer]:
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embedding" not in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embedding" in name]
    return [
        torch.optim.Muon(matrices, lr=recipe.matrix_rate, weight_decay=recipe.weight_decay),
        torch.optim.AdamW(others, lr=recipe.other_rate, betas=(0.9, 0.95), weight_decay=0.0, fused=True),
    ]


def _fit(model: Decoder, source: Iterator[Batch], recipe: Recipe, report: Report) -> None:
    optimizers = _optimizers(model, recipe)
    rates = [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]
    seen, step, started, average = 0, 0, time.monotonic(), 0.0
    while seen < recipe.tokens:
        factor = max(recipe.rate_at(seen / recipe.tokens), 1e-3)
        for optimizer, initial in zip(optimizers, rates, strict=True):
            for group, rate in zip(optimizer.param_groups, initial, strict=True):
                group["lr"] = rate * factor
        batches = [next(source) for _ in range(recipe.batches_per_step)]
        loss = _step(model, batches, optimizers)
        seen += sum(batch.size for batch in batches)
        step += 1
        average = loss if step == 1 else 0.98 * average + 0.02 * loss
        if step % 50 == 0:
            speed = seen / (time.monotonic() - started)
            report(f"step {step}  {seen / recipe.tokens:6.1%}  loss {average:.4f}  {speed:,.0f} tokens/s")


def _step(model: Decoder, batches: list[Batch], optimizers: list[torch.optim.Optimizer]) -> float:
    wanted = [batch.targets != data.IGNORED for batch in batches]
    total = sum(int(mask.sum()) for mask in wanted)
    loss_sum = 0.0
    for batch, mask in zip(batches, wanted, strict=True):
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(batch.tokens, mask)
        loss = functional.cross_entropy(logits.float(), batch.targets[mask], reduction="sum") / total
        loss.backward()
        loss_sum += loss.item()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return loss_sum
