"""What tools send back, in the many shapes that services have, and the sentence that tells it."""

import json
import random
from collections.abc import Callable

from bundler.demo.core import Split

_SKIES = ("sunny", "cloudy", "rainy", "windy", "snowy", "foggy", "clear", "stormy", "overcast", "hazy")
SNIPPETS = (
    "Three pages found.",
    "No results.",
    "Opening hours: nine to five.",
    "The shop is in the old town.",
    "Prices start at ten euros.",
    "It is closed on Sundays.",
    "The best time is in spring.",
    "There are two kinds of it.",
    "It was built long ago.",
    "Ask at the front desk.",
)
_ERRORS = (
    "city not found",
    "service unavailable",
    "timeout",
    "invalid input",
    "access denied",
    "unknown place",
    "too many requests",
    "network error",
)


def error_message(rng: random.Random) -> tuple[str, str]:
    """A failure, and how to own up to it."""
    error = rng.choice(_ERRORS)
    result = rng.choice(
        (
            json.dumps({"error": error}),
            f"Error: {error}",
            f"error: {error}",
            json.dumps({"status": "error", "message": error}),
        )
    )
    return result, f"The tool reported an error: {error}."


def weather(rng: random.Random, split: Split, place: str) -> tuple[str, str, tuple[str, ...]]:
    """What a weather service might send, and what to say."""
    degrees, sky = rng.randint(-15, 42), rng.choice(_SKIES)
    train: tuple[Callable[[], str], ...] = (
        lambda: json.dumps({"temperature": degrees, "condition": sky}),
        lambda: json.dumps({"temp_c": degrees, "sky": sky}),
        lambda: json.dumps({"city": place, "temperature": degrees, "conditions": sky}, ensure_ascii=False),
        lambda: json.dumps({"condition": sky, "temperature": degrees, "unit": "celsius"}),
        lambda: f"{sky}, {degrees} °C", lambda: f"{degrees} degrees and {sky}",
        lambda: f"{sky.capitalize()}, {degrees}°C", lambda: f"{place}: {degrees}C, {sky}",
        lambda: json.dumps(
            {"location": place, "weather": {"temp": degrees, "description": sky}}, ensure_ascii=False
        ),
        lambda: json.dumps({"temp": degrees, "weather": sky, "humidity": rng.randint(20, 95)}),
        lambda: f"It is {sky} with {degrees} degrees.",
        lambda: json.dumps({"temperature": f"{degrees}°C", "condition": sky}, ensure_ascii=False),
        lambda: json.dumps({"forecast": sky, "temperature_celsius": degrees}),
    )  # fmt: skip
    held_out: tuple[Callable[[], str], ...] = (
        lambda: json.dumps({"sky": sky, "temperature": degrees}),
        lambda: json.dumps({"place": place, "temp": degrees, "condition": sky}, ensure_ascii=False),
        lambda: f"{sky} and {degrees} degrees", lambda: f"{place}: {sky}, {degrees} °C",
    )  # fmt: skip
    sentence = f"In {place} it is {sky} and {degrees} degrees."
    return rng.choice(train if split is Split.TRAIN else held_out)(), sentence, (sky, str(degrees), place)


def clock(rng: random.Random, split: Split, place: str) -> tuple[str, str, tuple[str, ...]]:
    """What a clock might send, and what to say."""
    time = f"{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}"
    where = f" in {place}" if place else ""
    train = [
        time,
        json.dumps({"time": time}),
        json.dumps({"local_time": time}),
        f"It is {time}.",
        json.dumps({"time": time, "timezone": "UTC"}),
        f"{time} local time",
        json.dumps({"hour": time, "date": f"2026-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"}),
    ]
    held_out = [json.dumps({"current_time": time}), f"The time is {time}.", f"{time}, local time"]
    if place:
        train += [json.dumps({"city": place, "time": time}, ensure_ascii=False), f"{place}: {time}"]
        held_out += [json.dumps({"place": place, "time": time}, ensure_ascii=False), f"{time} in {place}"]
    return rng.choice(train if split is Split.TRAIN else held_out), f"It is {time}{where}.", (time,)


def number(rng: random.Random, split: Split, expression: str, value: int) -> str:
    """A calculator's answer."""
    train = (
        str(value),
        json.dumps({"result": value}),
        json.dumps({"value": value}),
        f"{expression} = {value}",
        json.dumps({"expression": expression, "result": value}),
        f"The result is {value}.",
        json.dumps({"answer": value}),
    )
    held_out = (json.dumps({"output": value}), f"Result: {value}", json.dumps({"result": str(value)}))
    return rng.choice(train if split is Split.TRAIN else held_out)
