"""GBNF as llama.cpp reads it, down to the rules it makes of repetitions.

Whatever would harm the worker before a single token is drawn is refused here: llama.cpp writes counted repetitions out
(and writes for ever where the upper bound is the lower one), recurses with the text's nesting and with chains of rules,
looks for left recursion by walking every path, and overlooks it where what stands before is empty by way of another
rule. A rule is a row of symbols with its alternatives one behind the other, each with an `END` after it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from runtime.grammar.ranges import Ranges, complement, joined
from runtime.grammar.rules import ShapeError

MAX_SYMBOLS = 1_000_000
MAX_NESTING = 200
_MAX_REPETITIONS = 2000  # llama.cpp's
_MAX_WALK = 1_000_000
_MAX_CHAIN = 5000
_ENDLESS = -1

_SPACE = re.compile(r"(?:[ \t]|#[^\r\n]*)*")
_SPACE_AND_LINES = re.compile(r"(?:[ \t\r\n]|#[^\r\n]*)*")
_NAME = re.compile(r"[a-zA-Z0-9-]+")
_COUNT = re.compile(r"\{\s*([0-9]+)\s*(?:(,)\s*([0-9]+)?\s*)?\}")
_TOKEN = re.compile(r"!?<(?:\[[0-9]+\]|[^>\x00]*)>")
_HEX = {"x": re.compile(r"[0-9a-fA-F]{2}"), "u": re.compile(r"[0-9a-fA-F]{4}"), "U": re.compile(r"[0-9a-fA-F]{8}")}
_PLAIN = {"t": "\t", "r": "\r", "n": "\n", "\\": "\\", '"': '"', "[": "[", "]": "]", "-": "-"}
_RUN = re.compile(r'[^"\\]+')

END, TOKEN = "END", "TOKEN"
LAST = 0xFFFFFFFF
"""Beyond every character: `\\U` may say so."""

Symbol = Ranges | int | str
"""Characters (in order, apart), the number of a rule, or one of `END` and `TOKEN`: a token that is named as a whole."""


@dataclass(slots=True)
class Gbnf:
    """Rules by their numbers, and the number of the one an answer begins with."""

    rules: list[list[Symbol]]
    root: int


def read(text: str) -> Gbnf:
    """The rules of a grammar. Raises `ShapeError`."""
    reading = _Reading(text)
    reading.grammar()
    names = reading.names
    if "root" not in names:
        raise ShapeError("it has no rule called root")
    missing = next((name for name, number in names.items() if number not in reading.rules), None)
    if missing is not None:
        raise ShapeError(f"it uses the rule '{missing[:100]}', which it does not have")
    return Gbnf([reading.rules[number] for number in range(reading.count)], names["root"])


def alternatives(rule: list[Symbol]) -> Iterator[int]:
    """Where in a rule its alternatives begin."""
    begin = 0
    for at, symbol in enumerate(rule):
        if symbol is END:
            yield begin
            begin = at + 1


@dataclass(slots=True)
class _Reading:
    """A recursive descent, step by step llama.cpp's."""

    text: str
    at: int = 0
    depth: int = 0
    count: int = 0
    symbols: int = 0
    names: dict[str, int] = field(default_factory=dict)
    rules: dict[int, list[Symbol]] = field(default_factory=dict)
    classes: dict[str, Ranges] = field(default_factory=dict)

    def grammar(self) -> None:
        if "\x00" in self.text:
            raise ShapeError("it has a character in it that is none")
        self.space(lines=True)
        while self.at < len(self.text):
            number = self.named(self.match(_NAME, "a rule's name"))
            self.space()
            self.expect("::=")
            self.space(lines=True)
            self.alternatives(number)
            if self.at < len(self.text) and self.text[self.at] not in "\r\n":
                raise self.wrong("the end of a rule")
            self.space(lines=True)

    def alternatives(self, number: int, *, nested: bool = False) -> None:
        rule: list[Symbol] = []
        self.sequence(rule, nested=nested)
        while self.text.startswith("|", self.at):
            self.at += 1
            self.space(lines=True)
            rule.append(END)
            self.sequence(rule, nested=nested)
        rule.append(END)
        self.rules[number] = self.counted(rule)

    def sequence(self, rule: list[Symbol], *, nested: bool) -> None:
        last, weight = len(rule), 1  # where the item begins that may be repeated, and how many rules it is
        while here := self.text[self.at : self.at + 1]:
            if here in "*+?{":
                least, most = self.quantifier()
                self.space(lines=nested)
                weight = self.repeat(rule, last, weight, least, most)
                continue
            if here in "|)\r\n":
                return
            begin, last, weight = self.count, len(rule), 1
            self.item(rule, here)
            if here == "(":
                weight = max(1, self.count - begin)
            self.space(lines=nested)

    def item(self, rule: list[Symbol], here: str) -> None:
        if here == '"':
            rule += self.literal()
        elif here == "[":
            rule += self.character_class()
        elif here == ".":
            self.at += 1
            rule.append(((0, LAST),))
        elif here in "<!":
            self.match(_TOKEN, "a token")
            rule.append(TOKEN)
        elif here == "(":
            rule.append(self.group())
        else:
            rule.append(self.named(self.match(_NAME, "something that can stand in a rule")))

    def group(self) -> int:
        self.at += 1
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise ShapeError(f"its parentheses are nested more than {MAX_NESTING} deep")
        self.space(lines=True)
        number = self.new()
        self.alternatives(number, nested=True)
        self.expect(")")
        self.depth -= 1
        return number

    def literal(self) -> Iterator[Symbol]:
        self.at += 1
        while not self.text.startswith('"', self.at):
            if run := _RUN.match(self.text, self.at):
                self.at = run.end()
                yield from (((ord(one), ord(one)),) for one in run[0])
            else:
                code = self.character()
                yield ((code, code),)
        self.at += 1

    def character_class(self) -> list[Symbol]:
        begin = self.at
        self.at += 1
        inverted = self.text.startswith("^", self.at)
        self.at += inverted
        ranges: list[tuple[int, int]] = []
        while not self.text.startswith("]", self.at):
            low = high = self.character()
            if self.text.startswith("-", self.at) and not self.text.startswith("-]", self.at):
                self.at += 1
                high = self.character()
            if low <= high:
                ranges.append((low, high))
        self.at += 1
        if self.at - begin == 2 + inverted:
            return []
        written = self.text[begin : self.at]
        if written not in self.classes:
            plain = joined(ranges)
            self.classes[written] = complement(plain, LAST) if inverted else plain
        return [self.classes[written]]

    def character(self) -> int:
        here = self.text[self.at : self.at + 1]
        if not here:
            raise ShapeError("it ends in the middle of a rule")
        self.at += 1
        if here != "\\":
            return ord(here)
        kind = self.text[self.at : self.at + 1]
        self.at += 1
        if kind in _HEX and kind:
            return int(self.match(_HEX[kind], "digits"), 16)
        if kind not in _PLAIN or not kind:
            raise self.wrong("an escape")
        return ord(_PLAIN[kind])

    def quantifier(self) -> tuple[int, int]:
        here = self.text[self.at]
        if here != "{":
            self.at += 1
            return {"*": (0, _ENDLESS), "+": (1, _ENDLESS), "?": (0, 1)}[here]
        found = _COUNT.match(self.text, self.at)
        if found is None or len(found[1]) > 9 or len(found[3] or "") > 9:
            raise self.wrong("a repetition")
        self.at = found.end()
        least, most = int(found[1]), int(found[3]) if found[3] else _ENDLESS if found[2] else int(found[1])
        if _ENDLESS != most < least:
            raise ShapeError(f"it repeats something at least {least} times and at most {most} times")
        if least > _MAX_REPETITIONS:
            raise ShapeError(f"it repeats something more than {_MAX_REPETITIONS} times")
        return least, _ENDLESS if most > _MAX_REPETITIONS else most

    def repeat(self, rule: list[Symbol], last: int, weight: int, least: int, most: int) -> int:
        """Write the item from `last` on out: `least` times, and a rule for each time more. The weight of all that."""
        item = rule[last:]
        if not item:
            raise ShapeError("it repeats nothing")
        weight *= max(1, least if most == _ENDLESS else most)
        if weight > _MAX_REPETITIONS:
            raise ShapeError("repetitions in it are repeated too often")
        further = 1 if most == _ENDLESS else most - least
        self.bound(len(item) * (least + further))
        rule[last:] = item * least
        number = 0
        for index in range(further):
            behind, number = number, self.new()
            tail: list[Symbol] = [number] if most == _ENDLESS else [behind] if index else []
            self.rules[number] = self.counted([*item, *tail, END, END])
        if further:
            rule.append(number)
        return weight

    def counted(self, rule: list[Symbol]) -> list[Symbol]:
        self.bound(len(rule))
        self.symbols += len(rule)
        return rule

    def bound(self, more: int) -> None:
        if self.symbols + more > MAX_SYMBOLS:
            raise ShapeError("it is too large when its repetitions are written out")

    def named(self, name: str) -> int:
        if name not in self.names:
            self.names[name] = self.new()
        return self.names[name]

    def new(self) -> int:
        self.count += 1
        return self.count - 1

    def space(self, *, lines: bool = False) -> None:
        found = (_SPACE_AND_LINES if lines else _SPACE).match(self.text, self.at)
        self.at = found.end() if found else self.at

    def match(self, pattern: re.Pattern[str], what: str) -> str:
        found = pattern.match(self.text, self.at)
        if found is None:
            raise self.wrong(what)
        self.at = found.end()
        return found[0]

    def expect(self, text: str) -> None:
        if not self.text.startswith(text, self.at):
            raise self.wrong(f"'{text}'")
        self.at += len(text)

    def wrong(self, what: str) -> ShapeError:
        line = self.text.count("\n", 0, self.at) + 1
        column = self.at - self.text.rfind("\n", 0, self.at)
        return ShapeError(f"it is not valid GBNF: {what} should be in line {line} at character {column}")


def refuse_left_recursion(grammar: Gbnf) -> None:
    """Raise `ShapeError` for a rule that may begin with itself, and where llama.cpp's search for one never ends."""
    empty = _empty(grammar)
    first = [_beginnings(rule, empty) for rule in grammar.rules]
    walks, chains = [0] * len(first), [0] * len(first)
    walked = 0
    state = bytearray(len(first))  # 1: on the way, 2: done
    for start in range(len(first)):
        way = [] if state[start] else [start]
        while way:
            number = way[-1]
            if not state[number]:
                state[number] = 1
                for other in first[number]:
                    if state[other] == 1:
                        raise ShapeError("one of its rules begins with itself, which llama.cpp cannot follow")
                    if not state[other]:
                        way.append(other)
            else:
                way.pop()
                if state[number] == 1:
                    state[number] = 2
                    walks[number] = 1 + sum(walks[other] for other in first[number])
                    chains[number] = 1 + max((chains[other] for other in first[number]), default=0)
                    walked += 0 if way else walks[number]
    if walked > _MAX_WALK or max(chains) > _MAX_CHAIN:
        raise ShapeError("its rules begin with one another in too many ways")


def _beginnings(rule: list[Symbol], empty: bytearray) -> list[int]:
    """The rules with which a rule may begin, as often as it may."""
    found: list[int] = []
    for at in alternatives(rule):
        while isinstance(number := rule[at], int):
            found.append(number)
            if not empty[number]:
                break
            at += 1
    return found


def _empty(grammar: Gbnf) -> bytearray:
    """Which rules may be nothing at all."""
    empty = bytearray(len(grammar.rules))
    waiting: dict[int, list[tuple[int, int]]] = {}  # rule → alternatives that wait for it to be empty
    todo = [(number, at) for number, rule in enumerate(grammar.rules) for at in alternatives(rule)]
    while todo:
        number, at = todo.pop()
        if empty[number]:
            continue
        rule = grammar.rules[number]
        while isinstance(symbol := rule[at], int) and empty[symbol]:
            at += 1
        if isinstance(symbol, int):
            waiting.setdefault(symbol, []).append((number, at))
        elif symbol is END:
            empty[number] = 1
            todo += waiting.pop(number, ())
    return empty
