"""The nouns of scheduling: a sequence of tokens on its way through the model, and its share of one step."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Sequence:
    """Tokens to compute: a prompt, and then what was drawn.

    name: the request's id. arrival: its place among all that ever came; older ones have precedence. tokens: all of
    them; the last one's logits are always still wanted. computed: how many the cache holds, in `line`; without a line
    it waits. marks: positions at which to stop and leave a checkpoint. held_by, held_until: it waits, because another
    is just computing what both begin with. guessed: tokens that may follow, to be tried with the next step.
    """

    name: str
    arrival: int
    tokens: list[int]
    computed: int = 0
    line: int | None = None
    marks: list[int] = field(default_factory=list)
    held_by: Sequence | None = None
    held_until: int = 0
    guessed: list[int] = field(default_factory=list)

    @property
    def pending(self) -> int:
        """Tokens to compute before the next can be drawn."""
        return len(self.tokens) - self.computed

    @property
    def is_decoding(self) -> bool:
        """Whether it is one token away from the next."""
        return self.pending == 1

    def next_stop(self) -> int:
        """The position up to which it may be computed in one go."""
        return min((mark for mark in self.marks if mark > self.computed), default=len(self.tokens))


@dataclass(frozen=True, slots=True)
class Chunk:
    """A sequence's part in one step: its next `count` tokens, and guessed ones that may follow them."""

    sequence: Sequence
    count: int
    guessed: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """All tokens that are computed for it."""
        return self.count + len(self.guessed)

    @property
    def tokens(self) -> list[int]:
        """The tokens to compute."""
        begin = self.sequence.computed
        return self.sequence.tokens[begin : begin + self.count]

    @property
    def depth(self) -> float:
        """Where the tokens lie in their text, on average; before they are computed."""
        return self.sequence.computed + self.count / 2

    @property
    def draws(self) -> bool:
        """Whether a token can be drawn after it."""
        return self.count == self.sequence.pending


def shifted(tokens: list[int], keep: int, size: int) -> list[int]:
    """What is left of a text that has outgrown its context: the first `keep` tokens and the newer half of the rest.

    Cutting a long text at once gives the same as cutting it again and again while it grew, so an answer that was begun
    elsewhere goes on from the same tokens. Half of the context is always forgettable, however much should be kept.
    """
    keep = min(keep, size // 2)
    half = max(1, (size - keep) // 2)
    cuts = max(0, -(-(len(tokens) - size + 1) // half))  # rounded up
    return tokens[:keep] + tokens[keep + cuts * half :]
