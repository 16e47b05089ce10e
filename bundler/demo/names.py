"""Made-up proper names: copying them cannot be memorised, only learned."""

import random

_ONSETS = (
    "b",
    "br",
    "c",
    "d",
    "dr",
    "f",
    "g",
    "h",
    "j",
    "k",
    "l",
    "m",
    "n",
    "p",
    "r",
    "s",
    "st",
    "t",
    "v",
    "w",
    "z",
)
_VOWELS = ("a", "e", "i", "o", "u", "ia", "ai", "ou")
_CODAS = ("", "", "", "n", "l", "r", "s", "m", "nd", "x", "th")


def coin(rng: random.Random, syllables: tuple[int, int] = (2, 3)) -> str:
    """A made-up proper name: copying it cannot be memorised, only learned."""
    count = rng.randint(*syllables)
    word = "".join(rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(count)) + rng.choice(_CODAS)
    return word.capitalize()


_LETTERS_TEXT = """
b c d f g h j k l m n p q r s t v w x y z bl br ch cl cr dm dr fl fr gh gl gr kl kn kr ll ng nk ph pl pr qu rh
sc sh sk sl sm sn sp st str sv th tr ts tz vl wh wr zh
"""
_LETTERS = tuple(_LETTERS_TEXT.split())
_SOUNDS_TEXT = """
a e i o u y aa ae ai ao au ay ea ee ei eo eu ey ia ie io iu oa oe oi oo ou ow oy ua ue ui uo ya yo yu
"""
_SOUNDS = tuple(_SOUNDS_TEXT.split())
_CLOSES_TEXT = """
b ck d f g k l ll ld lm ln lt m n nd ng nk nn nt nth p pt r rd rg rk rl rm rn rs rt s sh sk ss st t th ts tt v w
x z
"""
_CLOSES = tuple(_CLOSES_TEXT.split())


def strange(rng: random.Random) -> str:
    """A made-up name of any sounds at all, for training only: whoever can copy this copies `Ljubljana`."""
    word = rng.choice(("", "", rng.choice(_SOUNDS)))
    for _ in range(rng.choice((1, 2, 2, 2, 3))):
        word += rng.choice(_LETTERS) + rng.choice(_SOUNDS) + (rng.choice(_CLOSES) if rng.random() < 0.4 else "")
    return word.capitalize()


def made_up(rng: random.Random, syllables: tuple[int, int] = (2, 3)) -> str:
    """A made-up name for training: simple or strange."""
    return coin(rng, syllables) if rng.random() < 0.4 else strange(rng)
