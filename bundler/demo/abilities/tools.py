"""Calling tools: what is asked, which call follows, what comes back, and the answer made from it."""

import json
import random
from dataclasses import dataclass

from bundler.demo.abilities import arithmetic, tool_kinds, tool_questions, tool_results
from bundler.demo.abilities.tool_kinds import Kind
from bundler.demo.abilities.toolbox import Offer
from bundler.demo.core import Call, Exchange, Split
from bundler.demo.facts import CITIES, HELD_OUT_CITIES
from bundler.demo.names import made_up

_QUERIES = (
    "cheap flights",
    "pasta recipes",
    "the news",
    "red shoes",
    "the history of tea",
    "llama pictures",
    "used cars",
    "good books",
    "train times",
    "how to fix a bike",
    "garden tools",
    "jazz music",
    "the best pizza",
    "cat videos",
    "football results",
    "old maps",
    "learning to swim",
    "blue paint",
    "hotels by the sea",
    "chess rules",
)
_HELD_OUT_QUERIES = ("winter coats", "guitar lessons", "the price of eggs", "film reviews")


@dataclass(frozen=True)
class Job:
    """One call with its possible result and the sentence that tells it."""

    user: str
    call: Call
    result: str
    sentence: str
    must: tuple[str, ...]
    need: str


def city(rng: random.Random, split: Split) -> str:
    """A city to ask about; made-up ones force real copying."""
    if split is Split.HELD_OUT:
        return rng.choice(HELD_OUT_CITIES)
    name = rng.choice(CITIES) if rng.random() < 0.5 else made_up(rng)
    return name.lower() if rng.random() < 0.15 else name


def _place_job(rng: random.Random, split: Split, offer: Offer, place: str, user: str) -> Job:
    result, sentence, must = (tool_results.weather if offer.kind is tool_kinds.WEATHER else tool_results.clock)(
        rng, split, place
    )
    need = "weather" if offer.kind is tool_kinds.WEATHER else "time"
    return Job(user, Call(offer.name, {offer.arguments[0]: place}), result, sentence, must, f"the {need} in {place}")


def _sum(rng: random.Random, operations: tuple[arithmetic.Operation, ...]) -> tuple[str, str, int, int, int]:
    """A sum as written by a user and as a calculator wants it."""
    operation = rng.choice(operations)
    top = rng.choice((20, 99, 99, 999, 9999))
    a, b = rng.randint(2, top), rng.randint(2, top)
    if operation is arithmetic.OVER:
        b = rng.randint(2, 30)
        a = b * rng.randint(2, 60)
    return arithmetic.written(rng, operation, a, b), f"{a} {operation.sign} {b}", operation.apply(a, b), a, b


_BINARY = {"+": arithmetic.PLUS, "-": arithmetic.MINUS, "*": arithmetic.TIMES}


def job(rng: random.Random, split: Split, offer: Offer) -> Job:
    """A question that needs this tool, the call, a result and its sentence."""
    kind = offer.kind
    if kind in (tool_kinds.WEATHER, tool_kinds.CLOCK):
        place = city(rng, split)
        return _place_job(
            rng,
            split,
            offer,
            place,
            (tool_questions.WEATHER if kind is tool_kinds.WEATHER else tool_questions.CLOCK).say(rng, split, c=place),
        )
    if kind is tool_kinds.HERE_CLOCK:
        result, sentence, must = tool_results.clock(rng, split, "")
        return Job(
            tool_questions.HERE_CLOCK.say(rng, split),
            Call(offer.name, {}),
            result,
            sentence,
            must,
            "the time",
        )
    if kind is tool_kinds.TIMER:
        minutes = rng.randint(1, 90)
        result = rng.choice(("ok", "done", json.dumps({"status": "ok"}), json.dumps({"ok": True}), "Timer started."))
        return Job(
            tool_questions.TIMER.say(rng, split, n=minutes),
            Call(offer.name, {offer.arguments[0]: minutes}),
            result,
            f"Done: the timer is set for {minutes} minutes.",
            (str(minutes),),
            "a timer",
        )
    if kind is tool_kinds.SEARCH:
        query = rng.choice(_QUERIES if split is Split.TRAIN else _HELD_OUT_QUERIES)
        if split is Split.TRAIN and rng.random() < 0.4:
            query = " ".join(made_up(rng, (1, 2)).lower() for _ in range(rng.randint(1, 3)))
        snippet = rng.choice(tool_results.SNIPPETS)
        result = rng.choice((snippet, json.dumps({"result": snippet}), json.dumps([{"text": snippet}])))
        return Job(
            tool_questions.SEARCH.say(rng, split, q=query),
            Call(offer.name, {offer.arguments[0]: query}),
            result,
            f"I found this: {snippet}",
            (snippet,),
            "a search",
        )
    if kind is tool_kinds.DICE:
        value = rng.randint(1, 6)
        return Job(
            tool_questions.DICE.say(rng, split),
            Call(offer.name, {}),
            rng.choice((str(value), json.dumps({"result": value}))),
            f"You rolled a {value}.",
            (str(value),),
            "a die",
        )
    operations = arithmetic.OPERATIONS if kind is tool_kinds.CALCULATOR else (_BINARY[kind.label],)
    typed, expression, value, a, b = _sum(rng, operations)
    asked = operations[0].asked if len(operations) == 1 and rng.random() < 0.4 else arithmetic.PLAIN
    user = asked.say(rng, split, sum=typed, a=a, b=b)
    arguments = (
        {offer.arguments[0]: expression}
        if kind is tool_kinds.CALCULATOR
        else {offer.arguments[0]: a, offer.arguments[1]: b}
    )
    return Job(
        user,
        Call(offer.name, arguments),
        tool_results.number(rng, split, expression, value),
        f"{expression} = {value}.",
        (f"= {value}",),
        expression,
    )


def _exchange(rng: random.Random, user: str, jobs: list[Job]) -> Exchange:
    results: list[str] = []
    sentences: list[str] = []
    musts: list[str] = []
    failed = rng.random() < 0.06
    for one in jobs:
        result, sentence = tool_results.error_message(rng) if failed else (one.result, one.sentence)
        results.append(result)
        sentences.append(sentence)
        musts.extend(() if failed else one.must)
    if failed:
        musts = ["error"]
    need = " and ".join(one.need for one in jobs)
    return Exchange(
        user, " ".join(dict.fromkeys(sentences)),
        f"I need {need}. I call the tool{'s' if len(jobs) > 1 else ''}.", tuple(musts),
        calls=tuple(one.call for one in jobs), results=tuple(results),
        thought_after="The tool failed." if failed else "I have the result.",
    )  # fmt: skip


def one_call(rng: random.Random, split: Split, offer: Offer) -> Exchange:
    """One question, one call."""
    one = job(rng, split, offer)
    return _exchange(rng, one.user, [one])


def again(rng: random.Random, split: Split, offer: Offer) -> Exchange:
    """`And in Rome?`: the same call for another place."""
    place = city(rng, split)
    user = tool_questions.AGAIN.say(rng, split, c=place)
    return _exchange(rng, user, [_place_job(rng, split, offer, place, user)])


def asked_back(rng: random.Random, split: Split, offer: Offer) -> tuple[Exchange, Exchange]:
    """The weather, but where? It asks, the user answers, and then it calls."""
    question = Exchange(
        tool_questions.NO_PLACE.say(rng, split),
        "For which city?",
        "I need a city for the weather tool.",
        ("which city",),
    )
    place = city(rng, split)
    user = tool_questions.THERE.say(rng, split, c=place)
    return question, _exchange(rng, user, [_place_job(rng, split, offer, place, user)])


def two_calls(rng: random.Random, split: Split, weather: Offer, clock: Offer, calculator: Offer) -> Exchange:
    """One question that needs two calls at once."""
    c = city(rng, split)
    d = city(rng, split)
    while d == c:
        d = city(rng, split)
    kind = rng.random()
    if kind < 0.35:
        user, pairs = tool_questions.TWO_WEATHERS.say(rng, split, c=c, d=d), [(weather, c), (weather, d)]
    elif kind < 0.6:
        user, pairs = tool_questions.TWO_CLOCKS.say(rng, split, c=c, d=d), [(clock, c), (clock, d)]
    elif kind < 0.85:
        user = tool_questions.BOTH.say(rng, split, c=c, d=d)
        pairs = [(weather, c), (clock, d if d in user else c)]
    else:
        typed, expression, value, _, _ = _sum(rng, arithmetic.OPERATIONS)
        user = tool_questions.MIXED.say(rng, split, s=typed, c=c)
        first = Job(
            user,
            Call(calculator.name, {calculator.arguments[0]: expression}),
            tool_results.number(rng, split, expression, value),
            f"{expression} = {value}.",
            (f"= {value}",),
            expression,
        )
        return _exchange(rng, user, [first, _place_job(rng, split, weather, c, user)])
    return _exchange(rng, user, [_place_job(rng, split, offer, place, user) for offer, place in pairs])


def kinds() -> tuple[Kind, ...]:
    """Everything that can be called."""
    return (*tool_kinds.CALLED, tool_kinds.HERE_CLOCK)
