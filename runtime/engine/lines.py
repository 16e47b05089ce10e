"""How many lines of text a context keeps, and how many tokens of them: the same rule for the worker and for the fit."""

from __future__ import annotations

SPARE = 16
"""Lines for texts at rest, at least, where a line costs only room for its logits (full attention)."""

MOST = 256  # LLAMA_MAX_SEQ

SPLIT_SPARE = 2
"""Lines for texts at rest where each takes memory for a whole context (a split cache)."""

MEMORY_SHARE = 0.25
"""Of a machine's free memory, what the cache may take to serve several requests at once."""

DRAFT_BATCH = 128
"""Tokens a guesser reads at a time, of all texts together; the answers being written wait for it."""

MOST_GUESSED = 16
"""Tokens guessed at a time of an answer, at most."""

ROWS_KEPT = 32
"""Tokens a line may be ahead of the layer that guesses; each keeps its row until the layer has read it."""

STATE_BACK = 2
"""Tokens that can be taken back of a state, where a layer guesses ahead: each takes another copy of it."""


def lines_for(parallel: int, *, costly: bool) -> int:
    """How many lines to make. costly: each takes a window or a state, so only as many spare ones as running ones."""
    spare = parallel + 1 if costly else max(SPARE, parallel)
    return min(MOST, parallel + spare)


def split_lines_for(parallel: int) -> int:
    """How many lines a split cache has, each with cells for a whole context."""
    return min(MOST, parallel + SPLIT_SPARE)


def guessed_cells(parallel: int) -> int:
    """How many more cells a model's own layer has than the model, for the guesses and what they are made from."""
    return parallel * (MOST_GUESSED + 1)


def cells_for(context_size: int, parallel: int, cell_bytes: int, memory: int) -> int:
    """How many cells to make: a whole context for each of `parallel` requests, as far as a share of `memory` bytes
    goes, but never less than one context. Requests hold only what they use, so fewer than asked for serve well, too.
    """
    wanted = context_size * parallel
    affordable = int(memory * MEMORY_SHARE) // cell_bytes if cell_bytes and memory else wanted
    return max(context_size, min(wanted, affordable))
