"""Capitals, colours, opposites, days and months: every fact is trained, the ways to ask for it are held out."""

import random

from bundler.demo.core import Exchange, Split
from bundler.demo.facts import (
    CAPITALS,
    COLOURS,
    DAYS,
    MONTH_LENGTHS,
    MONTHS,
    NUMBER_WORDS,
    OPPOSITE_PAIRS,
    ORDINALS,
)
from bundler.demo.grammar import Phrases

CAPITAL = Phrases(
    train=(
        "what('s| is) the capital (city |)of {x}?", "(tell me|name|give me|say) the capital (city |)of {x}", "capital of {x}?", "{x} capital?",
        "(which|what) city is the capital of {x}?", "the capital of {x} is?", "do you know the capital (city |)of {x}?", "{x}: capital?",
        "what is {x}'s capital( city|)?", "i (want|need|would like) to know the capital of {x}", "can you tell me the capital of {x}?",
        "where is the government of {x}?", "so what about {x}, its capital?", "and the capital of {x}?", "which city is {x}'s capital?", "capital city of {x}",
    ),
    held_out=(
        "which is the capital of {x}?", "could you name the capital of {x} for me?", "what would the capital of {x} be?", "i forgot the capital of {x}, what is it?",
        "please tell me which city is the capital of {x}", "what city is {x}'s capital?", "the capital of {x}, please", "{x} has which capital?", "do you remember the capital of {x}?",
        "may i know the capital of {x}?", "what do they call the capital of {x}?", "tell me, what is the capital of {x}?",
    ),
)  # fmt: skip
OF_COUNTRY = Phrases(
    train=("{x} is the capital of (which|what) country?", "which country has the capital {x}?", "(which|what) country is {x} the capital of?", "{x} is the capital of?"),
    held_out=("of which country is {x} the capital?", "what country has {x} as its capital?", "{x} is the capital city of which country?"),
)  # fmt: skip
COLOUR = Phrases(
    train=(
        "what (colour|color) (is|are|does) {x}( have|)?", "(which|what) (colour|color) has {x}?", "tell me the (colour|color) of {x}", "the (colour|color) of {x}?", "what is the (colour|color) of {x}?",
        "{x} is what (colour|color)?", "do you know what (colour|color) {x} is?", "name the (colour|color) of {x}", "can you tell me what (colour|color) {x} is?", "(colour|color) of {x}?",
        "what (colour|color) would {x} be?",
    ),
    held_out=(
        "which (colour|color) is {x}?", "what (colour|color) does {x} usually have?", "i wonder what (colour|color) {x} is", "please tell me which (colour|color) {x} has",
        "could you say what (colour|color) {x} is?", "if you look at {x}, what (colour|color) do you see?", "{x} has which (colour|color)?", "what's the (colour|color) of {x}?",
    ),
)  # fmt: skip
OPPOSITE = Phrases(
    train=(
        "what('s| is) the opposite of {x}?", "(tell me|name|give me|say) the opposite of {x}", "opposite of {x}?", "the opposite of {x} is?", "{x} is the opposite of what?", "what is the contrary of {x}?",
        "do you know the opposite of {x}?", "which word is the opposite of {x}?", "can you tell me the opposite of {x}?", "{x}: opposite?", "find the opposite of {x}", "what word means the opposite of {x}?",
        "the opposite (word |)of '{x}'?", 'what is the opposite of "{x}"?',
    ),
    held_out=(
        "which is the opposite of {x}?", "what would be the opposite of {x}?", "please give the opposite of {x}", "could you tell me what the opposite of {x} is?", "i need the opposite of {x}",
        "if something is not {x} but the opposite, what is it?", "what word is opposite to {x}?", "name a word that is the opposite of {x}",
    ),
)  # fmt: skip
AFTER_DAY = Phrases(
    train=(
        "(what|which) day (comes|is|follows) after {x}?", "what is the day after {x}?", "the day after {x}?", "what (comes|is) after {x}?", "which day follows {x}?", "tell me the day after {x}", "{x} comes before (which|what) day?",
        "if today is {x}, what (is|day is) tomorrow?", "today is {x}, what day is tomorrow?", "after {x} comes?", "what follows {x}?",
    ),
    held_out=("what day do we have after {x}?", "name the day that follows {x}", "when {x} is over, which day comes?", "today is {x}. which day will it be tomorrow?", "which day is next after {x}?", "which day comes right after {x}?"),
)  # fmt: skip
BEFORE_DAY = Phrases(
    train=(
        "(what|which) day (comes|is) before {x}?", "what is the day before {x}?", "the day before {x}?", "what (comes|is) before {x}?", "tell me the day before {x}", "{x} comes after (which|what) day?",
        "if today is {x}, what (was|day was) yesterday?", "today is {x}, what day was yesterday?", "before {x} comes?",
    ),
    held_out=("what day do we have before {x}?", "name the day that comes before {x}", "today is {x}. which day was it yesterday?", "which day comes right before {x}?"),
)  # fmt: skip
AFTER_MONTH = Phrases(
    train=(
        "(what|which) month (comes|is|follows) after {x}?", "what is the month after {x}?", "the month after {x}?", "what (comes|is) after {x}?", "which month follows {x}?", "tell me the month after {x}", "after {x} comes?",
        "{x} comes before (which|what) month?", "it is {x}, what is next month?", "what follows {x}?",
    ),
    held_out=("what month do we have after {x}?", "name the month that follows {x}", "which month is next after {x}?", "when {x} is over, which month comes?", "which month comes right after {x}?"),
)  # fmt: skip
BEFORE_MONTH = Phrases(
    train=("(what|which) month (comes|is) before {x}?", "what is the month before {x}?", "the month before {x}?", "what (comes|is) before {x}?", "tell me the month before {x}", "{x} comes after (which|what) month?", "before {x} comes?"),
    held_out=("what month do we have before {x}?", "name the month that comes before {x}", "which month comes right before {x}?"),
)  # fmt: skip
NTH_MONTH = Phrases(
    train=("(what|which) is the {n} month( of the year|)?", "(tell me|name) the {n} month( of the year|)", "which month (is|comes) {n}?", "the {n} month( of the year|)?", "what is the name of the {n} month?"),
    held_out=("what do we call the {n} month of the year?", "which one is the {n} month?", "please name the {n} month of the year", "which month is the {n} one?"),
)  # fmt: skip
NTH_DAY = Phrases(
    train=("(what|which) is the {n} day of the week?", "(tell me|name) the {n} day of the week", "which day of the week is {n}?", "the {n} day of the week?"),
    held_out=("what do we call the {n} day of the week?", "which one is the {n} day of the week?", "please name the {n} day of the week"),
)  # fmt: skip
LENGTH = Phrases(
    train=("how many days (does {x} have|are in {x}|has {x})?", "how long is {x}?", "number of days in {x}?", "tell me how many days {x} has", "days in {x}?", "{x} has how many days?"),
    held_out=("how many days are there in {x}?", "what is the number of days in {x}?", "please tell me how many days are in {x}", "do you know how many days {x} has?"),
)  # fmt: skip
WHOLE = Phrases(
    train=("how many {part}s (are in|are there in|does|make) a {whole}( have|)?", "number of {part}s in a {whole}?", "tell me how many {part}s a {whole} has", "a {whole} has how many {part}s?"),
    held_out=("how many {part}s has a {whole}?", "do you know how many {part}s are in a {whole}?", "what is the number of {part}s in a {whole}?"),
)  # fmt: skip
LIST_DAYS = Phrases(
    train=("(list|name|tell me|say|give me) (all |)the days of the week", "what are the (seven |)days of the week?", "which days does a week have?", "days of the week?"),
    held_out=("can you list the days of the week?", "please name all seven days of the week", "tell me the names of the days of the week"),
)  # fmt: skip
LIST_MONTHS = Phrases(
    train=("(list|name|tell me|say|give me) (all |)the (twelve |)months( of the year|)", "what are the (twelve |)months( of the year|)?", "which months does a year have?", "months of the year?"),
    held_out=("can you list the months?", "please name all twelve months of the year", "tell me the names of the months"),
)  # fmt: skip

_WHOLES = (("day", "week", "seven"), ("month", "year", "twelve"), ("hour", "day", "24"), ("minute", "hour", "60"), ("second", "minute", "60"))  # fmt: skip


def _typed(rng: random.Random, value: str) -> str:
    """A fact's name as people type it."""
    if rng.random() < 0.15 and value.startswith("the "):
        value = value.removeprefix("the ")
    return value.lower() if rng.random() < 0.25 else value


def capital(rng: random.Random, split: Split) -> Exchange:
    """One of the sixty capitals, now and then asked backwards."""
    country = rng.choice(list(CAPITALS))
    city = CAPITALS[country]
    if rng.random() < 0.12:
        user = OF_COUNTRY.say(rng, split, x=_typed(rng, city))
        answer = f"{city} is the capital of {country}."
        return Exchange(user, answer, f"{city} belongs to {country}.", (country.removeprefix("the "),), country.removeprefix("the "))
    user = CAPITAL.say(rng, split, x=_typed(rng, country))
    return Exchange(user, f"The capital of {country} is {city}.", f"The user asks for a capital. {country}: {city}.", (city,), city)


def colour(rng: random.Random, split: Split) -> Exchange:
    """The colour of a common thing."""
    thing = rng.choice(list(COLOURS))
    value, bare = COLOURS[thing], thing.removeprefix("a ").removeprefix("an ").removeprefix("the ")
    user = COLOUR.say(rng, split, x=bare if rng.random() < 0.15 else thing)
    answer = f"{thing[:1].upper()}{thing[1:]} is {value}."
    return Exchange(user, answer, f"The user asks for a colour. {bare}: {value}.", (value,), value.capitalize())


def opposite(rng: random.Random, split: Split) -> Exchange:
    """The opposite of a word."""
    word, other = rng.choice(OPPOSITE_PAIRS)
    if rng.random() < 0.5:
        word, other = other, word
    return Exchange(
        OPPOSITE.say(rng, split, x=word),
        f"The opposite of {word} is {other}.",
        f"The user asks for an opposite. {word}: {other}.",
        (other,),
        other.capitalize(),
    )


def calendar(rng: random.Random, split: Split) -> Exchange:
    """Days and months: what comes next, how long, how many."""
    kind = rng.random()
    if kind < 0.44:
        names, after, before = (DAYS, AFTER_DAY, BEFORE_DAY) if kind < 0.22 else (MONTHS, AFTER_MONTH, BEFORE_MONTH)
        i, forward = rng.randrange(len(names)), rng.random() < 0.55
        name, found = names[i], names[(i + (1 if forward else -1)) % len(names)]
        user = (after if forward else before).say(rng, split, x=_typed(rng, name))
        relation = "after" if forward else "before"
        return Exchange(user, f"{found} comes {relation} {name}.", f"The user asks what comes {relation} {name}: {found}.", (found,), found)
    if kind < 0.66:
        monthly = kind < 0.6
        names, phrases, whole = (MONTHS, NTH_MONTH, "year") if monthly else (DAYS, NTH_DAY, "week")
        i = rng.randrange(len(names))
        unit = "month" if monthly else "day"
        answer = f"The {ORDINALS[i]} {unit} of the {whole} is {names[i]}."
        return Exchange(phrases.say(rng, split, n=ORDINALS[i]), answer, f"The user asks for {unit} number {i + 1}: {names[i]}.", (names[i],), names[i])
    if kind < 0.8:
        i = rng.randrange(12)
        days = f"{MONTH_LENGTHS[i]} days" + (", and 29 in a leap year" if i == 1 else "")
        return Exchange(LENGTH.say(rng, split, x=_typed(rng, MONTHS[i])), f"{MONTHS[i]} has {days}.", f"{MONTHS[i]} has {MONTH_LENGTHS[i]} days.", (str(MONTH_LENGTHS[i]),), str(MONTH_LENGTHS[i]))
    if kind < 0.9:
        part, whole, count = rng.choice(_WHOLES)
        return Exchange(WHOLE.say(rng, split, part=part, whole=whole), f"A {whole} has {count} {part}s.".replace("A hour", "An hour"), f"The user asks how many {part}s a {whole} has: {count}.", (count,), count.capitalize())
    names, phrases, unit = (DAYS, LIST_DAYS, "days of the week") if kind < 0.95 else (MONTHS, LIST_MONTHS, "months of the year")
    answer = f"The {unit} are {', '.join(names[:-1])} and {names[-1]}."
    return Exchange(phrases.say(rng, split), answer, f"The user wants the {unit}.", names)


def ordinal_words() -> tuple[str, ...]:
    """Words the tables use beyond plain text, for the evaluation's list of known words."""
    return (*ORDINALS, *NUMBER_WORDS)
