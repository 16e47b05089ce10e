"""Calling tools: what to ask, which call follows, what comes back, and the answer made from it."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass

from bundler.demo.abilities import arithmetic, toolbox
from bundler.demo.abilities.toolbox import Kind, Offer
from bundler.demo.core import Call, Exchange, Split
from bundler.demo.facts import CITIES, HELD_OUT_CITIES
from bundler.demo.grammar import Phrases, coin

WEATHER = Phrases(
    train=(
        "what('s| is) the weather( like|) in {c}( today| now|)?", "how is the weather in {c}( today| now|)?", "weather in {c}( please|)?", "is it (raining|sunny|cold|warm|snowing|hot) in {c}?", "(tell me|check|give me|get|show me) the weather in {c}", "what is the temperature in {c}?", "how (warm|cold|hot) is it in {c}?",
        "{c} weather?", "what's it like in {c} today?", "do you know the weather in {c}?", "will it rain in {c}?", "i am going to {c}, how is the weather?", "look up the weather (in|for) {c}", "current weather in {c}", "what is the forecast for {c}?", "weather for {c}",
    ),
    held_out=("can you tell me the weather in {c}?", "what weather do they have in {c}?", "how is the weather over in {c} right now?", "i am in {c}. do i need a coat?", "is there rain in {c} now?", "please find out the weather in {c}", "i would like to know the weather in {c}", "could you check what the weather is in {c}?"),
)  # fmt: skip
CLOCK = Phrases(
    train=(
        "what time is it in {c}( now|)?", "what('s| is) the( current| local|) time in {c}?", "(tell me|check|give me|get|show me) the time in {c}", "time in {c}( please|)?", "how late is it in {c}?", "{c} time?", "do you know the time in {c}?", "is it (late|early|night|morning) in {c}?", "look up the time in {c}", "current time in {c}",
        "i want to call {c}, what time is it there?",
    ),
    held_out=("can you tell me what time it is in {c}?", "what does the clock say in {c}?", "please find out the time in {c}", "which time do they have in {c}?", "could you check the time in {c}?", "i would like to know the time in {c}"),
)  # fmt: skip
HERE_CLOCK = Phrases(
    train=("what('s| is) the( current|) time( now|)?", "what time is it( now|)?", "tell me the time", "time please", "do you know what time it is?", "how late is it?", "check the (time|clock)", "current time?"),
    held_out=("can you tell me what time it is?", "do you have the time?", "what does the clock say?", "please look at the clock"),
)  # fmt: skip
TIMER = Phrases(
    train=("set (a|the) (timer|alarm) (for|to) {n} minutes", "start a {n} minute timer", "(wake|remind|call) me in {n} minutes", "timer {n} minutes", "start a timer for {n} minutes", "{n} minutes timer please", "set a timer: {n} minutes"),
    held_out=("please set a timer of {n} minutes", "i need a timer for {n} minutes", "can you start a countdown of {n} minutes?"),
)  # fmt: skip
SEARCH = Phrases(
    train=("search( the web|) for {q}", "(google|look up|search) {q}", "find (information|something|pages) about {q}", "search the internet for {q}", "can you look up {q}( for me|)?", "what does the web say about {q}?", "use the search for {q}"),
    held_out=("please search for {q} online", "look {q} up on the web", "could you do a search for {q}?"),
)  # fmt: skip
DICE = Phrases(
    train=("roll (a|the) (die|dice)", "throw (a|the) (die|dice)", "roll a die for me", "can you roll a die?", "give me a dice roll", "dice please", "roll"),
    held_out=("please roll the dice for me", "would you throw a die?", "i want you to roll a die"),
)  # fmt: skip
AGAIN = Phrases(
    train=("and in {c}?", "what about {c}?", "and {c}?", "how about {c}?", "now {c}", "and what about {c}?", "same for {c}", "{c}?"),
    held_out=("and how about {c}?", "now the same for {c}", "okay, and in {c}?", "tell me for {c} too"),
)  # fmt: skip
TWO_WEATHERS = Phrases(
    train=("what('s| is) the weather( like|) in {c} and( in|) {d}?", "how is the weather in {c} and {d}?", "weather in {c} and {d}?", "(tell me|check|get|compare) the weather in {c} and( in|) {d}", "is it (warmer|colder) in {c} or in {d}?", "weather for {c} and for {d}", "how (warm|cold) is it in {c} and in {d}?"),
    held_out=("can you tell me the weather in both {c} and {d}?", "what weather do they have in {c} and in {d}?", "i need the weather for {c} and also for {d}", "please find out the weather in {c} and {d}"),
)  # fmt: skip
TWO_CLOCKS = Phrases(
    train=("what time is it in {c} and( in|) {d}?", "what('s| is) the time in {c} and( in|) {d}?", "(tell me|check|get) the time in {c} and( in|) {d}", "time in {c} and {d}?"),
    held_out=("can you tell me what time it is in both {c} and {d}?", "i need the time for {c} and also for {d}", "please find out the time in {c} and {d}"),
)  # fmt: skip
BOTH = Phrases(
    train=("what('s| is) the (weather and the time|weather and time) in {c}?", "(tell me|check|get) the weather and the time in {c}", "how is the weather in {c} and what time is it( there|)?", "weather and time in {c}?", "what is the weather in {c} and what time is it in {d}?", "weather in {c} and time in {d}, please"),
    held_out=("i need both the weather and the time for {c}", "can you give me the weather in {c}, and also the time there?", "find out the weather in {c} and the time in {d}"),
)  # fmt: skip
MIXED = Phrases(
    train=("what('s| is) {s} and (what is |)the weather in {c}?", "calculate {s} and tell me the weather in {c}", "how much is {s}, and how is the weather in {c}?", "{s} and the weather in {c}, please"),
    held_out=("please work out {s} and check the weather in {c}", "i need {s} and the weather for {c}"),
)  # fmt: skip

_SKIES = ("sunny", "cloudy", "rainy", "windy", "snowy", "foggy", "clear", "stormy", "overcast", "hazy")
_QUERIES = ("cheap flights", "pasta recipes", "the news", "red shoes", "the history of tea", "llama pictures", "used cars", "good books", "train times", "how to fix a bike", "garden tools", "jazz music", "the best pizza", "cat videos", "football results", "old maps", "learning to swim", "blue paint", "hotels by the sea", "chess rules")
_HELD_OUT_QUERIES = ("winter coats", "guitar lessons", "the price of eggs", "film reviews")
_SNIPPETS = ("Three pages found.", "No results.", "Opening hours: nine to five.", "The shop is in the old town.", "Prices start at ten euros.", "It is closed on Sundays.", "The best time is in spring.", "There are two kinds of it.", "It was built long ago.", "Ask at the front desk.")
_ERRORS = ("city not found", "service unavailable", "timeout", "invalid input", "access denied", "unknown place", "too many requests", "network error")


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
    name = rng.choice(CITIES) if rng.random() < 0.6 else coin(rng)
    return name.lower() if rng.random() < 0.15 else name


def _error(rng: random.Random) -> tuple[str, str]:
    error = rng.choice(_ERRORS)
    result = rng.choice((json.dumps({"error": error}), f"Error: {error}", f"error: {error}", json.dumps({"status": "error", "message": error})))
    return result, f"The tool reported an error: {error}."


def weather_result(rng: random.Random, split: Split, place: str) -> tuple[str, str, tuple[str, ...]]:
    """What a weather service might send, and what to say."""
    degrees, sky = rng.randint(-15, 42), rng.choice(_SKIES)
    train: tuple[Callable[[], str], ...] = (
        lambda: json.dumps({"temperature": degrees, "condition": sky}), lambda: json.dumps({"temp_c": degrees, "sky": sky}), lambda: json.dumps({"city": place, "temperature": degrees, "conditions": sky}, ensure_ascii=False),
        lambda: json.dumps({"condition": sky, "temperature": degrees, "unit": "celsius"}), lambda: f"{sky}, {degrees} °C", lambda: f"{degrees} degrees and {sky}", lambda: f"{sky.capitalize()}, {degrees}°C", lambda: f"{place}: {degrees}C, {sky}",
        lambda: json.dumps({"location": place, "weather": {"temp": degrees, "description": sky}}, ensure_ascii=False), lambda: json.dumps({"temp": degrees, "weather": sky, "humidity": rng.randint(20, 95)}), lambda: f"It is {sky} with {degrees} degrees.",
        lambda: json.dumps({"temperature": f"{degrees}°C", "condition": sky}, ensure_ascii=False), lambda: json.dumps({"forecast": sky, "temperature_celsius": degrees}),
    )  # fmt: skip
    held_out: tuple[Callable[[], str], ...] = (
        lambda: json.dumps({"sky": sky, "temperature": degrees}), lambda: json.dumps({"place": place, "temp": degrees, "condition": sky}, ensure_ascii=False), lambda: f"{sky} and {degrees} degrees", lambda: f"{place}: {sky}, {degrees} °C",
    )  # fmt: skip
    sentence = f"In {place} it is {sky} and {degrees} degrees."
    return rng.choice(train if split is Split.TRAIN else held_out)(), sentence, (sky, str(degrees), place)


def clock_result(rng: random.Random, split: Split, place: str) -> tuple[str, str, tuple[str, ...]]:
    """What a clock might send, and what to say."""
    time = f"{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}"
    where = f" in {place}" if place else ""
    train = [time, json.dumps({"time": time}), json.dumps({"local_time": time}), f"It is {time}.", json.dumps({"time": time, "timezone": "UTC"}), f"{time} local time", json.dumps({"hour": time, "date": f"2026-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"})]
    held_out = [json.dumps({"current_time": time}), f"The time is {time}.", f"{time}, local time"]
    if place:
        train += [json.dumps({"city": place, "time": time}, ensure_ascii=False), f"{place}: {time}"]
        held_out += [json.dumps({"place": place, "time": time}, ensure_ascii=False), f"{time} in {place}"]
    return rng.choice(train if split is Split.TRAIN else held_out), f"It is {time}{where}.", (time,)


def _place_job(rng: random.Random, split: Split, offer: Offer, place: str, user: str) -> Job:
    result, sentence, must = (weather_result if offer.kind is toolbox.WEATHER else clock_result)(rng, split, place)
    need = "weather" if offer.kind is toolbox.WEATHER else "time"
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


def _number_result(rng: random.Random, split: Split, expression: str, value: int) -> str:
    train = (str(value), json.dumps({"result": value}), json.dumps({"value": value}), f"{expression} = {value}", json.dumps({"expression": expression, "result": value}), f"The result is {value}.", json.dumps({"answer": value}))
    held_out = (json.dumps({"output": value}), f"Result: {value}", json.dumps({"result": str(value)}))
    return rng.choice(train if split is Split.TRAIN else held_out)


_BINARY = {"+": arithmetic.PLUS, "-": arithmetic.MINUS, "*": arithmetic.TIMES}


def job(rng: random.Random, split: Split, offer: Offer) -> Job:
    """A question that needs this tool, the call, a result and its sentence."""
    kind = offer.kind
    if kind in (toolbox.WEATHER, toolbox.CLOCK):
        place = city(rng, split)
        return _place_job(rng, split, offer, place, (WEATHER if kind is toolbox.WEATHER else CLOCK).say(rng, split, c=place))
    if kind is toolbox.HERE_CLOCK:
        result, sentence, must = clock_result(rng, split, "")
        return Job(HERE_CLOCK.say(rng, split), Call(offer.name, {}), result, sentence, must, "the time")
    if kind is toolbox.TIMER:
        minutes = rng.randint(1, 90)
        result = rng.choice(("ok", "done", json.dumps({"status": "ok"}), json.dumps({"ok": True}), "Timer started."))
        return Job(TIMER.say(rng, split, n=minutes), Call(offer.name, {offer.arguments[0]: minutes}), result, f"Done: the timer is set for {minutes} minutes.", (str(minutes),), "a timer")
    if kind is toolbox.SEARCH:
        query = rng.choice(_QUERIES if split is Split.TRAIN else _HELD_OUT_QUERIES)
        if split is Split.TRAIN and rng.random() < 0.4:
            query = " ".join(coin(rng, (1, 2)).lower() for _ in range(rng.randint(1, 3)))
        snippet = rng.choice(_SNIPPETS)
        result = rng.choice((snippet, json.dumps({"result": snippet}), json.dumps([{"text": snippet}])))
        return Job(SEARCH.say(rng, split, q=query), Call(offer.name, {offer.arguments[0]: query}), result, f"I found this: {snippet}", (snippet,), "a search")
    if kind is toolbox.DICE:
        value = rng.randint(1, 6)
        return Job(DICE.say(rng, split), Call(offer.name, {}), rng.choice((str(value), json.dumps({"result": value}))), f"You rolled a {value}.", (str(value),), "a die")
    operations = arithmetic.OPERATIONS if kind is toolbox.CALCULATOR else (_BINARY[kind.label],)
    typed, expression, value, a, b = _sum(rng, operations)
    asked = operations[0].asked if len(operations) == 1 and rng.random() < 0.4 else arithmetic.PLAIN
    user = asked.say(rng, split, sum=typed, a=a, b=b)
    arguments = {offer.arguments[0]: expression} if kind is toolbox.CALCULATOR else {offer.arguments[0]: a, offer.arguments[1]: b}
    return Job(user, Call(offer.name, arguments), _number_result(rng, split, expression, value), f"{expression} = {value}.", (f"= {value}",), expression)


def _exchange(rng: random.Random, user: str, jobs: list[Job]) -> Exchange:
    results, sentences, musts = [], [], []
    failed = rng.random() < 0.06
    for one in jobs:
        result, sentence = _error(rng) if failed else (one.result, one.sentence)
        results.append(result)
        sentences.append(sentence)
        musts.extend(() if failed else one.must)
    if failed:
        musts = ["error"]
    need = " and ".join(one.need for one in jobs)
    return Exchange(
        user, " ".join(dict.fromkeys(sentences)), f"I need {need}. I call the tool{'s' if len(jobs) > 1 else ''}.", tuple(musts),
        calls=tuple(one.call for one in jobs), results=tuple(results), thought_after="The tool failed." if failed else "I have the result.",
    )  # fmt: skip


def one_call(rng: random.Random, split: Split, offer: Offer) -> Exchange:
    """One question, one call."""
    one = job(rng, split, offer)
    return _exchange(rng, one.user, [one])


def again(rng: random.Random, split: Split, offer: Offer) -> Exchange:
    """`And in Rome?`: the same call for another place."""
    place = city(rng, split)
    user = AGAIN.say(rng, split, c=place)
    return _exchange(rng, user, [_place_job(rng, split, offer, place, user)])


def two_calls(rng: random.Random, split: Split, weather: Offer, clock: Offer, calculator: Offer) -> Exchange:
    """One question that needs two calls at once."""
    c = city(rng, split)
    d = city(rng, split)
    while d == c:
        d = city(rng, split)
    kind = rng.random()
    if kind < 0.35:
        user, pairs = TWO_WEATHERS.say(rng, split, c=c, d=d), [(weather, c), (weather, d)]
    elif kind < 0.6:
        user, pairs = TWO_CLOCKS.say(rng, split, c=c, d=d), [(clock, c), (clock, d)]
    elif kind < 0.85:
        user = BOTH.say(rng, split, c=c, d=d)
        pairs = [(weather, c), (clock, d if d in user else c)]
    else:
        typed, expression, value, _, _ = _sum(rng, arithmetic.OPERATIONS)
        user = MIXED.say(rng, split, s=typed, c=c)
        first = Job(user, Call(calculator.name, {calculator.arguments[0]: expression}), _number_result(rng, split, expression, value), f"{expression} = {value}.", (f"= {value}",), expression)
        return _exchange(rng, user, [first, _place_job(rng, split, weather, c, user)])
    return _exchange(rng, user, [_place_job(rng, split, offer, place, user) for offer, place in pairs])


def kinds() -> tuple[Kind, ...]:
    """Everything that can be called."""
    return (*toolbox.CALLED, toolbox.HERE_CLOCK)
