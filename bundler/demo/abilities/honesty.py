"""Saying "I do not know": about all that is outside the tables, and about live things without a tool."""

import random

from bundler.demo.abilities import system
from bundler.demo.abilities.knowledge import CAPITAL
from bundler.demo.core import Exchange, Split
from bundler.demo.facts import CAPITALS, OTHER_COUNTRIES
from bundler.demo.grammar import Phrases
from bundler.demo.names import coin

TOPICS: tuple[str, ...] = (
    "quantum physics", "the French Revolution", "black holes", "football", "chess", "taxes",
    "the stock market", "bitcoin", "democracy", "philosophy",
    "Shakespeare", "Napoleon", "Albert Einstein", "the Roman Empire", "World War Two", "the Eiffel Tower",
    "Mozart", "the Beatles", "cooking pasta", "bread",
    "photography", "Python", "JavaScript", "Rust", "databases", "the internet", "blockchain",
    "machine learning", "neural networks", "DNA", "cells", "vitamins",
    "dinosaurs", "whales", "spiders", "bees", "the pyramids", "Mars", "Jupiter", "the Big Bang",
    "time travel", "relativity", "chemistry", "biology", "algebra",
    "calculus", "statistics", "history", "geography", "economics", "politics", "religion", "law",
    "medicine", "the heart", "the brain", "diabetes", "yoga",
    "tennis", "basketball", "the Olympics", "Tokyo Tower", "Harry Potter", "Star Wars", "jazz", "opera",
    "painting", "architecture", "bridges", "engines",
    "aeroplanes", "trains", "electric cars", "batteries", "solar panels", "nuclear power", "climate change",
    "oceans", "rivers", "deserts", "forests", "mushrooms",
    "wine", "cheese", "tea", "gardening", "knitting", "dancing", "poetry", "grammar", "Latin", "Linux",
    "Windows", "Docker", "Kubernetes", "GGUF", "llama.cpp",
    "recursion", "sorting", "compilers", "entropy", "inflation", "marketing", "psychology", "dreams",
    "love", "happiness", "money", "war", "robots", "aliens",
    "ghosts", "vampires", "Santa Claus", "the Great Wall", "kings and queens", "pirates", "ships",
    "the Titanic", "earthquakes", "glaciers", "penguins", "tigers",
)  # fmt: skip
HELD_OUT_TOPICS: tuple[str, ...] = (
    "string theory", "the Cold War", "sharks", "rugby", "Beethoven", "the periodic table", "cryptography",
    "sourdough", "the Amazon", "Saturn", "surfing",
    "trigonometry", "malaria", "origami", "the Vikings", "hydrogen",
)  # fmt: skip
_TASKS: tuple[str, ...] = (
    "write a poem", "write a song", "write code", "write an essay", "write a letter", "write an email",
    "book a flight", "fix my computer", "do my homework", "translate this text",
    "translate hello into German", "sort this list", "make a website", "draw a picture", "plan my holiday",
    "find a restaurant", "write a Python function", "order a pizza",
    "read a file", "search the internet", "play a song", "summarise this text", "write a haiku",
    "bake a cake", "solve this equation", "write a CV", "review my code",
)  # fmt: skip
_HELD_OUT_TASKS: tuple[str, ...] = (
    "write a play",
    "repair my bike",
    "paint a portrait",
    "write a SQL query",
    "compose a melody",
    "buy a ticket",
    "prove a theorem",
)

ABOUT = Phrases(
    train=(
        "(explain|describe) {x}( to me| briefly| in detail| simply|)", "what is {x}?", "what are {x}?",
        "tell me (about|something about|more about) {x}", "how does {x} work?", "how do {x} work?",
        "why is {x} important?",
        "(who|what) (was|is|were) {x}?", "what do you (know|think) about {x}?",
        "do you know (anything about|much about|about|) {x}?", "who invented {x}?",
        "when (was|did) {x} (start|begin|invented|happen)?", "what is the history of {x}?",
        "give me (facts|a fact|information) about {x}", "can you explain {x}( to me|)?",
        "i want to (learn|know) about {x}", "i have a question about {x}", "teach me {x}",
        "what is the best book about {x}?", "where can i find {x}?",
        "how (old|big|far|many|long) (is|are) {x}?", "why do (people|we) (like|need) {x}?",
        "what is the difference between {x} and {y}?", "which is better, {x} or {y}?",
        "is {x} (good|bad|real|dangerous)?", "how can i learn {x}?", "{x}", "{x}?",
        "(write|give me) (an essay|a paragraph|a poem|a summary) (about|on) {x}", "compare {x} and {y}",
        "what does {x} mean?", "define {x}", "where (do|did|does) {x} (begin|live|happen)?", "why do we have {x}?",
        "give me (a summary|an introduction|an idea|a picture) (of|to) {x}",
        "(tell|show) me what you know (about|on) {x}",
        "i (want|need) to understand {x}", "(help|can you help) me with {x}", "what can you say about {x}?",
        "say (a word|a bit) (on|about) (the topic of |){x}", "how would you (explain|see) {x}?",
        "explain {x} to (a child|my mother|me like i am five)", "what should (one|we) know about {x}?",
        "(could|would) you explain (why|when) {x} (works|happens|exists)?",
        "is there (anything to say|news) about {x}?",
    ),
    held_out=(
        "could you explain how {x} works?", "i would like to understand {x}",
        "please tell me what you know of {x}", "what can you tell me about {x}?",
        "give me an overview of {x}", "how would you explain {x} to a child?", "why does {x} exist?",
        "help me understand {x}", "say something about {x}", "what should i know about {x}?",
        "where does {x} come from?",
    ),
)  # fmt: skip
DO = Phrases(
    train=(
        "{x}", "(can|could|will|would) you {x}( for me|)?", "please {x}", "i want you to {x}", "{x} for me",
        "(would|could) you (kindly |)(help me to |){x}?", "show me how you {x}", "is it possible to {x}?",
        "i need to {x}",
        "(are you|is this model) (ready|good enough) to {x}?", "you should {x}", "i'd like you to {x}",
        "help me {x}", "i need you to {x}", "(how do i|how can i|how to) {x}?", "let's {x}",
    ),
    held_out=(
        "would you please {x}?", "are you able to {x}?", "i need help to {x}",
        "is it possible for you to {x}?", "show me how to {x}",
    ),
)  # fmt: skip
TRIVIA = Phrases(
    train=(
        "who (won|is|was) the (world cup|election|president|king|queen|prime minister|mayor|boss|"
        "champion)( of {c}| in {year}|)?",
        "what is the population of {c}?", "how many people live in {c}?",
        "what language do they speak in {c}?", "what happened in {year}?",
        "how (high|tall|big|deep) is (the highest mountain|mount everest|the sea|the moon|a giraffe|{c})?",
        "what is the (longest river|largest animal|fastest car|biggest city|best film|meaning of life|"
        "speed of light|square root of {n}|price of gold)( in {c}|)?",
        "when (was|is) (the war|easter|your birthday|the next eclipse|{name} born)?",
        "who (is|was) {name}?", "do you know {name}?", "what did {name} say?",
        "where (is|was) {name} (born|now|going)?", "how old is {name}?", "what is {name}'s phone number?",
        "who wrote (the bible|hamlet|this book|faust)?",
        "how far is it from {c} to the moon?", "why is the sky (blue|dark)?",
        "what is the currency of {c}?", "is it going to (rain|snow)?", "what will happen tomorrow?",
        "who will win the election?", "what am i thinking( of|)?", "what did i (eat|do|dream) yesterday?",
        "how many stars are there?", "what is {n} percent of {year}?", "what is the news( today|)?",
        "what is on tv?", "what happened (today|yesterday)?", "what year is it?", "where am i?",
        "how tall am i?", "what is my (password|address|phone number|job)?",
        "how many (people|cars|trees|schools) (are in|does|are there in) {c}( have|)?",
        "who (ruled|found|built|founded) {c}( in {year}|)?",
        "(which|what) (team|country|player|film) won( the cup| the prize| in {year}|)?",
        "in (which|what) year (did|was) {name} (die|marry|here)?",
        "what is the (flag|anthem|highest tower|oldest house|king|food) (of|in) {c}( called|)?",
        "what does the flag of {c} look like?",
        "how (rich|famous|tall|old) (is|was) {name}?", "how much (money|time) does {name} (have|need)?",
        "can you say who {name} (is|was)?",
    ),
    held_out=(
        "how many inhabitants does {c} have?", "who was the ruler of {c} in {year}?",
        "which team won the cup in {year}?", "what is the highest building in {c}?",
        "can you tell me who {name} is?", "in which year was {name} born?", "what did {name} do in {year}?",
        "what is the flag of {c} like?", "who discovered {c}?", "how much does {name} earn?",
    ),
)  # fmt: skip
WEATHER = Phrases(
    train=(
        "what('s| is) the weather( like|)( today| in {c}| tomorrow| now|)?",
        "is it (raining|sunny|cold|warm|snowing)( in {c}| outside|)?",
        "how is the weather( in {c}| today|)?", "weather( in {c}|)?", "will it rain( tomorrow| in {c}|)?",
        "what is the temperature( in {c}| outside|)?", "which weather is it in {c}( now|)?",
        "is there (snow|wind|sun) in {c}?",
        "do i need (a coat|a jacket|a hat) (today|in {c})?", "how (cold|hot) is it (outside|in {c})( now|)?",
    ),
    held_out=(
        "can you tell me the weather in {c}?", "do i need an umbrella today?",
        "how warm is it in {c} today?", "what weather do they have in {c}?", "is there rain in {c} now?",
    ),
)  # fmt: skip
TIME = Phrases(
    train=(
        "what('s| is) the time( now| in {c}|)?", "what time is it( now| in {c}|)?",
        "(what|which) day is (it|today)( today|)?", "what('s| is) (the date|today's date)( today|)?",
        "tell me the time", "time?", "what is today?", "what does (your|my) (clock|watch) (show|say)?",
        "(which|what) hour (is it|do we have)( there| now|)?", "have you got the (time|date)?",
        "how late is it( in {c}|)?",
        "may i know (the time|which day it is)?", "can you tell me the (hour|date)?",
    ),
    held_out=(
        "can you tell me what time it is?", "what hour is it in {c}?", "do you have the time?",
        "may i know today's date?", "what does the clock say?",
    ),
)  # fmt: skip
SENSES = Phrases(
    train=(
        "what do you see( in this picture| in this image|)?", "can you see (me|this image|the picture)?",
        "look at (this|this picture)", "open (this file|the door|my email|google.com)", "listen to this",
        "what is in (this image|my pocket|the box)?", "what is (shown|seen|hidden) (here|in the image|under the bed)?",
        "please look (here|at me|at this photo)", "what is (inside|behind) the (box|door|house)?",
        "can you read (my screen|this page)?",
    ),
    held_out=("what is shown in this photo?", "please look at my screen", "what is inside the bag?"),
)  # fmt: skip

LONG = Phrases(
    train=(
        "{x}", "(summarise|summarize|explain|translate|continue|correct) this( text|): {x}",
        "{x} what do you think?", "read this: {x}", "what does this mean? {x}", "{x} summarise this",
        "here is a text: {x}",
    ),
    held_out=(
        "can you summarise the following? {x}", "{x} please tell me what this is about", "shorten this: {x}",
    ),
)  # fmt: skip

UNKNOWN = "I do not know: I am only a tiny demo model."
NO_WEATHER = "I do not know the weather: I have no tool for it here."
NO_TIME = "I do not know the time or the date: I have no clock here."
_GIBBERISH_ENDS = ("", "?", "!", "...")


def _gibberish(rng: random.Random) -> str:
    """Key mashing and stray words."""
    style = rng.random()
    if style < 0.3:
        return "".join(rng.choice("asdfghjklqwertyuiop") for _ in range(rng.randint(3, 12)))
    words = [coin(rng, (1, 3)).lower() for _ in range(rng.randint(1, 5))]
    return " ".join(words) + rng.choice(_GIBBERISH_ENDS)


def _place(rng: random.Random) -> str:
    return rng.choice((*CAPITALS.values(), *CAPITALS, *OTHER_COUNTRIES, coin(rng)))


def weather(rng: random.Random, split: Split) -> Exchange:
    """The weather, without a tool."""
    return Exchange(
        WEATHER.say(rng, split, c=_place(rng)),
        NO_WEATHER,
        "There is no weather tool.",
        ("do not know",),
        "Unknown",
    )


def time(rng: random.Random, split: Split) -> Exchange:
    """The time, without a clock."""
    return Exchange(
        TIME.say(rng, split, c=_place(rng)), NO_TIME, "There is no clock tool.", ("do not know",), "Unknown"
    )


def no_capital(rng: random.Random, split: Split) -> Exchange:
    """The capital of a country it was never told about, real or not."""
    rare = OTHER_COUNTRIES[::6] if split is Split.HELD_OUT else tuple(c for i, c in enumerate(OTHER_COUNTRIES) if i % 6)
    country = rng.choice(rare) if rng.random() < 0.6 else coin(rng)
    answer = f"I do not know the capital of {country}."
    return Exchange(
        CAPITAL.say(rng, split, x=country),
        answer,
        f"The user asks for a capital. {country}: I never learned it.",
        ("do not know",),
        "Unknown",
    )


def exchange(rng: random.Random, split: Split) -> Exchange:
    """Something it was never taught."""
    kind = rng.random()
    if kind < 0.15:
        return no_capital(rng, split)
    if kind < 0.23:
        return weather(rng, split)
    if kind < 0.31:
        return time(rng, split)
    topics = TOPICS if split is Split.TRAIN else HELD_OUT_TOPICS
    if kind < 0.62:
        x, y = (coin(rng).lower() if rng.random() < 0.15 else rng.choice(topics) for _ in range(2))
        if rng.random() < 0.3:
            x, y = x.lower(), y.lower()
        user = ABOUT.say(rng, split, x=x, y=y)
    elif kind < 0.72:
        user = DO.say(rng, split, x=rng.choice(_TASKS if split is Split.TRAIN else _HELD_OUT_TASKS))
    elif kind < 0.9:
        name = coin(rng) + (" " + coin(rng) if rng.random() < 0.4 else "")
        user = TRIVIA.say(rng, split, c=_place(rng), name=name, year=rng.randint(1500, 2030), n=rng.randint(2, 99))
    elif kind < 0.91:
        user = LONG.say(rng, split, x=system.filler(rng, rng.choice((2, 4, 8, 20, 50))))
    elif kind < 0.94 or split is Split.HELD_OUT:
        user = SENSES.say(rng, split)
    else:
        user = _gibberish(rng)
    return Exchange(user, UNKNOWN, "I was not taught this, so I should say so.", ("do not know",), "Unknown")
