"""From scenes to batches: render, encode, mark what is to be learned, and group by length."""

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from bundler.demo.conversations import Mix, scene
from bundler.demo.core import Split
from bundler.demo.template import render
from bundler.demo.tokenizer import PAD, TURN_END, TURN_START

IGNORED = -100
# Lengths are rounded up to this: few distinct shapes keep the kernels' caches small.
GRAIN = 16


@dataclass(frozen=True)
class Sample:
    """One encoded conversation; `learned[i]` says whether token i is to be predicted."""

    tokens: list[int]
    learned: list[bool]


@dataclass(frozen=True)
class Batch:
    """Conversations of similar length, padded at the end, and the flat places where something is learned."""

    tokens: Tensor
    places: Tensor
    targets: Tensor

    @property
    def size(self) -> int:
        """Tokens, padding included: the cost of the batch."""
        return int(self.tokens.numel())

    def to(self, device: torch.device) -> "Batch":
        """The same where the model is."""
        return Batch(self.tokens.to(device), self.places.to(device), self.targets.to(device))


def texts(rng: random.Random, count: int, mix: Mix) -> list[str]:
    """Rendered training conversations."""
    scenes = (scene(rng, Split.TRAIN, mix) for _ in range(count))
    return [render(one.messages(), one.tools, thinking=one.thinking) for one in scenes]


class Marker:
    """Finds the assistant's tokens, the end of turn included.

    The `<think>` that opens a thoughtful turn is left out: the template writes it, and a model that learned
    to write it would think unasked. A share of everything else (`overheard`) is learned too, to get a feeling for
    English.
    """

    def __init__(self, tokenizer: Tokenizer, rng: random.Random, overheard: float) -> None:
        self._rng = rng
        self._overheard = overheard
        self._end = tokenizer.token_to_id(TURN_END)
        self._think = tokenizer.token_to_id("<think>")
        self._opening = tokenizer.encode(f"{TURN_START}assistant\n").ids

    def mark(self, tokens: list[int]) -> Sample:
        """Mark one conversation."""
        learned = [self._rng.random() < self._overheard for _ in tokens]
        width, position = len(self._opening), 0
        while position < len(tokens):
            if tokens[position : position + width] != self._opening:
                position += 1
                continue
            position += width
            if position < len(tokens) and tokens[position] == self._think:
                learned[position] = learned[position + 1] = False
                position += 2
            while position < len(tokens):
                learned[position] = True
                position += 1
                if tokens[position - 1] == self._end:
                    break
        return Sample(tokens, learned)


def batches(
    tokenizer: Tokenizer, seed: int, mix: Mix, *, budget: int, context: int, overheard: float, chunk: int = 2000
) -> Iterator[Batch]:
    """Endless batches of at most `budget` tokens, each of one length class, in random order."""
    rng = random.Random(seed)
    marker, pad = Marker(tokenizer, rng, overheard), tokenizer.encode(PAD).ids[0]
    while True:
        encoded = tokenizer.encode_batch_fast(texts(rng, chunk, mix))
        samples = [marker.mark(one.ids) for one in encoded if len(one.ids) <= context]
        samples.sort(key=lambda sample: len(sample.tokens))
        groups: list[list[Sample]] = [[]]
        for sample in samples:
            if (len(groups[-1]) + 1) * _rounded(len(sample.tokens)) > budget:
                groups.append([])
            groups[-1].append(sample)
        rng.shuffle(groups)
        yield from (_batch(group, pad) for group in groups if group)


@dataclass(frozen=True)
class Writing(IterableDataset):  # type: ignore[misc]
    """Batches written by several processes, in a fixed order: what a GPU reads, no single core can write."""

    tokenizer: Tokenizer
    seed: int
    mix: Mix
    budget: int
    context: int
    overheard: float

    def __iter__(self) -> Iterator[Batch]:
        """The batches of one of the processes."""
        worker = get_worker_info()
        seed = self.seed + (worker.id if worker else 0)
        return batches(
            self.tokenizer, seed, self.mix, budget=self.budget, context=self.context, overheard=self.overheard
        )

    def by(self, processes: int) -> Iterator[Batch]:
        """The batches of this many processes, taken from one after the other."""
        # Each of them would start a thread for every core.
        os.environ["TOKENIZERS_PARALLELISM"] = "false"
        return iter(DataLoader(self, batch_size=None, num_workers=processes, prefetch_factor=8))


def _rounded(length: int) -> int:
    return -(-length // GRAIN) * GRAIN


def _batch(group: list[Sample], pad: int) -> Batch:
    length = _rounded(max(len(sample.tokens) for sample in group))
    tokens = torch.full((len(group), length), pad, dtype=torch.long)
    targets = torch.full((len(group), length), IGNORED, dtype=torch.long)
    for row, sample in enumerate(group):
        ids = torch.tensor(sample.tokens)
        tokens[row, : len(ids)] = ids
        targets[row, : len(ids) - 1] = ids.masked_fill(~torch.tensor(sample.learned), IGNORED)[1:]
    flat = targets.flatten()
    places = (flat != IGNORED).nonzero().squeeze(1)
    # The last row's padding fills the places up to the grain: there is nothing to learn there.
    spare = -len(places) % GRAIN
    places = torch.cat((places, torch.full((spare,), flat.numel() - 1)))
    return Batch(tokens, places, flat[places])
