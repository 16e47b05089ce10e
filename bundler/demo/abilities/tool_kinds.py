"""The sorts of tools there are: what each may be called, and what it takes."""

from dataclasses import dataclass


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
    nouns: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()


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
    ("weather", "weather", "forecast", "temperature", "conditions", "climate", "sky", "rain"),
    (
        "the weather", "the weather in a town", "the weather of a city", "what the weather is like in a place",
        "rain, wind and temperature at a location", "how warm it is in a city", "the forecast for a place",
    ),
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
    ("time", "time", "clock", "hour", "local_time", "timezone"),
    (
        "the time", "the time in a town", "the local time of a city", "what time it is in a place",
        "the hour at a location", "what the clock shows in a city", "the current time somewhere",
    ),
)  # fmt: skip
HERE_CLOCK = Kind(
    "here clock", CLOCK.names, CLOCK.held_out_names,
    ("Get the current time.", "Returns the time now.", "What time it is", "Current time", "Tells the time."),
    ("Find out what time it is.", "Reports the time."),
    nouns=("time", "clock", "hour", "now"),
    tasks=("the time now", "the time right here", "what the clock shows", "the current hour"),
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
    ("math", "sum", "result", "calculation", "expression", "formula", "numbers", "maths"),
    (
        "the result of a calculation", "what a sum makes", "the value of an expression", "sums and products",
        "an arithmetic result", "maths with numbers", "the solution of a formula",
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
        tuple(name.split("_")[0] for name in verbs),
        (f"how to {gerund.lower()} a number and another", f"two numbers to {gerund.lower()}"),
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
    ("timer", "alarm", "countdown", "reminder", "stopwatch"),
    ("a timer", "a countdown of minutes", "an alarm in some minutes", "a reminder after minutes"),
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
    ("search", "web", "pages", "internet", "results", "online"),
    ("pages on the web", "something on the internet", "what the web says", "documents about a topic"),
)  # fmt: skip
DICE = Kind(
    "dice",
    ("roll_dice", "rollDice", "dice", "roll_die", "throw_dice"),
    ("toss_die",),
    ("Roll a die.", "Rolls a dice", "Returns a random number from one to six"),
    ("Throws a die.",),
    nouns=("die", "dice", "roll", "random"),
    tasks=("a roll of a die", "a random number up to six", "what a die shows"),
)

CALLED: tuple[Kind, ...] = (WEATHER, CLOCK, CALCULATOR, ADD, SUBTRACT, MULTIPLY, TIMER, SEARCH, DICE)
