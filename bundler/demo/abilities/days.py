"""Days and months: what comes next, which is third, how long, how many."""

import random

from bundler.demo.abilities.knowledge import typed
from bundler.demo.core import Exchange, Split
from bundler.demo.facts import DAYS, MONTH_LENGTHS, MONTHS, ORDINALS
from bundler.demo.grammar import Phrases

AFTER_DAY = Phrases(
    train=(
        "(what|which) day (comes|is|follows) after {x}?", "what is the day after {x}?",
        "the day after {x}?", "what (comes|is) after {x}?", "which day follows {x}?",
        "tell me the day after {x}", "{x} comes before (which|what) day?",
        "if today is {x}, what (is|day is) tomorrow?", "today is {x}, what day is tomorrow?",
        "after {x} comes?", "what follows {x}?",
        "it is {x} today. (what|which) day will (tomorrow be|we have tomorrow)?", "today is {x}. what is tomorrow?",
        "once {x} is past, what day is it?", "when {x} ends, (what|which) day (starts|begins|follows)?",
        "what day will it be the day after {x}?", "tomorrow, if today is {x}?", "next day after {x}?",
        "name the next day after {x}", "today we have {x}, and tomorrow?", "if it is {x} now, which day is next?",
    ),
    held_out=(
        "what day do we have after {x}?", "name the day that follows {x}",
        "when {x} is over, which day comes?", "today is {x}. which day will it be tomorrow?",
        "which day is next after {x}?", "which day comes right after {x}?",
    ),
)  # fmt: skip
BEFORE_DAY = Phrases(
    train=(
        "(what|which) day (comes|is) before {x}?", "what is the day before {x}?", "the day before {x}?",
        "what (comes|is) before {x}?", "tell me the day before {x}", "{x} comes after (which|what) day?",
        "if today is {x}, what (was|day was) yesterday?", "today is {x}, what day was yesterday?",
        "before {x} comes?", "it is {x} today. (what|which) day (was yesterday|did we have yesterday)?",
        "today is {x}. what was yesterday?", "name the day before {x}", "yesterday, if today is {x}?",
        "today we have {x}, and yesterday?", "which day did we have before {x}?", "which day ends when {x} begins?",
    ),
    held_out=(
        "what day do we have before {x}?", "name the day that comes before {x}",
        "today is {x}. which day was it yesterday?", "which day comes right before {x}?",
    ),
)  # fmt: skip
AFTER_MONTH = Phrases(
    train=(
        "(what|which) month (comes|is|follows) after {x}?", "what is the month after {x}?",
        "the month after {x}?", "what (comes|is) after {x}?", "which month follows {x}?",
        "tell me the month after {x}", "after {x} comes?",
        "{x} comes before (which|what) month?", "it is {x}, what is next month?", "what follows {x}?",
        "once {x} is past, what month is it?", "when {x} ends, (what|which) month (starts|begins|follows)?",
        "name the next month after {x}", "if it is {x} now, which month is next?", "this month is {x}, and the next?",
    ),
    held_out=(
        "what month do we have after {x}?", "name the month that follows {x}",
        "which month is next after {x}?", "when {x} is over, which month comes?",
        "which month comes right after {x}?",
    ),
)  # fmt: skip
BEFORE_MONTH = Phrases(
    train=(
        "(what|which) month (comes|is) before {x}?", "what is the month before {x}?",
        "the month before {x}?", "what (comes|is) before {x}?", "tell me the month before {x}",
        "{x} comes after (which|what) month?", "before {x} comes?",
    ),
    held_out=(
        "what month do we have before {x}?", "name the month that comes before {x}",
        "which month comes right before {x}?",
    ),
)  # fmt: skip
NTH_MONTH = Phrases(
    train=(
        "(what|which) is the {n} month( of the year|)?", "(tell me|name) the {n} month( of the year|)",
        "which month (is|comes) {n}?", "the {n} month( of the year|)?",
        "what is the name of the {n} month?",
    ),
    held_out=(
        "what do we call the {n} month of the year?", "which one is the {n} month?",
        "please name the {n} month of the year", "which month is the {n} one?",
    ),
)  # fmt: skip
NTH_DAY = Phrases(
    train=(
        "(what|which) is the {n} day of the week?", "(tell me|name) the {n} day of the week",
        "which day of the week is {n}?", "the {n} day of the week?",
    ),
    held_out=(
        "what do we call the {n} day of the week?", "which one is the {n} day of the week?",
        "please name the {n} day of the week",
    ),
)  # fmt: skip
LENGTH = Phrases(
    train=(
        "how many days (does {x} have|are in {x}|has {x})?", "how long is {x}?", "number of days in {x}?",
        "tell me how many days {x} has", "days in {x}?", "{x} has how many days?",
    ),
    held_out=(
        "how many days are there in {x}?", "what is the number of days in {x}?",
        "please tell me how many days are in {x}", "do you know how many days {x} has?",
    ),
)  # fmt: skip
WHOLE = Phrases(
    train=(
        "how many {part}s (are in|are there in|does|make) a {whole}( have|)?",
        "number of {part}s in a {whole}?", "tell me how many {part}s a {whole} has",
        "a {whole} has how many {part}s?",
    ),
    held_out=(
        "how many {part}s has a {whole}?", "do you know how many {part}s are in a {whole}?",
        "what is the number of {part}s in a {whole}?",
    ),
)  # fmt: skip
LIST_DAYS = Phrases(
    train=(
        "(list|name|tell me|say|give me) (all |)the days of the week",
        "what are the (seven |)days of the week?", "which days does a week have?", "days of the week?",
    ),
    held_out=(
        "can you list the days of the week?", "please name all seven days of the week",
        "tell me the names of the days of the week",
    ),
)  # fmt: skip
LIST_MONTHS = Phrases(
    train=(
        "(list|name|tell me|say|give me) (all |)the (twelve |)months( of the year|)",
        "what are the (twelve |)months( of the year|)?", "which months does a year have?",
        "months of the year?",
    ),
    held_out=(
        "can you list the months?", "please name all twelve months of the year",
        "tell me the names of the months",
    ),
)  # fmt: skip

_WHOLES = (
    ("day", "week", "seven"),
    ("month", "year", "twelve"),
    ("hour", "day", "24"),
    ("minute", "hour", "60"),
    ("second", "minute", "60"),
)


def exchange(rng: random.Random, split: Split) -> Exchange:
    """Days and months: what comes next, how long, how many."""
    kind = rng.random()
    if kind < 0.44:
        names, after, before = (DAYS, AFTER_DAY, BEFORE_DAY) if kind < 0.22 else (MONTHS, AFTER_MONTH, BEFORE_MONTH)
        i, forward = rng.randrange(len(names)), rng.random() < 0.55
        name, found = names[i], names[(i + (1 if forward else -1)) % len(names)]
        user = (after if forward else before).say(rng, split, x=typed(rng, name))
        relation = "after" if forward else "before"
        return Exchange(
            user,
            f"{found} comes {relation} {name}.",
            f"The user asks what comes {relation} {name}: {found}.",
            (found,),
            found,
        )
    if kind < 0.66:
        monthly = kind < 0.6
        names, phrases, whole = (MONTHS, NTH_MONTH, "year") if monthly else (DAYS, NTH_DAY, "week")
        i = rng.randrange(len(names))
        unit = "month" if monthly else "day"
        answer = f"The {ORDINALS[i]} {unit} of the {whole} is {names[i]}."
        return Exchange(
            phrases.say(rng, split, n=ORDINALS[i]),
            answer,
            f"The user asks for {unit} number {i + 1}: {names[i]}.",
            (names[i],),
            names[i],
        )
    if kind < 0.8:
        i = rng.randrange(12)
        days = f"{MONTH_LENGTHS[i]} days" + (", and 29 in a leap year" if i == 1 else "")
        return Exchange(
            LENGTH.say(rng, split, x=typed(rng, MONTHS[i])),
            f"{MONTHS[i]} has {days}.",
            f"{MONTHS[i]} has {MONTH_LENGTHS[i]} days.",
            (str(MONTH_LENGTHS[i]),),
            str(MONTH_LENGTHS[i]),
        )
    if kind < 0.9:
        part, whole, count = rng.choice(_WHOLES)
        return Exchange(
            WHOLE.say(rng, split, part=part, whole=whole),
            f"A {whole} has {count} {part}s.".replace("A hour", "An hour"),
            f"The user asks how many {part}s a {whole} has: {count}.",
            (count,),
            count.capitalize(),
        )
    names, phrases, unit = (
        (DAYS, LIST_DAYS, "days of the week") if kind < 0.95 else (MONTHS, LIST_MONTHS, "months of the year")
    )
    answer = f"The {unit} are {', '.join(names[:-1])} and {names[-1]}."
    return Exchange(phrases.say(rng, split), answer, f"The user wants the {unit}.", names)
