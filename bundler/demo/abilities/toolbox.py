"""Tool schemas in many disguises, so that the model reads the offered list instead of remembering one."""

import random
from dataclasses import dataclass

from bundler.demo.core import Split, Tool
from bundler.demo.grammar import coin


@dataclass(frozen=True)
class Parameter:
    """One parameter under its possible names."""

    names: tuple[str, ...]
    type: str
    descriptions: tuple[str, ...]


@dataclass(frozen=True)
class Kind:
    """One sort of tool: names and descriptions for training, others held out."""

    label: str
    names: tuple[str, ...]
    held_out_names: tuple[str, ...]
    descriptions: tuple[str, ...]
    held_out_descriptions: tuple[str, ...]
    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True)
class Offer:
    """A tool as offered in one conversation, and what its parameters are called there."""

    kind: Kind
    name: str
    arguments: tuple[str, ...]
    schema: Tool


def _names(verbs: tuple[str, ...], nouns: tuple[str, ...]) -> tuple[str, ...]:
    """`get_weather`, `getWeather`, `weather_lookup`, …"""
    snake = [f"{verb}_{noun}" for verb in verbs for noun in nouns]
    camel = ["".join(part if i == 0 else part.capitalize() for i, part in enumerate(name.split("_"))) for name in snake]
    return (*snake, *snake, *camel, *nouns)


PLACE = Parameter(
    ("city", "location", "place", "town", "city_name", "where", "area"),
    "string",
    (
        "The city",
        "City name",
        "The name of the city",
        "Name of the place",
        "Which city",
        "The location, e.g. Paris",
        "A city or town",
    ),
)
WEATHER = Kind(
    "weather",
    _names(
        ("get", "fetch", "check", "lookup", "read", "show"),
        ("weather", "current_weather", "forecast", "temperature", "weather_report"),
    ),
    ("find_weather", "weather_now", "queryWeather", "get_weather_for_city"),
    (
        "Get the weather for a city.", "Get the current weather in a given location",
        "Returns the weather of a place.", "Look up the current weather", "Weather for a city",
        "Tells the current temperature and sky in a town.", "Current weather conditions",
    ),
    ("Find out what the weather is like somewhere.", "Reports the weather in a city."),
    (PLACE,),
)  # fmt: skip
CLOCK = Kind(
    "clock",
    _names(
        ("get", "fetch", "check", "read", "tell", "show"),
        ("time", "current_time", "clock", "local_time", "time_in_city"),
    ),
    ("find_time", "time_now", "queryTime", "get_city_time"),
    (
        "Get the current time in a city.", "Returns the local time of a place.",
        "What time it is in a given location", "Current time", "Tells the time in a city.",
        "Look up the local time",
    ),
    ("Find out what time it is somewhere.", "Reports the time in a city."),
    (PLACE,),
)  # fmt: skip
HERE_CLOCK = Kind(
    "here clock", CLOCK.names, CLOCK.held_out_names,
    ("Get the current time.", "Returns the time now.", "What time it is", "Current time", "Tells the time."),
    ("Find out what time it is.", "Reports the time."),
)  # fmt: skip
CALCULATOR = Kind(
    "calculator",
    _names(
        ("run", "use", "get", "do"),
        ("calculator", "calculation", "math", "calculate", "calc", "compute", "evaluate"),
    ),
    ("math_eval", "solveExpression", "arithmetic", "calculate_result"),
    (
        "Evaluate an arithmetic expression.", "Calculates the result of an expression", "Do maths.",
        "A calculator", "Compute a mathematical expression and return the result.",
        "Evaluates a sum such as 2 + 2",
    ),
    ("Works out an arithmetic expression.", "Solve a calculation."),
    (
        Parameter(
            ("expression", "formula", "input", "query", "sum", "calculation", "expr"),
            "string",
            (
                "The expression", "Expression to evaluate", "What to calculate",
                "The calculation, e.g. 2 + 2", "A mathematical expression",
            ),
        ),
    ),
)  # fmt: skip
_LEFT = Parameter(("a", "x", "first", "left", "number1"), "integer", ("First number", "The first number", "A number"))
_RIGHT = Parameter(
    ("b", "y", "second", "right", "number2"),
    "integer",
    ("Second number", "The second number", "Another number"),
)


def _binary(label: str, verbs: tuple[str, ...], held_out: tuple[str, ...], gerund: str) -> Kind:
    return Kind(
        label,
        verbs,
        held_out,
        (f"{gerund} two numbers.", f"{gerund} two integers", f"{gerund} a and b"),
        (f"{gerund} one number and another.",),
        (_LEFT, _RIGHT),
    )


ADD = _binary("+", ("add", "add_numbers", "sum", "plus", "addNumbers"), ("sum_two",), "Add")
SUBTRACT = _binary("-", ("subtract", "minus", "subtract_numbers", "difference"), ("take_away",), "Subtract")
MULTIPLY = _binary("*", ("multiply", "times", "multiply_numbers", "product"), ("product_of",), "Multiply")
TIMER = Kind(
    "timer", _names(("set", "start", "create"), ("timer", "alarm", "countdown")), ("begin_timer",),
    ("Set a timer.", "Starts a timer for some minutes", "Set an alarm in a number of minutes"),
    ("Begins a countdown.",),
    (
        Parameter(
            ("minutes", "duration", "time_minutes", "length"),
            "integer",
            ("Minutes", "How many minutes", "Duration in minutes"),
        ),
    ),
)  # fmt: skip
SEARCH = Kind(
    "search", _names(("search", "query", "lookup"), ("web", "internet", "search", "documents", "wiki")),
    ("find_online",),
    (
        "Search the web.", "Searches the internet for a query", "Find documents",
        "Look something up on the web",
    ),
    ("Finds pages on the internet.",),
    (
        Parameter(
            ("query", "q", "text", "search_query", "keywords"),
            "string",
            ("The query", "What to search for", "Search terms"),
        ),
    ),
)  # fmt: skip
DICE = Kind(
    "dice",
    ("roll_dice", "rollDice", "dice", "roll_die", "throw_dice"),
    ("toss_die",),
    ("Roll a die.", "Rolls a dice", "Returns a random number from one to six"),
    ("Throws a die.",),
)

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


def _senseless(rng: random.Random) -> str:
    """A name that says nothing: only the description tells what it is for."""
    words = [coin(rng, (1, 2)).lower() for _ in range(rng.choice((1, 1, 2)))]
    return rng.choice(
        ("_".join(words), "".join(word.capitalize() for word in words), f"{words[0]}{rng.randint(1, 99)}")
    )


def _half_sensible(rng: random.Random, noun: str) -> str:
    """A known noun in unknown company: `zorba_weather`, `weatherTavi`."""
    word = coin(rng, (1, 2)).lower()
    return rng.choice((f"{word}_{noun}", f"{noun}_{word}", f"{noun}{word.capitalize()}", f"{noun}{rng.randint(1, 9)}"))


def offer(rng: random.Random, split: Split, kind: Kind, invented: float = 0.0) -> Offer:
    """Offer a tool of this kind under one of its names, or (in training) an invented one."""
    held_out = split is Split.HELD_OUT
    name = rng.choice(kind.held_out_names if held_out and rng.random() < 0.6 else kind.names)
    description = rng.choice(kind.held_out_descriptions if held_out and rng.random() < 0.6 else kind.descriptions)
    if rng.random() < 0.05:
        description = ""
    invents = bool(invented) and not held_out
    if invents and rng.random() < invented:
        name = _half_sensible(rng, name) if not description or rng.random() < 0.5 else _senseless(rng)
    arguments: list[str] = []
    properties: dict[str, Tool] = {}
    for parameter in kind.parameters:
        argument = rng.choice([n for n in parameter.names if n not in arguments])
        if invents and rng.random() < invented / 2:
            argument = _senseless(rng)
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


CALLED: tuple[Kind, ...] = (WEATHER, CLOCK, CALCULATOR, ADD, SUBTRACT, MULTIPLY, TIMER, SEARCH, DICE)
