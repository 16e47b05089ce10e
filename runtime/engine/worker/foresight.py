"""Foresight: a model's own layers that guess how a text goes on ("multi-token prediction", llama.cpp's "nextn" layers).

Behind its last layer such a model has a further one, which is given a token and the hidden row of the token before it,
and makes from both what the model would likely make of the token: its row, and with that the next token. What it is
given it remembers, as other layers do; so it has a context of its own, of this layer alone.

Its lines are the model's own: they are forked, cut and forgotten with those. What the model computed is read with the
rows that the model made of it: a prompt at once, an answer only when somebody asks for guesses, or when it has become
much, for several tokens take the layer hardly longer than one. Guesses are read with rows that the layer made itself,
and taken back at once, for the model will make better ones. Where nobody has asked for some time, for guesses are not
worth it here, it sleeps: nothing is read, and the model makes no rows, which would take a twentieth of a step on a fast
device. When somebody asks again, it follows the texts for a while before it guesses.

Where the row of a line's last token is not known any more, because the line was cut, nothing takes its place: of one
token the layer then knows less. Guesses may be worse for that; they change nothing but the speed anyhow.
"""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Sequence as Row
from dataclasses import dataclass, field

from runtime.engine.lines import MOST_GUESSED, ROWS_KEPT
from runtime.engine.worker.batch import Batch
from runtime.engine.worker.context import NO_ROOM, Context, DecodeError
from runtime.engine.worker.guesser import LITTLE, Ask, Guessed
from runtime.engine.worker.rows import HiddenRows, RowBatch
from runtime.engine.worker.surest import Surest

_UNASKED = 16
"""Steps of answers after which nobody seems to want guesses."""

_KNOWN = 16
"""Tokens of a text from which the layer guesses, where it has not followed it from the beginning."""


@dataclass(slots=True)
class _Line:
    """begin: where the layer began to follow it. read: where what it has read ends. tokens: what the model computed
    since; before: for each of them, the row of the token before it. last: the row of the last token. A row that is not
    known is empty.
    """

    begin: int
    read: int
    tokens: list[int] = field(default_factory=list)
    before: list[bytes] = field(default_factory=list)
    last: bytes = b""

    @property
    def length(self) -> int:
        """Tokens that the model has computed."""
        return self.read + len(self.tokens)

    @property
    def is_known(self) -> bool:
        """Well enough to guess from."""
        return not self.begin or self.length - self.begin >= _KNOWN

    def keep(self, count: int) -> None:
        """Of what is not read yet only the first so many tokens."""
        self.last = self.before[count]
        del self.tokens[count:], self.before[count:]

    def has_read(self, count: int) -> None:
        """The layer has read so many more."""
        self.read += count
        del self.tokens[:count], self.before[:count]


@dataclass(slots=True, eq=False)
class _Text:
    """A request that is guessed for: its line, its last token, how many to guess behind that, and those that were."""

    number: int
    line: _Line
    token: int
    most: int
    guesses: list[int] = field(default_factory=list)


class Foresight:
    """model: the context of all other layers, which it follows. ahead: of the layer that guesses. One thread only."""

    name = "The model's own layer"

    def __init__(self, model: Context, ahead: Context) -> None:
        """Raises `CannotRunError` where the engine does not give out rows."""
        self._ahead = ahead
        self._made, self._guessed = HiddenRows(model.model, model.handle), HiddenRows(ahead.model, ahead.handle)
        self._batch = RowBatch(ahead.model, ahead.batch_tokens)
        self._surest = Surest(ahead.model, ahead.handle, ahead.model.vocabulary_size)
        self._lines: dict[int, _Line] = {}
        self._unasked = 0  # steps in which answers went on since somebody asked
        self._sleeps = False
        self._error: DecodeError | None = None  # for good

    # A follower of the model's context

    def decoded(self, batch: Batch) -> None:
        """Keep what was computed, and read what is certain if it is much: what was kept before, for wrong guesses were
        taken back; and a prompt, which is more than guesses could be.
        """
        if self._sleeps:
            return
        native, found = batch.native, []
        for number, begin, end in batch.runs():
            start = native.pos[begin]
            found.append((number, self._lines.setdefault(number, _Line(start, start)), begin, end))
        prompts = [(number, line) for number, line, begin, end in found if end - begin > MOST_GUESSED + 1]
        self._unasked += len(prompts) < len(found)
        if self._unasked > _UNASKED:
            self._sleep()
            return
        self._read([(number, line) for number, line, *_ in found if len(line.tokens) > ROWS_KEPT])
        for _, line, begin, end in found:
            rows = [self._made.of(entry) for entry in range(begin, end)]
            line.tokens += native.token[begin:end]
            line.before += [line.last, *rows[:-1]]
            line.last = rows[-1]
        self._read(prompts)

    def forked(self, source: int, length: int, line: int) -> None:
        """The same as the model's."""
        found = self._lines.get(source)
        if found is None or length < found.begin:
            return
        self._ahead.fork(source, min(length, found.read), line)
        self._lines[line] = _Line(found.begin, found.read, [*found.tokens], [*found.before], found.last)
        self.truncated(line, length)

    def truncated(self, line: int, length: int) -> None:
        """The same as the model's."""
        found = self._lines.get(line)
        if found is None or length >= found.length:
            return
        if length >= found.read:
            found.keep(length - found.read)
        else:
            self._ahead.truncate(line, length)
            self._lines[line] = _Line(min(length, found.begin), length)

    def forgotten(self, line: int) -> None:
        """The same as the model's."""
        self._ahead.forget(line)
        self._lines.pop(line, None)

    # A guesser

    def keep_only(self, names: Collection[str]) -> None:
        """What it remembers goes with the model's own."""

    def stop(self) -> None:
        """Follow no more."""
        self._sleep()

    def guess(self, asks: Row[Ask]) -> Guessed:
        """Read on and guess, from what is known well enough. Raises `DecodeError`; then it begins these lines anew
        where they stand.
        """
        if self._error:
            raise self._error
        self._unasked = 0
        if self._sleeps:
            self._wake()
        texts = {ask.sequence.name: text for ask in asks if (text := self._text(ask)).line.is_known}
        if not texts:
            return Guessed()
        lines = [(text.number, text.line) for text in texts.values()]
        behind = sum(len(line.tokens) for _, line in lines)
        try:
            if behind + len(texts) > self._batch.capacity:
                self._catch_up(lines)
            steps = self._guess([*texts.values()])
        except DecodeError as error:
            self._failed(error, lines)
            raise
        guesses = {name: text.guesses for name, text in texts.items()}
        return Guessed(guesses, steps, has_read=behind > LITTLE * len(texts))

    def _sleep(self) -> None:
        """Follow nothing, until somebody asks."""
        self._sleeps = True
        self._made.stop()
        for number in [*self._lines]:
            self.forgotten(number)

    def _wake(self) -> None:
        self._sleeps = False
        self._made.start()

    def _text(self, ask: Ask) -> _Text:
        number = ask.sequence.line
        if number is None:
            raise ValueError(f"{ask.sequence.name} is not running")
        computed = ask.sequence.computed
        line = self._lines.setdefault(number, _Line(computed, computed))
        return _Text(number, line, ask.sequence.tokens[-1], ask.most)

    def _guess(self, texts: Row[_Text]) -> int:
        """Read what is left of each and its last token, and guess from there; the steps it took."""
        self._batch.clear()
        going = []
        for text in texts:
            self._add(text.number, text.line, len(text.line.tokens))
            entry = self._batch.add_with(text.line.last, text.token, text.line.length, text.number, output=True)
            going.append((text, entry))
        self._ahead.decode(self._batch)
        for text in texts:
            text.line.has_read(len(text.line.tokens))
        steps = 1
        try:
            while sure := [one for one in going if self._surest.guess(one[1], one[0].guesses, one[0].most)]:
                going, steps = self._go_on([(text, self._guessed.of(entry)) for text, entry in sure]), steps + 1
        finally:
            for text in texts:
                self._ahead.truncate(text.number, text.line.read)
        return steps

    def _go_on(self, texts: Row[tuple[_Text, bytes]]) -> list[tuple[_Text, int]]:
        """Compute the last guess of each, with the row of what came before it; with the entry to guess from."""
        self._batch.clear()
        going = []
        for text, row in texts:
            position = text.line.read + len(text.guesses)
            going.append((text, self._batch.add_with(row, text.guesses[-1], position, text.number, output=True)))
        self._ahead.decode(self._batch)
        return going

    def _read(self, lines: Row[tuple[int, _Line]]) -> None:
        """Let these catch up, if they can."""
        try:
            self._catch_up(lines)
        except DecodeError as error:
            self._failed(error, lines)

    def _catch_up(self, lines: Row[tuple[int, _Line]]) -> None:
        """Read all that these have computed. Raises `DecodeError`."""
        left = [(number, line) for number, line in lines if line.tokens]
        while left:
            self._batch.clear()
            shares = []
            for number, line in left:
                if share := min(len(line.tokens), self._batch.capacity - len(self._batch)):
                    self._add(number, line, share)
                    shares.append((line, share))
            self._ahead.decode(self._batch)
            for line, share in shares:
                line.has_read(share)
            left = [(number, line) for number, line in left if line.tokens]

    def _add(self, number: int, line: _Line, share: int) -> None:
        for place, (token, row) in enumerate(zip(line.tokens[:share], line.before[:share], strict=True)):
            self._batch.add_with(row, token, line.read + place, number, output=False)

    def _failed(self, error: DecodeError, lines: Row[tuple[int, _Line]]) -> None:
        """These lines begin anew where they stand; what fails for another reason than room fails for good."""
        if error.code != NO_ROOM:
            self._error = error
            self._sleep()
            return
        for number, line in lines:
            self._ahead.forget(number)
            line.has_read(len(line.tokens))
            line.begin = line.read
