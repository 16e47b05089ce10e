"""Names and descriptions that no list has, for training: whoever can read them reads any."""

import random

from bundler.demo.abilities.tool_kinds import CALLED, HERE_CLOCK, Kind
from bundler.demo.names import coin, made_up, strange


def senseless(rng: random.Random) -> str:
    """A name that says nothing: only the description tells what it is for."""
    words = [made_up(rng, (1, 2)).lower() for _ in range(rng.choice((1, 1, 2)))]
    return rng.choice(
        ("_".join(words), "".join(word.capitalize() for word in words), f"{words[0]}{rng.randint(1, 99)}")
    )


def half_sensible(rng: random.Random, noun: str) -> str:
    """A known noun in unknown company: `zorba_weather`, `weatherTavi`."""
    word = coin(rng, (1, 2)).lower()
    return rng.choice((f"{word}_{noun}", f"{noun}_{word}", f"{noun}{word.capitalize()}", f"{noun}{rng.randint(1, 9)}"))


_VERBS_TEXT = """
get fetch check find query ask look show tell read give run do make use call request load take start begin solve
work show_me lookup compute provide obtain retrieve see know return report need want tool api
"""
_VERBS = tuple(_VERBS_TEXT.split())
_TAILS_TEXT = """
for_city in_city of_place at_location for_town by_name now today here tool service api v2 data info lookup
result value query online report of_two with_numbers for_user in_town quick simple please_now by_city_name
for_me there current local world easy first main status from_web plus away of numbers expression
"""
_TAILS = tuple(_TAILS_TEXT.split())
_FRAMES = (
    "Get {}.", "Returns {}.", "Reports {}.", "Use this to find out {}.", "Looks up {}", "A tool for {}.", "Gives {}.",
    "Finds {}.", "Tells {}.", "Fetches {} from a service", "Call this if the user wants {}.", "For {}", "Provides {}",
)  # fmt: skip


# Of all kinds: what is held out of one may be a made-up name of its neighbour.
_HELD_OUT_NAMES = {name for kind in (*CALLED, HERE_CLOCK) for name in kind.held_out_names}
_HELD_OUT_DESCRIPTIONS = {text.rstrip(".") for kind in (*CALLED, HERE_CLOCK) for text in kind.held_out_descriptions}


def composed(rng: random.Random, kind: Kind) -> str:
    """`obtain_forecast_for_town`, `worldTimeLookup`: a name of its parts, never one that is held out."""
    while True:
        words = [rng.choice(kind.nouns)]
        if rng.random() < 0.75:
            words.insert(0, rng.choice(_VERBS) if rng.random() < 0.8 else coin(rng, (1, 2)).lower())
        if rng.random() < 0.65 or len(words) < 2:
            words.append(rng.choice(_TAILS) if rng.random() < 0.8 else strange(rng).lower())
        if rng.random() < 0.1:
            words.append(rng.choice(_TAILS))
        parts = "_".join(words).split("_")
        capitals = "".join(part.capitalize() for part in parts)
        name = rng.choice(("_".join(parts), "_".join(parts), capitals[:1].lower() + capitals[1:], capitals))
        if name not in _HELD_OUT_NAMES:
            return name


def described(rng: random.Random, kind: Kind) -> str:
    """A description made of its parts, never one that is held out."""
    while True:
        description = rng.choice(_FRAMES).format(rng.choice(kind.tasks))
        if description.rstrip(".") not in _HELD_OUT_DESCRIPTIONS:
            return description
