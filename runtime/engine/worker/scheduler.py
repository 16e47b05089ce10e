"""Who computes what in the next step: a policy, without clock, model or threads.

admit → plan → advance → … → leave. Rules:

- Who decodes comes first, one token each. What is left of the step goes to prompts, as much at a time as fits: to the
  one that has least left, so that most get their first word soonest (if all got on a little at a time, all would be
  done as late as the last). Every few steps it is the turn of the one that has waited longest for it, so that short
  prompts, however many come, cannot hold up a long one for ever.
- Where prompts may have more than a step, those who decode rest until they had it: a step in which few decode costs as
  much more as one in which many do.
- Requests are admitted as they came, unless one shares its beginning with a prompt that is just being computed: then it
  waits until the shared part is done, and others may pass it.
- A request reserves nothing. When the cache is full, lines at rest are forgotten; if that is not enough the youngest
  running request is set back: it gives up its cells, waits, and is computed again when there is room. The oldest is
  never set back, and alone it always fits, so everybody gets done.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator

from runtime.engine.worker.cache import WORTH_SHARING, PrefixCache
from runtime.engine.worker.prefix import common_prefix
from runtime.engine.worker.sequence import Chunk, Sequence

_GROWTH = 16
"""Cells that should be free for every running request when another is admitted, or it would soon be set back again."""

_TURNS = 4
"""One step with prompts of so many is for the one that has waited longest, whatever it has left."""

_TOGETHER = 32, 8
"""Processors compute so many tokens at a time (`bundler/engine/compat/cpu`); what is left over takes about as long. A
prompt's token beside eight that decode cost 0.46 ms in steps of 64, 96, 128 and 160 tokens, 0.48 to 0.51 ms in those
with sixteen more (the engine alone, two Zen 4 cores, the small model of `bench.models`).
"""


class Scheduler:
    """The requests that wait and run, at most `parallel` at once. limit: tokens of a step.

    set_backs: how often one had to give way.
    """

    def __init__(self, cache: PrefixCache, parallel: int, limit: int) -> None:
        self._cache = cache
        self._parallel = parallel
        self._limit = limit
        self.waiting: list[Sequence] = []
        self.running: list[Sequence] = []  # also who has waited longest for a turn: the first
        self.set_backs = 0
        self._with_prompts = 0  # steps
        self._ahead = 0  # tokens of prompts that may still be computed before somebody decodes again

    @property
    def rests(self) -> bool:
        """Whether those who decode rest in the next step: prompts go first, and fill it."""
        pending = sum(sequence.pending for sequence in self.running if not sequence.is_decoding)
        return min(pending, self._ahead) >= self._limit

    @property
    def next_prompt(self) -> Sequence | None:
        """The prompt that is next, if any is."""
        return next(iter(self._prompts()), None)

    def add(self, sequence: Sequence) -> None:
        """A request came."""
        insort(self.waiting, sequence, key=lambda one: one.arrival)

    def admit(self) -> Iterator[Sequence]:
        """Let requests in while there is room; those that may begin, with their line and what is computed already."""
        for sequence in [*self.waiting]:
            if len(self.running) == self._parallel:
                return
            if self._is_held(sequence):
                continue
            if not self._let_in(sequence):
                return
            yield sequence

    def plan(self, prompt_tokens: int) -> list[Chunk]:
        """The next step: at most `limit` tokens, all of which fit.

        prompt_tokens: at most so many of prompts until somebody decodes again, in this step and in those in which who
        decodes rests. In the order of their lines: of a split cache, llama.cpp computes together only what lies side by
        side.
        """
        if not self.rests:
            self._ahead = 0
        budget = self._ahead or prompt_tokens
        chunks = self._wanted(budget)
        while not self._cache.make_room(sum(chunk.size for chunk in chunks)):
            self.set_back()
            chunks = self._wanted(budget)
        with_prompts = sum(chunk.count for chunk in chunks if not chunk.sequence.is_decoding)
        self._ahead = budget - with_prompts
        self._with_prompts += with_prompts > 0
        return sorted(chunks, key=_line)

    def advance(self, chunk: Chunk) -> None:
        """The chunk was computed."""
        sequence = chunk.sequence
        if sequence.line is None:
            raise ValueError(f"{sequence.name} is not running")
        self._cache.grew(sequence.line, chunk.tokens)
        sequence.computed += chunk.count
        if sequence.computed in sequence.marks:
            sequence.marks.remove(sequence.computed)
            self._cache.checkpoint(sequence.line)
        if sequence.pending > self._limit:  # it has had its turn: the others first
            self.running.remove(sequence)
            self.running.append(sequence)

    def guessed_right(self, chunk: Chunk, count: int) -> None:
        """So many of the chunk's guessed tokens are what was drawn: they are computed, too."""
        sequence = chunk.sequence
        if count and sequence.line is not None:
            self._cache.grew(sequence.line, chunk.guessed[:count])
            sequence.computed += count

    def leave(self, sequence: Sequence, *, keep: bool = True) -> None:
        """The request is over, or nobody wants it any more; what it computed is kept (or not) while there is room."""
        if sequence in self.running:
            self.running.remove(sequence)
        else:
            self.waiting.remove(sequence)
        if sequence.line is not None:
            (self._cache.rest if keep else self._cache.drop)(sequence.line)
            sequence.line = None

    def restart(self, sequence: Sequence, tokens: list[int]) -> None:
        """Go on from other tokens, in the same place; they are computed anew from where they part from the old ones.

        So a context is shifted: moving what the cache holds to other positions would move it for all who share it, and
        a state cannot be moved at all. One token of a prompt for each of the answer is a small price.
        """
        self.leave(sequence)
        sequence.tokens, sequence.computed, sequence.marks = tokens, 0, []
        self.add(sequence)

    def set_back(self, sequence: Sequence | None = None) -> None:
        """Take a running request's cells, the youngest one's unless told which; it waits where its age puts it."""
        victim = sequence or max(self.running, key=lambda one: one.arrival)
        if victim.line is not None:
            self._cache.drop(victim.line)
        victim.line, victim.computed, victim.marks = None, 0, []
        self.running.remove(victim)
        self.add(victim)
        self.set_backs += 1

    def _wanted(self, prompt_tokens: int) -> list[Chunk]:
        decoders = [] if self._ahead else [sequence for sequence in self.running if sequence.is_decoding]
        chunks = [Chunk(sequence, 1, tuple(sequence.guessed)) for sequence in decoders]
        decoding = sum(chunk.size for chunk in chunks)
        budget = min(prompt_tokens, self._limit - decoding)
        prompts = self._prompts()
        if budget < sum(sequence.pending for sequence in prompts):
            together = next((count for count in _TOGETHER if budget > 2 * count), 1)
            budget -= (decoding + budget) % together
        for sequence in prompts:
            if budget <= 0:
                break
            chunks.append(Chunk(sequence, min(budget, sequence.next_stop() - sequence.computed)))
            budget -= chunks[-1].count
        return chunks

    def _prompts(self) -> list[Sequence]:
        """Running prompts, the next first."""
        prompts = [sequence for sequence in self.running if not sequence.is_decoding]
        if (self._with_prompts + 1) % _TURNS:
            prompts.sort(key=lambda sequence: sequence.pending)
        return prompts

    def _is_held(self, sequence: Sequence) -> bool:
        """Whether to wait for a prompt that another request is just computing."""
        holder = sequence.held_by
        if holder is not None and holder in self.running and holder.computed < sequence.held_until:
            return True
        sequence.held_by = None
        until, holder = max(
            ((self._will_share(other, sequence), other) for other in self.running),
            key=lambda found: found[0],
            default=(0, None),
        )
        if holder is None or until < WORTH_SHARING + (self._cache.usable(sequence.tokens) if until else 0):
            return False
        if self._cache.exact:
            until = _mark(holder, until)
        sequence.held_by, sequence.held_until = holder, until
        return holder.computed < until

    def _will_share(self, other: Sequence, sequence: Sequence) -> int:
        """How long a beginning a running sequence will compute that the waiting one needs, too; 0 if it is past it."""
        until = min(common_prefix(other.tokens, sequence.tokens), len(sequence.tokens) - 1)
        return until if until > other.computed else 0

    def _let_in(self, sequence: Sequence) -> bool:
        growth = _GROWTH * (len(self.running) + 1)
        if self.running and self._cache.room() < self._cache.cost(sequence.tokens) + growth:
            return False
        parted = min(self._cache.parted(sequence.tokens), len(sequence.tokens) - 1) if self._cache.exact else 0
        sequence.line, sequence.computed = self._cache.open(sequence.tokens)
        if parted - sequence.computed >= WORTH_SHARING:
            _mark(sequence, parted)  # where two texts parted, the next may part, too
        self.waiting.remove(sequence)
        self.running.append(sequence)
        return True


def _line(chunk: Chunk) -> int:
    return -1 if chunk.sequence.line is None else chunk.sequence.line


def _mark(sequence: Sequence, position: int) -> int:
    """Have a checkpoint left at the position, or at one shortly before it that there will be anyway; which it is."""
    near = [mark for mark in sequence.marks if position - WORTH_SHARING < mark <= position]
    if near:
        return max(near)
    sequence.marks.append(position)
    return position
