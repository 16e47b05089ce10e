"""Whether two models mean the same by their tokens."""

from __future__ import annotations

from runtime.engine.worker.model import Model

MOST_MORE = 128
"""Tokens one vocabulary may have more than the other: filling up to a round number. llama.cpp's bound."""

_COMPARED = 4096
"""Texts that are compared, evenly over the vocabulary: where one token is missing all behind it have moved."""


def difference(one: Model, other: Model) -> str:
    """What differs, as the end of a sentence; "" where the same tokens mean the same."""
    raw = one.llama.raw
    if raw.llama_vocab_type(one.vocabulary) != raw.llama_vocab_type(other.vocabulary):
        return "they are of different kinds"
    sizes = one.vocabulary_size, other.vocabulary_size
    if abs(sizes[0] - sizes[1]) > MOST_MORE:
        return f"one has {sizes[0]:,} tokens, the other {sizes[1]:,}"
    if (one.adds_bos, one.bos) != (other.adds_bos, other.bos):
        return "their texts begin with different tokens"
    text, shared = raw.llama_vocab_get_text, min(sizes)
    for token in {*range(0, shared, 1 + shared // _COMPARED), shared - 1}:
        if text(one.vocabulary, token) != text(other.vocabulary, token):
            return f"token {token} is another text"
    return ""
