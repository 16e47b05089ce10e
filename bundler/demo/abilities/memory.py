"""Remembering what the user said: facts told in one turn, asked for turns later, sometimes never told."""

import random
from collections.abc import Callable

from bundler.demo.abilities.memory_facts import FACTS, NAME, Fact
from bundler.demo.core import Exchange, Split

__all__ = ["FACTS", "NAME", "ask", "episode", "tell"]

_WEIGHTS = (0.34, 0.2, 0.2, 0.1, 0.08, 0.08)
_CORRECTIONS = ("no, wait: ", "actually, ", "sorry, i meant: ", "correction: ", "actually ")


def pick(rng: random.Random, count: int) -> list[Fact]:
    """`count` different facts."""
    chosen: list[Fact] = []
    while len(chosen) < count:
        fact = rng.choices(FACTS, _WEIGHTS)[0]
        if fact not in chosen:
            chosen.append(fact)
    return chosen


def tell(rng: random.Random, split: Split, fact: Fact, value: str, *, correct: bool = False) -> Exchange:
    """The user states the fact; sent again as a correction, the later value counts."""
    user = fact.told.say(rng, split, v=value)
    if correct:
        user = rng.choice(_CORRECTIONS) + user[:1].lower() + user[1:]
    noted = fact.noted.replace("{v}", value).replace("{V}", value[:1].upper() + value[1:])
    return Exchange(user, noted, f"The user tells me a {fact.label}: {value}.", (value,), "Noted")


def ask(rng: random.Random, split: Split, fact: Fact, value: str | None) -> Exchange:
    """The user asks for the fact; `None` means that it was never told."""
    user = fact.asked.say(rng, split)
    if value is None:
        return Exchange(user, fact.unknown, f"The user never told me the {fact.label}.", ("do not know",), "Unknown")
    return Exchange(
        user,
        fact.known.replace("{v}", value),
        f"The user told me the {fact.label}: {value}.",
        (value,),
        value[:1].upper() + value[1:],
    )


def episode(rng: random.Random, split: Split, filler: Callable[[], Exchange], turns: int) -> tuple[Exchange, ...]:
    """Facts told, `turns` other exchanges in between, and one of the facts asked for at the end."""
    facts = pick(rng, rng.choice((1, 1, 2, 2, 3)))
    values = {fact.label: fact.value(rng, split) for fact in facts}
    told = [tell(rng, split, fact, values[fact.label]) for fact in facts]
    if rng.random() < 0.1:
        values[facts[0].label] = facts[0].value(rng, split)
        told.append(tell(rng, split, facts[0], values[facts[0].label], correct=True))
    between = [filler() for _ in range(turns)]
    for exchange in told[1:]:
        between.insert(rng.randint(0, len(between)), exchange) if len(told) == len(facts) else between.append(exchange)
    asked = rng.sample(facts, rng.randint(1, len(facts)))
    questions = [ask(rng, split, fact, values[fact.label]) for fact in asked]
    if rng.random() < 0.15:
        other = next(fact for fact in FACTS if fact not in facts)
        questions[-1] = ask(rng, split, other, None)
    return (told[0], *between, *questions)
