"""A model's shape: what its memory and its speed follow from, read from the GGUF's header when a dist is built.

Only nouns. `bundler/model/shape.py` makes them, the manifest carries them, `runtime/backends/fit` computes with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Layers:
    """Layers in a row that are alike.

    weights: bytes of one layer, experts among them; experts: bytes of its experts alone, 0 where it has none.
    keys, values: numbers it remembers of each token. windowed: it remembers only the last tokens.
    state: bytes it remembers of a whole text instead, for layers that do not look back at single tokens.
    ahead: it is behind the others and guesses ahead; without that it is not even loaded.
    """

    count: int
    weights: int
    experts: int = 0
    keys: int = 0
    values: int = 0
    windowed: bool = False
    state: int = 0
    ahead: bool = False


@dataclass(frozen=True, slots=True)
class ModelShape:
    """A whole model. Sizes of tensors in bytes, the others in numbers a token.

    embedding: the token table; output: the last matrix and norm (the token table again where they are one: `tied`).
    width: of what goes from layer to layer. widest: of the largest thing a layer makes of it, per token.
    heads: queries a token asks in a layer. head_size: of one. window: tokens a windowed layer looks back at.
    vocabulary: tokens. text: bytes of all its words and merges; pieces: how many of them there are.
    experts_used, expert_count: experts of a layer that a token uses, and all of them.
    types: formats of the matrices, as "Q8_0", the one with the most bytes first.
    """

    layers: tuple[Layers, ...]
    embedding: int
    output: int
    tied: bool
    width: int
    widest: int
    heads: int
    head_size: int
    window: int
    vocabulary: int
    pieces: int
    text: int
    experts_used: int = 0
    expert_count: int = 0
    types: tuple[str, ...] = ()

    @property
    def depth(self) -> int:
        """How many layers."""
        return sum(run.count for run in self.layers)

    @property
    def each(self) -> Iterator[Layers]:
        """Layer by layer, the first first."""
        for run in self.layers:
            for _ in range(run.count):
                yield run

    @property
    def weights(self) -> int:
        """Bytes of all weights, as they lie in the file."""
        return self.embedding + (0 if self.tied else self.output) + sum(run.count * run.weights for run in self.layers)

    @property
    def experts(self) -> int:
        """Bytes of all experts."""
        return sum(run.count * run.experts for run in self.layers)

    @property
    def expert_share(self) -> float:
        """The share of its experts that a token uses."""
        return self.experts_used / self.expert_count if self.expert_count else 1.0

    @property
    def layers_ahead(self) -> int:
        """How many layers guess ahead."""
        return sum(run.count for run in self.layers if run.ahead)

    @property
    def has_state(self) -> bool:
        """Whether some layers remember a state."""
        return any(run.state for run in self.layers)

    @property
    def has_window(self) -> bool:
        """Whether some layers remember only the last tokens."""
        return any(run.windowed for run in self.layers)
