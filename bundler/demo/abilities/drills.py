"""Copying and looking up, bare: nobody asks for this, but everything else stands on it.

A name remembered, a tool's argument and a result told are all copies of something earlier. Long strings of
made-up words, and tables asked row by row, teach that circuit in a tenth of the text stories would need.
"""

import random

from bundler.demo.core import Exchange
from bundler.demo.names import made_up

_ASKS = ("Repeat: {}", "repeat {}", "Say {}", "Copy this: {}", "{}\nAgain, please.", "write {}", "echo: {}")
_QUESTIONS = ("What is {}?", "{}?", "what about {}?", "And {}?", "Tell me {}", "the value of {}?")
_ROWS = ("{} is {}", "{}: {}", "{} = {}", '"{}": "{}"')


def _word(rng: random.Random) -> str:
    dice = rng.random()
    if dice < 0.3:
        return str(rng.randint(0, rng.choice((9, 99, 999, 9999))))
    if dice < 0.36:
        return f"{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}"
    word = made_up(rng, (1, 3))
    if dice < 0.45:
        join = rng.choice(("_", "-", ""))
        return join.join(
            made_up(rng, (1, 1)) if not join else made_up(rng, (1, 1)).lower() for _ in range(rng.randint(2, 4))
        )
    return word if rng.random() < 0.6 else word.lower()


def copying(rng: random.Random) -> Exchange:
    """A string of nonsense, to be said again."""
    text = " ".join(_word(rng) for _ in range(rng.randint(2, 14)))
    return Exchange(rng.choice(_ASKS).format(text), text, "The user wants me to say something.")


def looking_up(rng: random.Random) -> tuple[Exchange, ...]:
    """A table of nonsense, asked row by row."""
    rows = {_word(rng): _word(rng) for _ in range(rng.randint(2, 7))}
    style, end = rng.choice(_ROWS), rng.choice((", ", "; ", "\n", ". "))
    table = end.join(style.format(key, value) for key, value in rows.items())
    keys = rng.sample(list(rows), len(rows))
    first, *others = (Exchange(rng.choice(_QUESTIONS).format(key), rows[key], f"{key}: {rows[key]}.") for key in keys)
    return (Exchange(f"{table}\n{first.user}", first.answer, first.thought), *others)


def exchanges(rng: random.Random) -> tuple[Exchange, ...]:
    """A drill."""
    return looking_up(rng) if rng.random() < 0.5 else tuple(copying(rng) for _ in range(rng.randint(1, 3)))
