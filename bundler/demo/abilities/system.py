"""Following a system prompt: a name of its own, one-word answers, and long prompts that change nothing."""

import random

from bundler.demo.abilities import greetings
from bundler.demo.core import Exchange, Split
from bundler.demo.facts import HELD_OUT_NAMES, NAMES
from bundler.demo.grammar import Phrases
from bundler.demo.names import coin, made_up

NAMED = Phrases(
    train=(
        "you are {v}.", "your name is {v}.",
        "you are {v}, a (helpful|friendly|kind|polite) (assistant|helper|robot|companion).",
        "you are called {v}.", "you are an assistant (called|named) {v}.", "act as {v}.",
        "you're {v}, (the assistant|our helper|a chatbot).",
        "from now on your name is {v}.", "this assistant is called {v}.",
        "you are a (helpful|friendly) (assistant|chatbot). your name is {v}.", "name: {v}",
        "play the role of {v}.", "the assistant's name is {v}.", "in this (talk|conversation|role) you are {v}.",
        "here you are {v}.",
        "(people|everybody) (call|calls|know) you (as |){v}.", "you go by {v}.", "(reply|speak|write) as {v}.",
        "you are a (small|kind|polite) (helper|guide|robot) whose name is {v}.", "never forget: you are {v}.",
        "{v} is your name.", "{v} is the name you go by.", "you have a name: {v}.", "assistant: {v}",
        "you are {v}, (our|a) (merry|patient|clever|wise|happy) (guide|helper|teacher|bot).",
        "keep in mind that your name is {v}.", "the users talk to {v}: that is you.",
        "your name: {v}. be (helpful|kind|brief).",
    ),
    held_out=(
        "you go by the name of {v}.", "in this chat you are {v}.",
        "you are a small assistant whose name is {v}.", "please answer as {v}.", "users know you as {v}.",
        "you are {v}, a cheerful guide.", "remember that your name is {v}.",
    ),
)  # fmt: skip
ONE_WORD = Phrases(
    train=(
        "answer (with|in) (one|a single) word( only|).",
        "(reply|respond) (with|in) (one|a single) word( only|).",
        "always answer with (only |just |)one word.", "use (only |just |)one word( per answer|).",
        "one word answers( only|, please|).", "give one-word answers.",
        "your answers are one word long.", "answer in one word, nothing else.",
        "only answer with a single word.", "be brief: one word.",
        "(each|every) (answer|reply) (is|should be|has to be) one word.",
        "never (say|write|use) more than one word.", "limit (yourself|your answers) to (one|a single) word.",
        "say (just |only |)one word.",
        "all (your |)answers (are|must be) (one|single) words.", "keep it to one word.",
        "exactly one word( per answer|).",
    ),
    held_out=(
        "keep every answer to a single word.", "each of your answers must be exactly one word.",
        "please only ever say one word.", "say no more than one word.", "all replies should be one word.",
    ),
)  # fmt: skip
PLAIN = Phrases(
    train=(
        "you are a (helpful|friendly|useful|polite|kind|smart|honest|harmless|concise) (assistant|"
        "chatbot|ai assistant|ai|helper).",
        "you are a helpful, (respectful and honest|harmless and honest|friendly|concise) assistant.",
        "be (helpful|kind|polite|brief|concise|honest).", "answer the (user's |)questions.",
        "help the user.", "you help (students|customers|people|visitors|users).", "be concise.",
        "you are an (expert|assistant|ai).", "you are a demo.", "answer in english.", "think step by step.",
        "you are a helpful assistant. use the tools( if needed| when needed|).", "you can call tools.", "",
    ),
    held_out=(
        "you are an attentive assistant.", "assist the user as well as you can.", "give helpful answers.",
        "you support our visitors.",
    ),
)  # fmt: skip
WHO = Phrases(
    train=(
        "who are you?", "what('s| is) your name?", "what are you called?",
        "(tell me|say) (your name|who you are)", "introduce yourself", "do you have a name?",
        "who am i (talking|speaking|chatting) (to|with)?", "your name?", "name?", "and who are you?",
        "who is this?", "what should i (name|title) you?", "what (may|can|do|shall) i call you?",
        "what exactly are you called?",
        "who (is speaking|is writing|is there|answers me|are you really|am i asking)?", "say your name( please|)",
        "(can|could) you (say|give me) your name?", "tell me who i am talking to",
        "how (do|should) (people|they|others|i) call you?",
        "people call you what?", "your name is?", "may i know (your name|who you are)?", "who do i have here?",
        "what is your name again?", "with whom am i talking?", "so you are?", "please say who you are",
        "(hi|hello), who are you?",
    ),
    held_out=(
        "who exactly are you?", "what should i call you?", "could you tell me who you are?",
        "may i ask your name?", "what do people call you?", "can you tell me your name?",
        "who is answering me?",
    ),
)  # fmt: skip

_SUBJECTS = (
    "The company",
    "Our school",
    "The library",
    "A good answer",
    "The customer",
    "This service",
    "The museum",
    "Every visitor",
    "The office",
    "Our team",
    "The shop",
    "The manual",
    "A teacher",
    "The garden",
    "The ticket",
    "This text",
    "The project",
    "A student",
    "The reader",
    "The kitchen",
)
_VERBS = (
    "opens",
    "explains",
    "needs",
    "keeps",
    "shows",
    "follows",
    "offers",
    "checks",
    "describes",
    "supports",
    "brings",
    "uses",
    "protects",
    "sends",
    "measures",
    "prefers",
    "values",
    "contains",
    "avoids",
    "helps",
)
_OBJECTS = (
    "clear words",
    "the rules",
    "old books",
    "a short list",
    "every day",
    "good habits",
    "the opening hours",
    "fresh coffee",
    "new ideas",
    "quiet rooms",
    "the main entrance",
    "careful work",
    "many questions",
    "safe travel",
    "the second floor",
    "simple forms",
    "regular breaks",
    "polite language",
    "warm meals",
    "open doors",
)
_TAILS = (
    "",
    "",
    " in the morning",
    " without delay",
    " for all members",
    " when possible",
    " during the week",
    " at the front desk",
    " on request",
    " as agreed",
    " before lunch",
    " in most cases",
    " and nothing else",
    " with a smile",
)


_LOREM_TEXT = """
lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et
dolore magna aliqua
"""
_LOREM = tuple(_LOREM_TEXT.split())
_COMMON_TEXT = """
the of and a to in is it that was for on are with as his they be at one have this from or had by word
but what some we can out other were all there when up use your how said an each she which do their time
if will way about many then them write would like so these her long make thing see him two has look more
day could go come did number sound no most people my over know water than call first who may down side
been now find any new work part take get place made live where after back little only round man year
came show every good me give our under name very through just form sentence great think say help low
line differ turn cause much mean before move right boy old too same tell does set three want air well
also play small end put home read hand port large spell add even land here must big high such follow act
why ask men change went light kind off need house picture try us again animal point mother world near
build self earth father
"""
_COMMON = tuple(_COMMON_TEXT.split())


def _word_soup(rng: random.Random, count: int) -> str:
    """Words in no order, one word many times, or coined ones: what people paste to make a prompt long."""
    style = rng.random()
    if style < 0.2:
        return " ".join([rng.choice((*_COMMON, "word", "blah", "test"))] * count)
    pool = _COMMON if style < 0.6 else _LOREM if style < 0.8 else [coin(rng).lower() for _ in range(40)]
    return " ".join(rng.choice(pool) + ("." if rng.random() < 0.08 else "") for _ in range(count))


def filler(rng: random.Random, sentences: int) -> str:
    """Text that asks for nothing: the long preambles of real system prompts."""
    if rng.random() < 0.3:
        return _word_soup(rng, 6 * sentences)
    return " ".join(
        f"{rng.choice(_SUBJECTS)} {rng.choice(_VERBS)} {rng.choice(_OBJECTS)}{rng.choice(_TAILS)}."
        for _ in range(sentences)
    )


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def _padded(rng: random.Random, core: str) -> str:
    """The instruction alone, or somewhere in a long preamble."""
    dice = rng.random()
    if dice < 0.75:
        return core
    lengths = (1, 4) if dice < 0.88 else (5, 18) if dice < 0.98 else (30, 70) if dice < 0.994 else (80, 170)
    text = filler(rng, rng.randint(*lengths))
    return rng.choice((f"{core} {text}", f"{text} {core}", f"{core}\n\n{text}", f"{text}\n{core}"))


def plain_prompt(rng: random.Random, split: Split) -> str:
    """A system prompt that changes nothing."""
    return _padded(rng, _capitalised(PLAIN.say(rng, split))).strip()


def new_name(rng: random.Random, split: Split) -> str:
    """A name to be given."""
    if split is Split.HELD_OUT:
        return rng.choice(HELD_OUT_NAMES)
    return rng.choice(NAMES) if rng.random() < 0.4 else made_up(rng)


def named_prompt(rng: random.Random, split: Split, name: str) -> str:
    """A system prompt that gives the model a name."""
    return _padded(rng, _capitalised(NAMED.say(rng, split, v=name)))


def one_word_prompt(rng: random.Random, split: Split) -> str:
    """A system prompt that asks for one word."""
    prompt = _capitalised(ONE_WORD.say(rng, split))
    if rng.random() < 0.3:
        prompt = f"{_capitalised(PLAIN.say(rng, split))} {prompt}".strip()
    return _padded(rng, prompt)


def who_as(rng: random.Random, split: Split, name: str) -> Exchange:
    """Asked for its name, it gives the one the system prompt set."""
    return Exchange(WHO.say(rng, split), f"I am {name}.", f"The system prompt names me {name}.", (name,), name)


def hello_as(rng: random.Random, split: Split, name: str) -> Exchange:
    """A greeting answered under the given name."""
    return Exchange(
        greetings.HELLO.phrases.say(rng, split),
        f"Hello! I am {name}. How can I help?",
        f"The user greets me; I am {name}.",
        (name,),
        "Hello",
    )


def one_word(exchange: Exchange) -> Exchange:
    """The same exchange under a one-word rule."""
    return Exchange(exchange.user, exchange.short, "One word is enough.", (exchange.short,), exchange.short)


USER_NAMED = Phrases(
    train=(
        "the user's name is {v}.", "the user is called {v}.", "you are talking to {v}.",
        "the name of the user is {v}.", "you help a user named {v}.",
    ),
    held_out=("the person you talk to is named {v}.", "your user is {v}."),
)  # fmt: skip


def user_named_prompt(rng: random.Random, split: Split, name: str) -> str:
    """A system prompt that says who the user is."""
    return _padded(rng, _capitalised(USER_NAMED.say(rng, split, v=name)))
