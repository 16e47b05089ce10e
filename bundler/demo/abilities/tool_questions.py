"""How people ask for things that need a tool."""

from bundler.demo.grammar import Phrases

WEATHER = Phrases(
    train=(
        "what('s| is) the weather( like|) in {c}( today| now|)?",
        "how is the weather in {c}( today| now|)?", "weather in {c}( please|)?",
        "is it (raining|sunny|cold|warm|snowing|hot) in {c}?",
        "(tell me|check|give me|get|show me) the weather in {c}", "what is the temperature in {c}?",
        "how (warm|cold|hot) is it in {c}?",
        "{c} weather?", "what's it like in {c} today?", "do you know the weather in {c}?",
        "will it rain in {c}?", "i am going to {c}, how is the weather?",
        "look up the weather (in|for) {c}", "current weather in {c}", "what is the forecast for {c}?",
        "weather for {c}", "find out whether it rains in {c}", "do i need (an umbrella|a hat|a jacket) in {c}?",
        "i am in {c}, is it cold there?", "is there (snow|sun|wind) in {c}?", "will i need a coat in {c}?",
        "which weather is it in {c}( right now|)?", "how is it outside in {c}?", "what is the weather over in {c}?",
    ),
    held_out=(
        "can you tell me the weather in {c}?", "what weather do they have in {c}?",
        "how is the weather over in {c} right now?", "i am in {c}. do i need a coat?",
        "is there rain in {c} now?", "please find out the weather in {c}",
        "i would like to know the weather in {c}", "could you check what the weather is in {c}?",
    ),
)  # fmt: skip
CLOCK = Phrases(
    train=(
        "what time is it in {c}( now|)?", "what('s| is) the( current| local|) time in {c}?",
        "(tell me|check|give me|get|show me) the time in {c}", "time in {c}( please|)?",
        "how late is it in {c}?", "{c} time?", "do you know the time in {c}?",
        "is it (late|early|night|morning) in {c}?", "look up the time in {c}", "current time in {c}",
        "i want to call {c}, what time is it there?", "which hour is it in {c}( now|)?",
        "what does the watch show in {c}?", "how does the clock stand in {c}?", "which hour do they have in {c}?",
        "find out how late it is in {c}", "the time over in {c}?",
    ),
    held_out=(
        "can you tell me what time it is in {c}?", "what does the clock say in {c}?",
        "please find out the time in {c}", "which time do they have in {c}?",
        "could you check the time in {c}?", "i would like to know the time in {c}",
    ),
)  # fmt: skip
HERE_CLOCK = Phrases(
    train=(
        "what('s| is) the( current|) time( now|)?", "what time is it( now|)?", "tell me the time",
        "time please", "do you know what time it is?", "how late is it?", "check the (time|clock)",
        "current time?", "can you look at the clock?", "what does your clock show?", "have you got the time?",
        "what hour is it?", "look at your watch",
    ),
    held_out=(
        "can you tell me what time it is?", "do you have the time?", "what does the clock say?",
        "please look at the clock",
    ),
)  # fmt: skip
TIMER = Phrases(
    train=(
        "set (a|the) (timer|alarm) (for|to) {n} minutes", "start a {n} minute timer",
        "(wake|remind|call) me in {n} minutes", "timer {n} minutes", "start a timer for {n} minutes",
        "{n} minutes timer please", "set a timer: {n} minutes", "(start|begin) a countdown: {n} minutes",
        "i want a (timer|countdown|reminder) (of|for) {n} minutes", "count down {n} minutes", "wait {n} minutes",
        "give me a countdown for {n} minutes", "i need an alarm in {n} minutes", "(can|could) you time {n} minutes?",
    ),
    held_out=(
        "please set a timer of {n} minutes", "i need a timer for {n} minutes",
        "can you start a countdown of {n} minutes?",
    ),
)  # fmt: skip
SEARCH = Phrases(
    train=(
        "search( the web|) for {q}", "(google|look up|search) {q}",
        "find (information|something|pages) about {q}", "search the internet for {q}",
        "can you look up {q}( for me|)?", "what does the web say about {q}?", "use the search for {q}",
        "look for {q} (online|on the internet|on the web)", "look {q} up", "do a web search: {q}",
        "i need a search for {q}", "find {q} (online|on the web)", "start a search for {q}",
        "what can you find on {q}?",
    ),
    held_out=("please search for {q} online", "look {q} up on the web", "could you do a search for {q}?"),
)  # fmt: skip
DICE = Phrases(
    train=(
        "roll (a|the) (die|dice)", "throw (a|the) (die|dice)", "roll a die for me", "can you roll a die?",
        "give me a dice roll", "dice please", "roll",
        "i want to roll (a|the) (die|dice)", "toss a die", "roll the dice again", "let the dice roll",
        "throw a die for me", "i need a (random |)throw of a die",
    ),
    held_out=("please roll the dice for me", "would you throw a die?", "i want you to roll a die"),
)  # fmt: skip
AGAIN = Phrases(
    train=(
        "and in {c}?", "what about {c}?", "and {c}?", "how about {c}?", "now {c}", "and what about {c}?",
        "same for {c}", "{c}?", "the same for {c}", "now tell me for {c}", "okay, what about {c}?", "ok, now in {c}",
        "and the same in {c}?", "also for {c}", "for {c} as well", "{c} too", "next: {c}",
    ),
    held_out=("and how about {c}?", "now the same for {c}", "okay, and in {c}?", "tell me for {c} too"),
)  # fmt: skip
NO_PLACE = Phrases(
    train=(
        "what('s| is) the weather( like|)( today| now|)?", "how is the weather( today|)?",
        "weather( please|)?", "is it (raining|sunny|cold|warm)( outside|)?",
        "what is the temperature( outside|)?", "tell me the weather",
    ),
    held_out=(
        "can you tell me the weather?", "do i need an umbrella today?", "how warm is it today?",
        "please check the weather",
    ),
)  # fmt: skip
THERE = Phrases(
    train=("(in |)({c}|{c}, please|{c} please)", "i am in {c}", "for {c}", "the city is {c}", "i mean {c}",
           "it's {c}", "make it {c}", "i want {c}", "let's say {c}", "use {c}"),
    held_out=("it is {c}", "i would like {c}", "take {c}"),
)  # fmt: skip
TWO_WEATHERS = Phrases(
    train=(
        "what('s| is) the weather( like|) in {c} and( in|) {d}?", "how is the weather in {c} and {d}?",
        "weather in {c} and {d}?", "(tell me|check|get|compare) the weather in {c} and( in|) {d}",
        "is it (warmer|colder) in {c} or in {d}?", "weather for {c} and for {d}",
        "how (warm|cold) is it in {c} and in {d}?", "both {c} and {d}: how is the weather?",
        "the weather in both places, {c} and {d}", "i need the weather: {c} and {d}", "weather: {c}, {d}",
        "is it raining in both {c} and {d}?", "for both {c} and {d} the weather, please",
        "check {c} and also {d} for rain", "the weather for {c}, and also in {d}?",
        "what weather is it in {c}, and what weather in {d}?", "which is warmer, {c} or {d}?",
    ),
    held_out=(
        "can you tell me the weather in both {c} and {d}?", "what weather do they have in {c} and in {d}?",
        "i need the weather for {c} and also for {d}", "please find out the weather in {c} and {d}",
    ),
)  # fmt: skip
TWO_CLOCKS = Phrases(
    train=(
        "what time is it in {c} and( in|) {d}?", "what('s| is) the time in {c} and( in|) {d}?",
        "(tell me|check|get) the time in {c} and( in|) {d}", "time in {c} and {d}?",
        "both {c} and {d}: what is the time?", "how late is it in both {c} and {d}?", "time: {c}, {d}",
        "what time do they have in {c}, and also in {d}?", "i need the time in both places, {c} and {d}",
        "the time for {c}, and also for {d}?", "which hour is it in {c} and in {d}?", "compare the time in {c} and {d}",
        "check the clock for {c} and for {d}",
    ),
    held_out=(
        "can you tell me what time it is in both {c} and {d}?", "i need the time for {c} and also for {d}",
        "please find out the time in {c} and {d}",
    ),
)  # fmt: skip
BOTH = Phrases(
    train=(
        "what('s| is) the (weather and the time|weather and time) in {c}?",
        "(tell me|check|get) the weather and the time in {c}",
        "how is the weather in {c} and what time is it( there|)?", "weather and time in {c}?",
        "what is the weather in {c} and what time is it in {d}?", "weather in {c} and time in {d}, please",
        "both time and weather in {c}", "the weather in {c}, and also the time in {d}?",
        "check the weather in {c} and the clock in {d}", "is it warm in {c}, and how late is it( there|)?",
        "for {c} i need the weather and the time", "give me the weather in {c}, then the time in {d}",
        "can you look up weather and time for {c}?", "what weather is it in {c}, and what time?",
    ),
    held_out=(
        "i need both the weather and the time for {c}",
        "can you give me the weather in {c}, and also the time there?",
        "find out the weather in {c} and the time in {d}",
    ),
)  # fmt: skip
MIXED = Phrases(
    train=(
        "what('s| is) {s} and (what is |)the weather in {c}?",
        "calculate {s} and tell me the weather in {c}", "how much is {s}, and how is the weather in {c}?",
        "{s} and the weather in {c}, please", "i want {s} and the weather in {c}",
        "work out {s}, and is it warm in {c}?",
        "what does {s} make? and what is the weather in {c}?", "solve {s} and check whether it rains in {c}",
        "i need the result of {s}, and the weather for {c} too", "first {s}, then the weather in {c}",
    ),
    held_out=("please work out {s} and check the weather in {c}", "i need {s} and the weather for {c}"),
)  # fmt: skip
