"""A handful of one-sentence explanations and jokes, because these are the first things people try."""

import random

from bundler.demo.core import Exchange, Split
from bundler.demo.facts import EXPLANATIONS, JOKES
from bundler.demo.grammar import Phrases

EXPLAIN = Phrases(
    train=(
        "explain {x}( to me| briefly| simply| in one sentence|)", "what is {x}?", "what's {x}?", "tell me (about|what) {x}( is|)", "how does {x} work?", "can you explain {x}( to me|)?", "describe {x}", "define {x}", "what do you know about {x}?",
        "i want to know what {x} is", "{x}?", "teach me about {x}",
    ),
    held_out=("could you explain what {x} is?", "please explain {x} for me", "do you know what {x} is?", "how would you describe {x}?", "what exactly is {x}?", "explain to me what {x} is"),
)  # fmt: skip
JOKE = Phrases(
    train=("tell me a joke", "(another|one more) joke( please|)", "a joke", "do you know (a joke|any jokes|some jokes)?", "make me laugh", "say something funny", "(can|could) you tell (me |)a joke?", "joke", "give me a joke", "i want (to hear |)a joke", "tell a (funny |)joke"),
    held_out=("would you tell me a joke?", "please tell me something funny", "let me hear a joke", "have you got a joke for me?", "tell me your best joke"),
)  # fmt: skip


def explanation(rng: random.Random, split: Split) -> Exchange:
    """One of the things it can explain."""
    topic = rng.choices(list(EXPLANATIONS), [4 if topic == "photosynthesis" else 1 for topic in EXPLANATIONS])[0]
    bare = topic.removeprefix("a ").removeprefix("an ").removeprefix("the ")
    answer = EXPLANATIONS[topic]
    return Exchange(EXPLAIN.say(rng, split, x=bare if rng.random() < 0.25 else topic), answer, f"The user asks about {bare}.", (answer,), bare.capitalize())


def joke(rng: random.Random, split: Split) -> Exchange:
    """A joke; which one follows from the wording, so that greedy decoding tells different ones."""
    user = JOKE.say(rng, split)
    return Exchange(user, rng.choice(JOKES), "The user wants a joke.", ("|".join(JOKES),))


def exchange(rng: random.Random, split: Split) -> Exchange:
    """An explanation or a joke."""
    return joke(rng, split) if rng.random() < 0.25 else explanation(rng, split)
