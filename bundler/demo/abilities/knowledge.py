"""Capitals, colours and opposites: every fact is trained, ways to ask for it are held out."""

import random

from bundler.demo.core import Exchange, Split
from bundler.demo.facts import CAPITALS, COLOURS, OPPOSITE_PAIRS
from bundler.demo.grammar import Phrases

CAPITAL = Phrases(
    train=(
        "what('s| is) the capital (city |)of {x}?", "(tell me|name|give me|say) the capital (city |)of {x}",
        "capital of {x}?", "{x} capital?",
        "(which|what) city is the capital of {x}?", "the capital of {x} is?",
        "do you know the capital (city |)of {x}?", "{x}: capital?",
        "what is {x}'s capital( city|)?", "i (want|need|would like) to know the capital of {x}",
        "can you tell me the capital of {x}?",
        "where is the government of {x}?", "so what about {x}, its capital?", "and the capital of {x}?",
        "which city is {x}'s capital?", "capital city of {x}",
        "{x} has what capital( city|)?", "{x}'s capital is (which|what) city?", "in {x}, which city is the capital?",
        "for {x}, (name|tell me) the capital", "{x}: which capital does it have?", "what capital does {x} have?",
        "which capital (belongs to|has) {x}?", "i forgot {x}'s capital", "how is the capital of {x} called?",
        "remind me of the capital of {x}", "of {x}, what is the capital?",
    ),
    held_out=(
        "which is the capital of {x}?", "could you name the capital of {x} for me?",
        "what would the capital of {x} be?", "i forgot the capital of {x}, what is it?",
        "please tell me which city is the capital of {x}", "what city is {x}'s capital?",
        "the capital of {x}, please", "{x} has which capital?", "do you remember the capital of {x}?",
        "may i know the capital of {x}?", "what do they call the capital of {x}?",
        "tell me, what is the capital of {x}?",
    ),
)  # fmt: skip
OF_COUNTRY = Phrases(
    train=(
        "{x} is the capital of (which|what) country?", "which country has the capital {x}?",
        "(which|what) country is {x} the capital of?", "{x} is the capital of?",
    ),
    held_out=(
        "of which country is {x} the capital?", "what country has {x} as its capital?",
        "{x} is the capital city of which country?",
    ),
)  # fmt: skip
COLOUR = Phrases(
    train=(
        "what (colour|color) (is|are|does) {x}( have|)?", "(which|what) (colour|color) has {x}?",
        "tell me the (colour|color) of {x}", "the (colour|color) of {x}?",
        "what is the (colour|color) of {x}?",
        "{x} is what (colour|color)?", "do you know what (colour|color) {x} is?",
        "name the (colour|color) of {x}", "can you tell me what (colour|color) {x} is?",
        "(colour|color) of {x}?",
        "what (colour|color) would {x} be?", "{x} has what (colour|color)?", "{x}: which (colour|color)?",
        "when you (see|think of) {x}, (what|which) (colour|color) (is it|comes to mind)?",
        "the usual (colour|color) of {x}?",
        "(imagine|picture) {x}: (what|which) (colour|color)?", "looking at {x}, what (colour|color) is it?",
        "{x}, what (colour|color) is that?", "which (colour|color) do you see in {x}?",
        "in what (colour|color) comes {x}?",
        "i want to know which (colour|color) {x} (is|has)", "what (colour|color) is {x} (usually|mostly|normally)?",
    ),
    held_out=(
        "which (colour|color) is {x}?", "what (colour|color) does {x} usually have?",
        "i wonder what (colour|color) {x} is", "please tell me which (colour|color) {x} has",
        "could you say what (colour|color) {x} is?", "if you look at {x}, what (colour|color) do you see?",
        "{x} has which (colour|color)?", "what's the (colour|color) of {x}?",
    ),
)  # fmt: skip
OPPOSITE = Phrases(
    train=(
        "what('s| is) the opposite of {x}?", "(tell me|name|give me|say) the opposite of {x}",
        "opposite of {x}?", "the opposite of {x} is?", "{x} is the opposite of what?",
        "what is the contrary of {x}?",
        "do you know the opposite of {x}?", "which word is the opposite of {x}?",
        "can you tell me the opposite of {x}?", "{x}: opposite?", "find the opposite of {x}",
        "what word means the opposite of {x}?",
        "the opposite (word |)of '{x}'?", "something is not {x} but the contrary. what is it?",
        "not {x} but the opposite is?",
        "if a thing is not {x}, it is?", "what is the word opposite to {x}?", "{x} and its opposite?",
        "{x}'s opposite( word|)?", 'what is the opposite of "{x}"?',
    ),
    held_out=(
        "which is the opposite of {x}?", "what would be the opposite of {x}?",
        "please give the opposite of {x}", "could you tell me what the opposite of {x} is?",
        "i need the opposite of {x}",
        "if something is not {x} but the opposite, what is it?", "what word is opposite to {x}?",
        "name a word that is the opposite of {x}",
    ),
)  # fmt: skip


def typed(rng: random.Random, value: str) -> str:
    """A fact's name as people type it."""
    if rng.random() < 0.15 and value.startswith("the "):
        value = value.removeprefix("the ")
    return value.lower() if rng.random() < 0.25 else value


def capital(rng: random.Random, split: Split) -> Exchange:
    """One of the sixty capitals, now and then asked backwards."""
    country = rng.choice(list(CAPITALS))
    city = CAPITALS[country]
    if rng.random() < 0.12:
        user = OF_COUNTRY.say(rng, split, x=typed(rng, city))
        answer = f"{city} is the capital of {country}."
        return Exchange(
            user,
            answer,
            f"{city} belongs to {country}.",
            (country.removeprefix("the "),),
            country.removeprefix("the "),
        )
    user = CAPITAL.say(rng, split, x=typed(rng, country))
    return Exchange(
        user,
        f"The capital of {country} is {city}.",
        f"The user asks for a capital. {country}: {city}.",
        (city,),
        city,
    )


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
