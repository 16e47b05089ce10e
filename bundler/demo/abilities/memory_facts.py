"""What can be remembered, and how it is told, acknowledged, asked for and answered."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from bundler.demo.core import Split
from bundler.demo.facts import CITIES, COLOUR_NAMES, HELD_OUT_CITIES, HELD_OUT_NAMES, NAMES
from bundler.demo.grammar import Phrases
from bundler.demo.names import coin, made_up


@dataclass(frozen=True)
class Fact:
    """Something to remember: how it is told, acknowledged, asked for and answered."""

    label: str
    value: Callable[[random.Random, Split], str]
    told: Phrases
    noted: str
    asked: Phrases
    known: str
    unknown: str


def _name(rng: random.Random, split: Split) -> str:
    if split is Split.HELD_OUT:
        return rng.choice(HELD_OUT_NAMES)
    name = rng.choice(NAMES) if rng.random() < 0.5 else made_up(rng)
    return name.lower() if rng.random() < 0.12 else name


def _colour(rng: random.Random, split: Split) -> str:
    return rng.choice(COLOUR_NAMES)


def _number(rng: random.Random, split: Split) -> str:
    return str(rng.randint(0, rng.choice((9, 99, 99, 999, 9999))))


def _city(rng: random.Random, split: Split) -> str:
    if split is Split.HELD_OUT:
        return rng.choice(HELD_OUT_CITIES)
    return rng.choice(CITIES) if rng.random() < 0.6 else made_up(rng)


def _animal(rng: random.Random, split: Split) -> str:
    return rng.choice(NAMES) if rng.random() < 0.5 else coin(rng)


def _food(rng: random.Random, split: Split) -> str:
    return rng.choice(
        (
            "pizza",
            "rice",
            "soup",
            "noodles",
            "apples",
            "bread",
            "cheese",
            "fish",
            "pancakes",
            "salad",
            "chocolate",
            "kimchi",
            "sushi",
            "pasta",
            "cake",
            "bananas",
        )
    )


NAME = Fact(
    "name", _name,
    Phrases(
        train=(
            "my name is {v}", "my name's {v}", "i am {v}", "i'm {v}", "call me {v}",
            "(hi|hello|hey), i am {v}", "(hi|hello|hey), i'm {v}!", "(hi|hello|hey), my name is {v}",
            "(please |)remember my name: {v}", "{v} is my name", "i am called {v}",
            "my name is {v}, nice to meet you", "you can call me {v}", "this is {v}", "the name is {v}",
            "remember that my name is {v}", "people call me {v}", "(everyone|my friends|they) (calls|call) me {v}",
            "(good evening|hello|hey there), (my name is|i'm|i am) {v}", "let me say my name: {v}", "i go by {v}",
            "you should know my name: {v}", "(oh|well|now), i am {v}", "{v} here", "they named me {v}",
            "{v}, that is me",
        ),
        held_out=(
            "hello there, my name is {v}!", "everybody calls me {v}", "by the way, my name is {v}",
            "good morning, i'm {v}", "i go by the name {v}", "just so you know, i am {v}",
            "let me introduce myself: my name is {v}", "please call me {v}",
        ),
    ),
    "Nice to meet you, {v}!",
    Phrases(
        train=(
            "what('s| is) my name?", "who am i?", "do you (know|remember) my name?", "what am i called?",
            "(tell me|say) my name", "can you (say|tell me|remember) my name?",
            "what did i say my name (is|was)?", "my name is?", "and my name?",
            "do you (know|remember) who i am?", "how am i called?", "what is the name i told you?",
            "(can|could|do) you (recall|still know) who i am?", "i forget: what is my name?", "say my name again",
            "which name (is mine|have i|did i say|did i tell you)?", "please (say|tell me) (my name|who i am)",
            "i am called what?",
            "what (is|was) the name i gave?", "who am i, do you recall?", "forgot my name. what is it?",
            "and what am i called?",
        ),
        held_out=(
            "do you still know my name?", "which name did i give you?", "what was my name again?",
            "can you recall my name?", "please tell me what my name is", "i forgot my name, what is it?",
            "could you tell me my name?", "so what is my name?",
        ),
    ),
    "Your name is {v}.", "I do not know your name: you have not told me.",
)  # fmt: skip
COLOUR = Fact(
    "favourite colour", _colour,
    Phrases(
        train=(
            "my (favourite colour|favorite color|favourite color) is {v}", "i like {v} (best|most)",
            "i love the (colour|color) {v}", "{v} is my (favourite colour|favorite color)",
            "remember that my (favourite colour|favorite color) is {v}",
            "the (colour|color) i like best is {v}", "my best (colour|color) is {v}", "i really like {v}",
        ),
        held_out=(
            "the (colour|color) {v} is the one i like best", "of all (colours|colors), i like {v} most",
            "please note: my (favourite colour|favorite color) is {v}",
            "by the way, my (favourite colour|favorite color) is {v}",
            "you should know that my (favourite colour|favorite color) is {v}",
        ),
    ),
    "{V} is a lovely colour. I will remember it.",
    Phrases(
        train=(
            "what('s| is) my (favourite colour|favorite color)?",
            "which (colour|color) do i like( best| most|)?",
            "do you (know|remember) my (favourite colour|favorite color)?",
            "(tell me|say) my (favourite colour|favorite color)", "what (colour|color) do i (like|love)?",
            "and my (favourite colour|favorite color)?", "what (colour|color) did i say i like?",
            "my (favourite colour|favorite color) is?",
        ),
        held_out=(
            "do you still know my (favourite colour|favorite color)?",
            "which (colour|color) is my favourite?", "what was my (favourite colour|favorite color) again?",
            "can you recall which (colour|color) i like best?",
            "please tell me my (favourite colour|favorite color)",
        ),
    ),
    "Your favourite colour is {v}.", "I do not know your favourite colour: you have not told me.",
)  # fmt: skip
NUMBER = Fact(
    "number", _number,
    Phrases(
        train=(
            "my (lucky |favourite |favorite |secret |)number is {v}", "remember the number {v}",
            "(please |)(keep in mind|remember|note|memorise)( this number|): {v}", "the number is {v}",
            "{v} is my (lucky |favourite |secret |)number", "i am thinking of the number {v}",
            "the (secret |)code is {v}", "remember {v}", "my code is {v}",
        ),
        held_out=(
            "please keep the number {v} in mind", "here is a number to remember: {v}",
            "do not forget the number {v}", "i want you to remember the number {v}",
            "the number to remember is {v}",
        ),
    ),
    "I will remember the number {v}.",
    Phrases(
        train=(
            "what('s| is) my (lucky |favourite |favorite |secret |)number?",
            "(what|which) number did i (tell you|say|give you)?", "do you (know|remember) (my|the) number?",
            "(tell me|say) (my|the) number", "what number am i thinking of?", "what was the (number|code)?",
            "and (the|my) number?", "what is the (number|code|secret code)?", "repeat the number",
            "(please |)(say|give me) (the number|my number|the number again)",
            "which (number|code) (is|was) (mine|it again)?",
            "(can|could) you (recall|repeat|say) the number?", "tell me the number i (gave|told) you",
            "what number did i want you to keep?",
        ),
        held_out=(
            "do you still know the number?", "which number was it?", "what was the number again?",
            "can you recall the number i gave you?", "please tell me the number from before",
        ),
    ),
    "The number is {v}.", "I do not know the number: you have not told me.",
)  # fmt: skip
HOME = Fact(
    "city", _city,
    Phrases(
        train=(
            "i live in {v}", "i am from {v}", "i'm from {v}", "my (home|home town|city) is {v}",
            "i come from {v}", "remember that i live in {v}", "{v} is (my home|where i live)",
            "i moved to {v}",
        ),
        held_out=(
            "my home is in {v}", "by the way, i live in {v}", "i have lived in {v} for years",
            "you should know that i live in {v}",
        ),
    ),
    "{V} sounds nice. I will remember that you live there.",
    Phrases(
        train=(
            "where do i live?", "where am i from?", "(what|which) city do i live in?",
            "do you (know|remember) where i live?", "(what is|what's) my (city|home|home town)?",
            "tell me where i live", "in which city do i live?",
        ),
        held_out=(
            "do you still know where i live?", "where did i say i live?", "can you recall my city?",
            "what was the city i live in?",
        ),
    ),
    "You live in {v}.", "I do not know where you live: you have not told me.",
)  # fmt: skip
PET = Fact(
    "pet's name", _animal,
    Phrases(
        train=(
            "my (dog|cat|pet|bird|horse|hamster) is called {v}",
            "my (dog|cat|pet|bird|horse|hamster)'s name is {v}",
            "i have a (dog|cat|bird|horse|hamster) (called|named) {v}",
            "the name of my (dog|cat|pet|bird|horse|hamster) is {v}",
        ),
        held_out=(
            "we have a pet called {v}", "by the way, my pet's name is {v}",
            "at home i have a pet named {v}",
        ),
    ),
    "{V} is a fine name for a pet. I will remember it.",
    Phrases(
        train=(
            "what('s| is) my (dog|cat|pet|bird|horse|hamster)'s name?",
            "what is my (dog|cat|pet|bird|horse|hamster) called?",
            "do you (know|remember) my (dog|cat|pet)'s name?",
            "what is the name of my (dog|cat|pet|bird|horse|hamster)?", "who is my pet?",
            "(tell me|say) my pet's name", "how is my pet called?",
        ),
        held_out=(
            "what was my pet's name again?", "which name does my pet have?",
            "can you recall my pet's name?", "do you still know what my pet is called?",
        ),
    ),
    "Your pet is called {v}.", "I do not know your pet's name: you have not told me.",
)  # fmt: skip
FOOD = Fact(
    "favourite food", _food,
    Phrases(
        train=(
            "my (favourite|favorite) food is {v}", "i like to eat {v}", "i love {v}",
            "{v} is my (favourite|favorite) food", "the food i like best is {v}", "i like {v} for dinner",
        ),
        held_out=(
            "what i like to eat most is {v}", "by the way, my favourite food is {v}",
            "of all food, i like {v} best",
        ),
    ),
    "{V}: good choice. I will remember it.",
    Phrases(
        train=(
            "what('s| is) my (favourite|favorite) food?", "what do i (like|love) to eat?",
            "which food do i like( best|)?", "do you (know|remember) my favourite food?",
            "(tell me|say) my favourite food", "what food do i like?",
        ),
        held_out=(
            "what was my favourite food again?", "can you recall what i like to eat?",
            "which food is my favourite?",
        ),
    ),
    "Your favourite food is {v}.", "I do not know your favourite food: you have not told me.",
)  # fmt: skip

FACTS: tuple[Fact, ...] = (NAME, COLOUR, NUMBER, HOME, PET, FOOD)
