"""Phrasings with alternatives, split into those to train on and those held out.

A pattern such as `what('s| is) the capital of {x}` stands for all its expansions. `Phrases` expands
both of its lists when it is built and refuses an overlap, so "held out" is a property of the code and not
of good intentions.
"""

import random
import re
from dataclasses import dataclass
from functools import cache

from bundler.demo.core import Split
from bundler.demo.paraphrase import vary

PREFIXES = (
    "hey, ",
    "hi, ",
    "ok, ",
    "so ",
    "please ",
    "um, ",
    "and ",
    "now ",
    "well, ",
    "hello, ",
    "ok so ",
    "then ",
)
SUFFIXES = (" please", " thanks", " thank you", " :)", ", please", "!", " now", "...")


@cache
def expand(pattern: str) -> tuple[str, ...]:
    """Every text the pattern stands for; `(a|b|)` are alternatives and may nest."""
    texts, position = _alternatives(pattern, 0)
    if position != len(pattern):
        raise ValueError(f"Unbalanced parenthesis in the pattern {pattern!r}.")
    return tuple(dict.fromkeys(texts))


def _alternatives(pattern: str, position: int) -> tuple[list[str], int]:
    done: list[str] = []
    current = [""]
    while position < len(pattern) and pattern[position] != ")":
        character = pattern[position]
        if character == "(":
            inner, position = _alternatives(pattern, position + 1)
            if position >= len(pattern):
                raise ValueError(f"Unbalanced parenthesis in the pattern {pattern!r}.")
            current = [head + tail for head in current for tail in inner]
        elif character == "|":
            done.extend(current)
            current = [""]
        else:
            current = [head + character for head in current]
        position += 1
    return done + current, position


def normalise(text: str) -> str:
    """What makes two phrasings the same: letters and digits in order, case and punctuation aside."""
    return " ".join(re.findall(r"[\w{}]+", text.casefold().replace("'", "")))


@dataclass(frozen=True)
class Phrases:
    """The ways to say one thing."""

    train: tuple[str, ...]
    held_out: tuple[str, ...]

    def __post_init__(self) -> None:
        shared = self.normalised(Split.TRAIN) & self.normalised(Split.HELD_OUT)
        if shared:
            raise ValueError(f"Phrasings both trained and held out: {sorted(shared)[:5]}")
        _ALL.append(self)

    def patterns(self, split: Split) -> tuple[str, ...]:
        """The patterns of one split."""
        return self.train if split is Split.TRAIN else self.held_out

    def normalised(self, split: Split) -> frozenset[str]:
        """Every expansion of one split, normalised."""
        return frozenset(normalise(text) for pattern in self.patterns(split) for text in expand(pattern))

    def say(self, rng: random.Random, split: Split, /, **slots: object) -> str:
        """One phrasing, roughened the way people type; the slots are filled in afterwards, unharmed."""
        text = rng.choice(expand(rng.choice(self.patterns(split))))
        if split is Split.TRAIN and rng.random() < 0.35:
            varied = vary(rng, text)
            text = text if _shape(varied) in _held_out(len(_ALL)) else varied
        return fill(roughen(rng, text, split), slots)


_ALL: list[Phrases] = []


def all_phrases() -> tuple[Phrases, ...]:
    """Every `Phrases` built so far, for the test that compares all of them with all of them."""
    return tuple(_ALL)


def _shape(text: str) -> str:
    """What makes two phrasings the same, whatever their slots are called."""
    return re.sub(r"\{\w+\}", "{}", normalise(text))


@cache
def _held_out(known: int) -> frozenset[str]:
    """The shapes of everything held out by the first `known` phrases: no variation may arrive at one of them."""
    return frozenset(_shape(text) for phrases in _ALL[:known] for text in phrases.normalised(Split.HELD_OUT))


def fill(text: str, slots: dict[str, object]) -> str:
    """Put values into `{slot}`s; nothing else in the text changes."""
    for name, value in slots.items():
        text = text.replace("{" + name + "}", str(value))
    return text


def roughen(rng: random.Random, text: str, split: Split) -> str:
    """Type like a person: no capitals, no punctuation, a slip here and there (none in held-out text)."""
    text = text[:1].upper() + text[1:]
    if rng.random() < 0.35:
        text = text.lower()
    if rng.random() < 0.3:
        text = text.rstrip("?.!")
    if split is Split.HELD_OUT:
        return text
    if rng.random() < 0.1:
        text = text.replace("'", "")
    if rng.random() < 0.06:
        text = _slip(rng, text)
    if rng.random() < 0.08:
        text = rng.choice(PREFIXES).capitalize() + text[:1].lower() + text[1:]
        if rng.random() < 0.5:
            text = text.lower()
    if rng.random() < 0.06:
        text = text.rstrip("?.!") + rng.choice(SUFFIXES)
    if rng.random() < 0.02:
        text = text.upper() if "{" not in text else text + "?"
    return text


def _slip(rng: random.Random, text: str) -> str:
    words = text.split(" ")
    long = [i for i, word in enumerate(words) if len(word) > 3 and word.isalpha()]
    if not long:
        return text
    i = rng.choice(long)
    word, at = words[i], rng.randrange(1, len(words[i]) - 1)
    kind = rng.randrange(3)
    if kind == 0:
        word = word[:at] + word[at + 1 :]
    elif kind == 1:
        word = word[:at] + word[at] + word[at:]
    else:
        word = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    words[i] = word
    return " ".join(words)
