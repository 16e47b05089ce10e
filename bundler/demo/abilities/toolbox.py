"""Tool schemas in many disguises, so that the model reads the offered list instead of remembering one."""

import random
from dataclasses import dataclass

from bundler.demo.abilities.tool_kinds import Kind
from bundler.demo.abilities.tool_names import composed, described, half_sensible, senseless
from bundler.demo.core import Split, Tool


@dataclass(frozen=True)
class Offer:
    """A tool as offered in one conversation, and what its parameters are called there."""

    kind: Kind
    name: str
    arguments: tuple[str, ...]
    schema: Tool


# Never called; they only stand in the list.
_IDLE: tuple[tuple[str, str, str], ...] = (
    ("send_email", "Send an email.", "recipient"), ("translate", "Translate a text.", "text"),
    ("play_music", "Play a song.", "title"), ("create_event", "Create a calendar event.", "title"),
    ("read_file", "Read a file.", "path"), ("write_file", "Write a file.", "path"),
    ("get_stock_price", "Get the price of a stock.", "symbol"),
    ("book_flight", "Book a flight.", "destination"), ("get_news", "Get the latest news.", "topic"),
    ("convert_currency", "Convert money.", "amount"), ("find_restaurant", "Find a restaurant.", "food"),
    ("turn_on_light", "Turn on a light.", "room"),
    ("open_door", "Open a door.", "door"), ("get_user", "Get a user by id.", "user_id"),
    ("delete_file", "Delete a file.", "path"), ("take_photo", "Take a photo.", "camera"),
    ("call_phone", "Call a phone number.", "number"), ("order_pizza", "Order a pizza.", "size"),
)  # fmt: skip


def _schema(rng: random.Random, name: str, description: str, properties: dict[str, Tool], required: list[str]) -> Tool:
    parameters: Tool = {"type": "object", "properties": properties}
    if required or rng.random() < 0.5:
        parameters["required"] = required
    if rng.random() < 0.12:
        parameters["additionalProperties"] = False
    function: Tool = {"name": name, "description": description, "parameters": parameters}
    if not description:
        del function["description"]
    if rng.random() < 0.12:
        function = dict(sorted(function.items()))
        function["parameters"] = dict(sorted(parameters.items()))
    return {"type": "function", "function": function}


def offer(rng: random.Random, split: Split, kind: Kind, invented: float = 0.0) -> Offer:
    """Offer a tool of this kind under one of its names, or (in training) an invented one."""
    held_out = split is Split.HELD_OUT
    name = rng.choice(kind.held_out_names if held_out and rng.random() < 0.6 else kind.names)
    description = rng.choice(kind.held_out_descriptions if held_out and rng.random() < 0.6 else kind.descriptions)
    if rng.random() < 0.05:
        description = ""
    invents = bool(invented) and not held_out
    if invents and rng.random() < invented:
        style = rng.random()
        if style < 0.6:
            name = composed(rng, kind)
        else:
            name = half_sensible(rng, name) if not description or style < 0.8 else senseless(rng)
    if invents and description and rng.random() < invented:
        description = described(rng, kind)
    arguments: list[str] = []
    properties: dict[str, Tool] = {}
    for parameter in kind.parameters:
        argument = rng.choice([n for n in parameter.names if n not in arguments])
        if invents and rng.random() < invented / 2:
            argument = senseless(rng)
        arguments.append(argument)
        properties[argument] = {"type": parameter.type}
        if rng.random() < 0.6:
            properties[argument]["description"] = rng.choice(parameter.descriptions)
    required = list(arguments)
    if kind.label == "weather" and rng.random() < 0.15:
        properties[rng.choice(("unit", "units"))] = {"type": "string", "enum": ["celsius", "fahrenheit"]}
    return Offer(kind, name, tuple(arguments), _schema(rng, name, description, properties, required))


def idle(rng: random.Random, count: int) -> list[Tool]:
    """Tools that are not needed."""
    tools = []
    for name, description, argument in rng.sample(_IDLE, count):
        properties = {argument: {"type": "string"}} if rng.random() < 0.8 else {}
        tools.append(_schema(rng, name, description, properties, list(properties)))
    return tools
