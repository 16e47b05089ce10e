"""What a batch tells llama.cpp: tokens, positions, lines, and from which to draw."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from runtime.engine.worker.batch import Batch
from runtime.engine.worker.model import Model


def batch_of(capacity: int) -> Batch:
    llama = SimpleNamespace(raw=SimpleNamespace(llama_batch=SimpleNamespace))
    return Batch(cast("Model", SimpleNamespace(llama=llama)), capacity)


def entries(batch: Batch) -> list[tuple[int, int, int, int, int]]:
    """Token, position, number of lines, line, and whether it is drawn from."""
    one = batch.native
    return [
        (one.token[at], one.pos[at], one.n_seq_id[at], one.seq_id[at][0], one.logits[at]) for at in range(len(batch))
    ]


def test_tokens_of_a_line_follow_on_each_other() -> None:
    batch = batch_of(8)
    assert batch.add([7, 8, 9], 20, 3, outputs=2) == 0
    assert batch.add((5,), 4, 1) == 3
    assert entries(batch) == [(7, 20, 1, 3, 0), (8, 21, 1, 3, 1), (9, 22, 1, 3, 1), (5, 4, 1, 1, 0)]
    assert [*batch.runs()] == [(3, 0, 3), (1, 3, 4)]


def test_nothing_is_left_of_what_was_in_it_before() -> None:
    batch = batch_of(4)
    batch.add([1, 2, 3, 4], 0, 2, outputs=4)
    batch.clear()
    batch.add([6, 7], 5, 0)
    assert entries(batch) == [(6, 5, 1, 0, 0), (7, 6, 1, 0, 0)]


def test_what_does_not_fit_is_not_begun() -> None:
    batch = batch_of(4)
    batch.add([1, 2, 3], 0, 2)
    with pytest.raises(IndexError, match="2 more tokens do not fit into the batch: 3 of 4"):
        batch.add([4, 5], 3, 2)
    assert len(batch) == 3
