"""A handful of one-sentence explanations and jokes, because these are the first things people try."""

import random

from bundler.demo.core import Exchange, Split
from bundler.demo.facts import EXPLANATIONS, JOKES, NUMBER_WORDS
from bundler.demo.grammar import Phrases
from bundler.demo.names import coin, made_up

EXPLAIN = Phrases(
    train=(
        "explain {x}( to me| briefly| simply| in one sentence|)", "what is {x}?", "what's {x}?",
        "tell me (about|what) {x}( is|)", "how does {x} work?", "can you explain {x}( to me|)?",
        "describe {x}", "define {x}", "what do you know about {x}?",
        "i want to know what {x} is", "{x}?", "teach me about {x}",
        "how (do|can) you (describe|explain) {x}?", "what would you say about {x}?", "what is {x} exactly?",
        "what do we (mean by|call) {x}?", "say what {x} is",
        "give me a (short |)(explanation|description|definition) of {x}",
        "(can|could|would) you (describe|define) {x}( for me|)?", "explain in a few words what {x} means",
        "in short, what is {x}?", "do you know about {x}?", "i'd like to understand {x}", "what should i know of {x}?",
    ),
    held_out=(
        "could you explain what {x} is?", "please explain {x} for me", "do you know what {x} is?",
        "how would you describe {x}?", "what exactly is {x}?", "explain to me what {x} is",
    ),
)  # fmt: skip
JOKE = Phrases(
    train=(
        "tell me a joke", "(another|one more) joke( please|)", "a joke",
        "do you know (a joke|any jokes|some jokes)?", "make me laugh", "say something funny",
        "(can|could) you tell (me |)a joke?", "joke", "give me a joke", "i want (to hear |)a joke",
        "tell a (funny |)joke", "(tell|say) me something to laugh about", "(have you|got) (any jokes|a joke)?",
        "let me hear something funny", "will you tell me a joke?", "what is your best joke?", "something funny please",
    ),
    held_out=(
        "would you tell me a joke?", "please tell me something funny", "let me hear a joke",
        "have you got a joke for me?", "tell me your best joke",
    ),
)  # fmt: skip


def explanation(rng: random.Random, split: Split) -> Exchange:
    """One of the things it can explain."""
    topic = rng.choices(list(EXPLANATIONS), [4 if topic == "photosynthesis" else 1 for topic in EXPLANATIONS])[0]
    bare = topic.removeprefix("a ").removeprefix("an ").removeprefix("the ")
    answer = EXPLANATIONS[topic]
    return Exchange(
        EXPLAIN.say(rng, split, x=bare if rng.random() < 0.25 else topic),
        answer,
        f"The user asks about {bare}.",
        (answer,),
        bare.capitalize(),
    )


def joke(rng: random.Random, split: Split) -> Exchange:
    """A joke; which one follows from the wording, so that greedy decoding tells different ones."""
    user = JOKE.say(rng, split)
    return Exchange(user, rng.choice(JOKES), "The user wants a joke.", ("|".join(JOKES),))


ECHO = Phrases(
    train=(
        "(repeat|say|echo|write|print)( after me|): {q}", "(please |)repeat: {q}",
        "(repeat|say|echo|write|print) '{q}'", '(repeat|say|echo|write|print) "{q}"',
        "repeat after me: {q}", "(reply|respond|answer) with: {q}", '(reply|respond|answer) with "{q}"',
        "(can|could) you (repeat|say) this: {q}",
        "(please |)(write|type) (the following|this|these words)( for me|): {q}", "just (say|repeat|type) {q}",
        "i want you to (repeat|write) {q}", "would you (say|write) {q}?", "now you say: {q}",
        'please (write|say) "{q}"',
        "for me, (say|repeat): {q}", "this is what you should say: {q}", "can you write {q} for me?",
        "say {q}", "echo {q}", "repeat the words {q}", "type: {q}", "reply with {q}",
    ),
    held_out=(
        "please say the following: {q}", "repeat this for me: {q}", 'i want you to say "{q}"',
        "would you please repeat: {q}", 'just write "{q}"',
    ),
)  # fmt: skip
COUNT = Phrases(
    train=(
        "count (up |)to {n}", "count from (1|one) to {n}", "(can|could) you count to {n}?",
        "please count to {n}", "(list|write|say|give me) the numbers (from 1 to|up to|1 to) {n}",
        "numbers 1 to {n}", "count {n}", "(start|begin) (at|with) 1 and count (up |)to {n}",
        "i want to hear the numbers to {n}",
        "(show|print) (me |)the numbers up to {n}", "would you count up to {n}?", "all numbers until {n}",
    ),
    held_out=(
        "would you count to {n} for me?", "start at one and count to {n}", "i want you to count up to {n}",
        "print all numbers from 1 to {n}",
    ),
)  # fmt: skip
_SAYINGS = (
    "hello",
    "hi",
    "ok",
    "yes",
    "no",
    "test",
    "banana",
    "hello world",
    "good morning",
    "I am here",
    "one two three",
    "the cat sat on the mat",
    "ready",
    "it works",
    "pannier",
    "all is well",
    "red and blue",
    "the end",
    "thank you",
    "done",
)


def echo(rng: random.Random, split: Split) -> Exchange:
    """Say what the user wants said."""
    dice = rng.random()
    if dice < 0.4 or (split is Split.HELD_OUT and dice < 0.6):
        text = rng.choice(_SAYINGS)
    else:
        make = made_up if split is Split.TRAIN else coin
        words = [make(rng, (1, 2)) for _ in range(rng.randint(1, 4))]
        text = " ".join(word if rng.random() < 0.3 else word.lower() for word in words)
    if rng.random() < 0.1:
        text += f" {rng.randint(0, 999)}"
    return Exchange(ECHO.say(rng, split, q=text), text, "The user wants me to say something.", (text,), text)


def count(rng: random.Random, split: Split) -> Exchange:
    """Count to a number up to twenty: a long answer without surprises."""
    top = rng.randint(2, 20)
    said = ", ".join(str(i) for i in range(1, top + 1))
    user = COUNT.say(rng, split, n=NUMBER_WORDS[top] if rng.random() < 0.2 else top)
    return Exchange(user, f"{said}.", f"The user wants the numbers from 1 to {top}.", (said,))


def repeating(rng: random.Random, split: Split) -> Exchange:
    """Echo or count."""
    return echo(rng, split) if rng.random() < 0.65 else count(rng, split)


def exchange(rng: random.Random, split: Split) -> Exchange:
    """An explanation or a joke."""
    return joke(rng, split) if rng.random() < 0.25 else explanation(rng, split)
