"""Reasoning that has taken its share: it is ended with the words that end it, and the answer goes on behind them."""

from __future__ import annotations

import codecs

from runtime.engine.core import ReasoningBudget
from runtime.engine.worker.model import Model


class Budget:
    """Of one answer: hears its tokens, and says which must come next once the budget is spent.

    due: the tokens that must come; none where they are drawn. What they are follows from the tokens before, so an
    answer can be taken up anywhere.
    """

    def __init__(self, model: Model, budget: ReasoningBudget) -> None:
        self._model = model
        self._budget = budget
        self._is_open = budget.is_open
        self._is_over = False
        self._count = 0
        self._text = ""  # what may hold the next tag, or its beginning
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.due: list[int] = []
        self._look()

    def accept(self, token: int) -> None:
        """The answer's next token."""
        del self.due[:1]
        if self._is_over:
            return
        self._count += self._is_open
        self._text += self._decoder.decode(self._model.piece(token, special=True))
        tag = (self._budget.closing if self._is_open else self._budget.opening).strip()
        _, found, behind = self._text.partition(tag)
        if not found:
            self._text = self._text[-len(tag) :]
        elif self._is_open:
            self._is_over = True
        else:
            self._is_open, self._text = True, behind
        self._look()

    def _look(self) -> None:
        """End the reasoning if it is time, but not within a character."""
        if self._is_over or self.due or not self._is_open or self._count < self._budget.tokens:
            return
        if not self._decoder.getstate()[0]:
            words = self._budget.message + self._budget.closing
            self.due = self._model.tokenize(words, parse_special=True, add_special=False)
