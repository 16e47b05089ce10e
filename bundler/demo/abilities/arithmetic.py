"""Sums with numbers up to twenty; anything larger is declined (or given to a calculator, see `tools`)."""

import random
from dataclasses import dataclass

from bundler.demo.core import Exchange, Split
from bundler.demo.facts import NUMBER_WORDS
from bundler.demo.grammar import Phrases


@dataclass(frozen=True)
class Operation:
    """How one operation is written, spoken and asked for."""

    sign: str
    signs: tuple[str, ...]
    words: tuple[str, ...]
    asked: Phrases

    def apply(self, a: int, b: int) -> int:
        """The result."""
        return {"+": a + b, "-": a - b, "*": a * b, "/": a // b if b else 0}[self.sign]


PLUS = Operation("+", ("+",), ("plus", "and"), Phrases(
    train=(
        "add {a} and {b}", "add {b} to {a}", "what is the sum of {a} and {b}?",
        "how much is {a} and {b} together?", "sum of {a} and {b}",
        "if i have {a} apples and get {b} more, how many do i have?",
        "i have {a} coins and find {b} more. how many coins do i have?", "add {a} to {b}",
        "what do you get if you add {a} and {b}?",
        "there are {a} birds and {b} more come. how many birds are there?", "{a} and {b}, added?",
        "if i add {a} and {b}, what is it?", "when you add {a} to {b}, what comes out?", "the sum of {a} and {b}?",
        "put {a} and {b} together", "if you have {a} and add {b}, how much is it?",
    ),
    held_out=(
        "please add {a} and {b} together", "what do {a} and {b} make together?",
        "tell me the sum of {a} and {b}", "if you add {b} to {a}, what do you get?",
    ),
))  # fmt: skip
MINUS = Operation("-", ("-",), ("minus", "take away"), Phrases(
    train=(
        "subtract {b} from {a}", "take {b} from {a}", "what is {a} less {b}?",
        "what is the difference between {a} and {b}?", "if i have {a} apples and eat {b}, how many are left?",
        "take {b} away from {a}", "i have {a} coins and lose {b}. how many coins are left?",
        "what remains if you take {b} from {a}?", "if you take {b} from {a}, what is it?", "{b} taken from {a}?",
        "the difference between {a} and {b}?", "how much is left if you take {b} away from {a}?",
        "if i subtract {b} from {a}, what comes out?", "when {b} is taken away from {a}, what remains?",
    ),
    held_out=(
        "please subtract {b} from {a}", "what is left if i take {b} away from {a}?",
        "tell me the difference between {a} and {b}", "if you subtract {b} from {a}, what do you get?",
    ),
))  # fmt: skip
TIMES = Operation("*", ("*", "x", "×"), ("times", "multiplied by"), Phrases(  # noqa: RUF001 - people type the sign
    train=(
        "multiply {a} by {b}", "multiply {a} and {b}", "what is the product of {a} and {b}?",
        "how much is {a} multiplied by {b}?", "multiply {a} with {b}", "if i multiply {a} and {b}, what is it?",
        "when you multiply {a} by {b}, what comes out?", "the product of {a} and {b}?", "if you take {a} {b} times?",
    ),
    held_out=(
        "please multiply {a} with {b}", "tell me the product of {a} and {b}",
        "if you multiply {a} by {b}, what do you get?",
    ),
))  # fmt: skip
OVER = Operation("/", ("/", "÷", ":"), ("divided by", "over"), Phrases(
    train=("divide {a} by {b}", "how often does {b} fit into {a}?", "what is the quotient of {a} and {b}?",
           "if i divide {a} by {b}, what is it?", "when you divide {a} by {b}, what comes out?",
           "{a} divided into {b} parts?"),
    held_out=("please divide {a} by {b}", "if you divide {a} by {b}, what do you get?"),
))  # fmt: skip
OPERATIONS = (PLUS, MINUS, TIMES, OVER)

PLAIN = Phrases(
    train=(
        "what('s| is) {sum}?", "{sum}", "{sum} =", "{sum} = ?", "{sum}=", "how much is {sum}?",
        "calculate {sum}", "compute {sum}", "(tell me|solve|say) {sum}", "what does {sum} make?",
        "can you (calculate|compute|do) {sum}?",
        "do you know {sum}?", "what is the result of {sum}?", "i need to know {sum}", "{sum} is?",
        "{sum} equals?", "and {sum}?", "what does {sum} equal?", "work out {sum}", "maths: {sum}",
        "quick, {sum}?",
    ),
    held_out=(
        "how much does {sum} make?", "please work out {sum} for me", "could you tell me what {sum} is?",
        "what do you get for {sum}?", "the answer to {sum} is?", "i wonder what {sum} is",
        "solve this: {sum}", "give me the result of {sum}", "what would {sum} be?",
    ),
)  # fmt: skip

TOO_BIG = "I do not know: that is too big for me. I only do sums up to twenty."


def numbers(rng: random.Random, operation: Operation) -> tuple[int, int]:
    """Two numbers whose result, and themselves, stay within twenty."""
    while True:
        a, b = rng.randint(0, 20), rng.randint(0, 20)
        if operation is OVER and (b == 0 or a % b):
            continue
        if operation is TIMES and rng.random() < 0.5:
            a, b = rng.randint(1, 10), rng.randint(1, 10)
        if 0 <= operation.apply(a, b) <= 20:
            return a, b


def written(rng: random.Random, operation: Operation, a: int, b: int) -> str:
    """The sum as someone would type it: `7+5`, `7 + 5`, `7 plus 5`, `seven plus five`."""
    style = rng.random()
    if style < 0.5:
        space = " " if rng.random() < 0.6 else ""
        return f"{a}{space}{rng.choice(operation.signs)}{space}{b}"
    word = operation.words[0] if rng.random() < 0.8 else operation.words[-1]
    if style < 0.75 or max(a, b) > 20:
        return f"{a} {word} {b}"
    return f"{NUMBER_WORDS[a]} {word} {NUMBER_WORDS[b]}"


def exchange(rng: random.Random, split: Split) -> Exchange:
    """A sum it can do."""
    operation = rng.choices(OPERATIONS, (0.42, 0.3, 0.2, 0.08))[0]
    a, b = numbers(rng, operation)
    result = operation.apply(a, b)
    equation = f"{a} {operation.sign} {b} = {result}"
    if rng.random() < 0.25:
        in_words = rng.random() < 0.2
        user = operation.asked.say(
            rng, split, a=NUMBER_WORDS[a] if in_words else a, b=NUMBER_WORDS[b] if in_words else b
        )
    else:
        user = PLAIN.say(rng, split, sum=written(rng, operation, a, b))
    return Exchange(
        user, f"{equation}.", f"The user wants a sum. {equation}.", (f"= {result}.|{equation}",), str(result)
    )


def too_big(rng: random.Random, split: Split) -> Exchange:
    """A sum it should not pretend to do."""
    operation = rng.choice(OPERATIONS)
    a, b = rng.choice(((30, 99), (100, 999), (1000, 99999))), rng.choice(((21, 99), (100, 9999)))
    left, right = rng.randint(*a), rng.randint(*b)
    user = PLAIN.say(rng, split, sum=written(rng, operation, left, right))
    return Exchange(user, TOO_BIG, "These numbers are too big for me.", ("do not know|too big",), "Unknown")
