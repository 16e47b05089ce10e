"""A draft: a small model that reads what the large one reads and writes, and guesses how it goes on.

It has a context and a cache of its own, in which every request has a line, as in the large one's. It guesses what it
thinks the likeliest, as long as it is sure. Guesses lie in its cache, too; those that do not come are taken back before
it reads on.
"""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Sequence as Row
from dataclasses import dataclass, field

from runtime.engine.worker.batch import Batch
from runtime.engine.worker.cache import PrefixCache
from runtime.engine.worker.context import Context, DecodeError
from runtime.engine.worker.guesser import LITTLE, Ask, Guessed
from runtime.engine.worker.prefix import common_prefix
from runtime.engine.worker.surest import Surest


@dataclass(slots=True, eq=False)
class _Text:
    """What was read of a request. tokens: its own list; the first `read` of them are in the cache, in `line`.

    most: how many are to be guessed now. guesses: those that were; the first `ahead` of them are in the cache, too.
    """

    tokens: list[int]
    line: int
    read: int
    most: int = 0
    guesses: list[int] = field(default_factory=list)
    ahead: int = 0

    @property
    def left(self) -> int:
        """Tokens that are still to be read."""
        return len(self.tokens) - self.read


class Draft:
    """context: of a model that speaks the large one's vocabulary and can take tokens back. One thread only."""

    name = "The draft model"

    def __init__(self, context: Context, vocabulary_size: int) -> None:
        """vocabulary_size: the large model's."""
        self._context = context
        self._batch = Batch(context.model, context.batch_tokens)
        idle = max(context.size, context.cells // 4)
        self._cache = PrefixCache(context, lines=context.lines, cells=context.cells, idle_cells=idle)
        self._surest = Surest(context.model, context.handle, vocabulary_size)
        self._texts: dict[str, _Text] = {}

    def keep_only(self, names: Collection[str]) -> None:
        """No other requests run any more; what was read of them rests while there is room."""
        for name in self._texts.keys() - names:
            self._leave(name)

    def guess(self, asks: Row[Ask]) -> Guessed:
        """Read on, and guess where all has been read. Raises `DecodeError`; then these requests are read anew."""
        try:
            return self._guess([self._text(ask) for ask in asks], [ask.sequence.name for ask in asks])
        except DecodeError:
            for ask in asks:
                self._cache.drop(self._texts.pop(ask.sequence.name).line)
            raise

    def stop(self) -> None:
        """Nothing is read any more; what was rests."""
        self.keep_only(())

    def _guess(self, texts: Row[_Text], names: Row[str]) -> Guessed:
        shares = self._shares(texts)
        reading = sum(shares.values())
        if not self._cache.make_room(reading + sum(text.most for text in texts)):
            return Guessed()
        going, steps = self._read(shares), 1
        while sure := [text for text, entry in going if self._surest.guess(entry, text.guesses, text.most)]:
            going, steps = self._go_on(sure), steps + 1
        tokens = {name: text.guesses for name, text in zip(names, texts, strict=True) if not text.left}
        return Guessed(tokens, steps, has_read=reading > LITTLE * len(texts))

    def _text(self, ask: Ask) -> _Text:
        """What was read of the request, without guesses that did not come."""
        name, tokens = ask.sequence.name, ask.sequence.tokens
        text = self._texts.get(name)
        if text is not None and (text.tokens is not tokens or not text.left):
            self._leave(name)  # the text was cut; or nothing came since, and the last token is wanted once more
            text = None
        if text is None:
            text = self._texts[name] = _Text(tokens, *self._cache.open(tokens))
        self._settle(text)
        text.most = ask.most
        return text

    def _settle(self, text: _Text) -> None:
        """Keep the guesses that came, but never the last token, and take the others back."""
        came = common_prefix(text.guesses[: text.ahead], text.tokens[text.read : -1])
        self._cache.grew(text.line, text.guesses[:came])
        text.read += came
        if came < text.ahead:
            self._context.truncate(text.line, text.read)
        text.guesses, text.ahead = [], 0

    def _leave(self, name: str) -> None:
        text = self._texts.pop(name)
        self._settle(text)
        self._cache.rest(text.line)

    def _shares(self, texts: Row[_Text]) -> dict[_Text, int]:
        """How much to read of each; who has least to read is first."""
        room, shares = self._batch.capacity, {}
        for text in sorted(texts, key=lambda text: text.left):
            shares[text] = min(text.left, room)
            room -= shares[text]
        return shares

    def _read(self, shares: dict[_Text, int]) -> list[tuple[_Text, int]]:
        """Read so much of each; those that are read, with the batch entry to guess from."""
        self._batch.clear()
        going = []
        for text, share in shares.items():
            tokens, is_read = text.tokens[text.read : text.read + share], share == text.left
            entry = self._batch.add(tokens, text.read, text.line, outputs=is_read) + share - 1
            if is_read:
                going.append((text, entry))
        self._context.decode(self._batch)
        for text, share in shares.items():
            self._cache.grew(text.line, text.tokens[text.read : text.read + share])
            text.read += share
        return going

    def _go_on(self, texts: Row[_Text]) -> list[tuple[_Text, int]]:
        """Compute the last guess of each; with the batch entry to guess from."""
        self._batch.clear()
        going = []
        for text in texts:
            going.append((text, self._batch.add(text.guesses[-1:], text.read + text.ahead, text.line, outputs=1)))
        self._context.decode(self._batch)
        for text in texts:
            text.ahead += 1
        return going
