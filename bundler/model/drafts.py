"""Whether a small model can guess ahead for a large one: it must mean the same by its tokens."""

from __future__ import annotations

from dataclasses import dataclass

from bundler.errors import ModelError
from bundler.model.gguf import read_tables
from bundler.model.local import LocalModel
from runtime.engine.worker.vocabulary import MOST_MORE

_TOKENS = "tokenizer.ggml.tokens"
_HEAD = 4 + 4 + 8  # of a pair with a list, behind its key: that it is one, of what, and how many


def fitting_draft(draft: LocalModel, model: LocalModel) -> LocalModel:
    """The draft. Raises `ModelError` where it cannot guess for the model."""
    ours, theirs = _vocabulary(model), _vocabulary(draft)
    if differs := theirs.difference(ours):
        raise ModelError(
            f"{draft.path.name} cannot draft for {model.path.name}: their vocabularies differ ({differs}).",
            "Choose a small model of the same family.",
        )
    for one in (draft, model):
        if one.shape and (one.shape.has_window or one.shape.has_state):
            raise ModelError(
                f"{draft.path.name} cannot draft for {model.path.name}: {one.path.name} does not attend to all of a "
                "text alike, and cannot take back guesses that did not come.",
                "Leave model.draft out.",
            )
    return draft


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    """kind: of tokenizer. texts: of all tokens, as they stand in the file."""

    kind: str
    size: int
    texts: bytes

    def difference(self, other: _Vocabulary) -> str:
        """What differs between this and the other; "" where the same tokens mean the same, as far as both have them."""
        if self.kind != other.kind or abs(self.size - other.size) > MOST_MORE:
            return f"{self.kind}, {self.size:,} tokens; {other.kind}, {other.size:,} tokens"
        shared = min(len(self.texts), len(other.texts))
        return "" if self.texts[:shared] == other.texts[:shared] else "their tokens stand for different texts"


def _vocabulary(model: LocalModel) -> _Vocabulary:
    said, pairs = model.header.metadata, dict(read_tables(model.path).pairs)
    return _Vocabulary(
        kind=str(said.get("tokenizer.ggml.model")),
        size=int(said.get(_TOKENS, 0)),
        texts=pairs.get(_TOKENS, b"")[8 + len(_TOKENS) + _HEAD :],
    )
