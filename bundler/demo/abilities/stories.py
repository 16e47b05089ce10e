"""Tiny stories about whatever is asked for, from five plots."""

import random

from bundler.demo.core import Exchange, Split
from bundler.demo.grammar import Phrases
from bundler.demo.names import made_up

HEROES: tuple[str, ...] = (
    "cat", "dog", "fox", "bear", "rabbit", "mouse", "owl", "frog", "duck", "horse", "lion", "tiger", "bird",
    "fish", "snail", "hedgehog", "goat", "sheep", "cow", "pig", "hen", "wolf", "squirrel", "turtle", "bee",
    "spider", "whale", "monkey", "penguin",
    "dragon", "robot", "princess", "king", "queen", "wizard", "witch", "giant", "pirate", "boy", "girl",
    "farmer", "baker", "knight", "ghost", "fairy", "star", "cloud", "tree", "boat", "train", "car",
    "teapot", "clock", "cook", "sailor", "teacher", "astronaut", "doctor",
)  # fmt: skip
HELD_OUT_HEROES: tuple[str, ...] = (
    "elephant",
    "parrot",
    "donkey",
    "painter",
    "crab",
    "snowman",
    "camel",
    "kite",
)
# Any common noun will do as a hero: it only has to be copied.
_MORE_HEROES_TEXT = """
apple banana bell bicycle book bottle box bread bridge broom bucket butterfly button cake candle carrot castle
chair cheese chicken chimney coat coin crow cup deer dentist door drum eagle egg elf feather firefly flower fork
gardener garden gnome goose grandmother hat hippo house island jacket judge kangaroo kettle key king kitten
ladder lamp leaf lemon letter lizard llama lobster mango map mermaid mirror mole moon moth mountain mushroom
musician ninja nurse ocean octopus onion ostrich otter pancake panda peacock pear pencil pepper piano pigeon
pilot planet plumber poet pony potato puppet puppy raccoon raven river rocket rooster salmon scarecrow seal
shark shepherd shoe singer soldier spoon stone stork sun swan tailor toad tomato tortoise tower toy troll
trumpet unicorn vampire violin waiter walrus wasp watch weasel whistle windmill worm writer yak zebra
"""
_MORE_HEROES = tuple(_MORE_HEROES_TEXT.split())
_NAMES = ("Pip", "Luna", "Milo", "Ruby", "Finn", "Daisy", "Otto", "Nelly", "Hugo", "Bella", "Toby", "Momo")
_TRAITS = ("small", "kind", "brave", "curious", "clever", "shy", "happy", "lonely", "sleepy", "funny")
_PLACES = (
    "in a quiet forest",
    "by the sea",
    "in a little village",
    "on a green hill",
    "near a blue lake",
    "in a big garden",
    "at the edge of town",
    "under an old bridge",
)
_THINGS = (
    "a red ball",
    "a golden key",
    "an old map",
    "a shiny stone",
    "a tiny bell",
    "a warm blanket",
    "a silver spoon",
    "a blue umbrella",
)
_FRIENDS = (
    "a wise owl",
    "a friendly frog",
    "a small mouse",
    "an old turtle",
    "a young bird",
    "a gentle bear",
)
_WEATHERS = ("One sunny morning", "One rainy day", "One cold evening", "One windy afternoon", "One night")
_ENDS = (
    "From that day on, {name} was never alone again.", "And they lived happily ever after.",
    "That night, {name} slept very well.",
    "And {name} smiled all the way home.", "Since then, {name} always shares.",
)  # fmt: skip
_PLOTS: tuple[str, ...] = (
    "Once upon a time, there was a {trait} {hero} called {name}, who lived {place}. {when}, {name} "
    "found {thing}. {name} asked {friend}: \"Is this yours?\" \"No,\" said the friend, \"but we can "
    "play with it.\" So they played until dark. {end}",
    "There once was a {trait} {hero} named {name}. {when}, {name} got lost {place}. Then {friend} came "
    "along and said: \"Follow me!\" Together they found the way home. {end}",
    "A {trait} {hero} called {name} lived {place}. {name} wanted to make a friend, but did not know "
    "how. {when}, {friend} lost {thing}. {name} looked everywhere and found it. Now they were friends. "
    "{end}",
    "{name} was a {trait} {hero} who lived {place}. {when}, {name} heard a strange noise. It was "
    "{friend}, who was hungry. {name} shared some bread and warm soup. {end}",
    "Once there was a {trait} {hero} called {name}. {name} dreamed of seeing the world. {when}, {name} "
    "packed {thing} and went away. After a long walk, {name} met {friend} {place}. They told each other "
    "stories until the stars came out. {end}",
)  # fmt: skip

ABOUT = Phrases(
    train=(
        "tell me a (short |tiny |little |)story about (a|an|the) {x}",
        "(write|tell|make up|give me) a (short |)story about (a|an) {x}",
        "a story about (a|an) {x}( please|)", "(can|could) you tell (me |)a story about (a|an) {x}?",
        "story about (a|an) {x}",
        "i (want|would like) (to hear |)a story about (a|an) {x}", "tell me about (a|an) {x}, as a story",
        "do you know a story about (a|an) {x}?", "tell us a story with (a|an) {x}",
        "write me a story with (a|an) {x} in it", "(a|one) (short |)tale about (a|an) {x}", "the tale of (a|an) {x}",
        "(tell|give) me a tale (of|with) (a|an) {x}",
        "(invent|think up|imagine) a (little |)(tale|story) with (a|an) {x}",
        "let me (hear|read|have) a (tale|story) about (a|an) {x}", "can you (invent|imagine) a story about (a|an) {x}?",
        "i'd (like|love) (to hear |)(a tale|a story) with (a|an) {x}", "will you tell me a tale about (a|an) {x}?",
        "make a (small |)story with (a|an) {x}", "what story do you know with (a|an) {x}?",
        "about (a|an) {x}, a story please",
        "tell the story of (a|an) {x}", "have you a story about (a|an) {x}?", "the {x}: tell me a story",
    ),
    held_out=(
        "please tell me a tale about (a|an) {x}", "let me hear a story with (a|an) {x}",
        "make me a little story about (a|an) {x}", "would you tell a story about (a|an) {x}?",
        "i'd love a short story about (a|an) {x}", "invent a story about (a|an) {x}",
    ),
)  # fmt: skip
ANY = Phrases(
    train=(
        "tell me a (short |tiny |little |bedtime |)story", "(write|make up|give me) a (short |)story",
        "a story( please|)", "(can|could) you tell (me |)a story?", "story( time|)",
        "i (want|would like) (to hear |)a story", "another story( please|)", "do you know a story?",
        "once upon a time", "tell us a story", "(a|one) (short |)tale( please|)", "(tell|give) (us|me) a (fairy |)tale",
        "let me (read|have) a story", "will you tell a (story|tale)?", "read (us|me) a (story|tale)",
        "invent a (story|tale)",
        "i'd like a (bedtime |little |)(story|tale)", "have you (any|a) (stories|story|tale)?",
        "can i (hear|have) a story?",
    ),
    held_out=(
        "would you tell me a story?", "please tell me a tale", "let me hear a story",
        "have you got a story for me?", "read me a bedtime story", "i'd love to hear a little story",
    ),
)  # fmt: skip


def _article(text: str) -> str:
    """`a elephant` → `an elephant`, wherever it stands."""
    words = text.split(" ")
    for i, word in enumerate(words[:-1]):
        if word in ("a", "an", "A", "An"):
            vowel = words[i + 1][:1].lower() in "aeiou"
            words[i] = ("an" if vowel else "a") if word[0] == "a" else ("An" if vowel else "A")
    return " ".join(words)


def tell(rng: random.Random, hero: str) -> str:
    """A story with this hero."""
    story = rng.choice(_PLOTS).replace("{end}", rng.choice(_ENDS))
    parts = {
        "trait": rng.choice(_TRAITS),
        "hero": hero,
        "name": rng.choice(_NAMES),
        "place": rng.choice(_PLACES),
        "when": rng.choice(_WEATHERS),
        "thing": rng.choice(_THINGS),
        "friend": rng.choice(_FRIENDS),
    }
    return _article(story.format(**parts))


def words() -> frozenset[str]:
    """Every word a story may use; the evaluation reads stories against it."""
    everything = " ".join(
        (
            *_PLOTS,
            *_ENDS,
            *_NAMES,
            *_TRAITS,
            *_PLACES,
            *_THINGS,
            *_FRIENDS,
            *_WEATHERS,
            *HEROES,
            *HELD_OUT_HEROES,
            "an An",
        )
    )
    return frozenset("".join(c if c.isalpha() else " " for c in everything.lower()).split())


def exchange(rng: random.Random, split: Split) -> Exchange:
    """A story, mostly about something the user names."""
    if rng.random() < 0.3:
        hero = rng.choice(HEROES)
        return Exchange(ANY.say(rng, split), tell(rng, hero), "The user wants a story.", ())
    hero = rng.choice(HEROES if split is Split.TRAIN else HEROES[::4] + HELD_OUT_HEROES)
    if split is Split.TRAIN and rng.random() < 0.5:
        hero = made_up(rng, (1, 2)).lower() if rng.random() < 0.5 else rng.choice(_MORE_HEROES)
    return Exchange(
        _article(ABOUT.say(rng, split, x=hero)),
        tell(rng, hero),
        f"The user wants a story about {'an' if hero[0] in 'aeiou' else 'a'} {hero}.",
        (hero,),
    )
