"""Other ways to say the same: what people put before a question, around it, and in place of its words.

A list of phrasings teaches a model this small the list. Polite openings, indirect questions and synonyms, put
together at random, make of every phrasing a hundred others and leave the words that matter as what they share.
"""

import random
import re

_OPENERS = (
    "tell me: ", "tell me, ", "please tell me: ", "can you tell me: ", "i wonder: ", "i wonder, ", "quick question: ",
    "question: ", "one question: ", "i have a question: ", "may i ask: ", "may i ask, ", "excuse me, ", "sorry, ",
    "by the way, ", "listen, ", "just curious: ", "i'd like to know: ", "i forgot: ", "hmm, ", "my question is: ",
    "next: ", "let me ask: ", "for my homework: ", "out of interest, ", "say, ", "oh, ", "so tell me, ", "right, ",
    "good, ", "thanks, ", "could you help? ", "another one: ", "and also: ", "please, ", "be so kind: ",
)  # fmt: skip
_CLOSERS = (
    ", do you know?", ", can you tell me?", "? tell me please", "? i forgot", "? just curious", " again?",
    " exactly?", ", would you say?", "? please say", " then?", ", please?", "? i need it now", "? i have to know",
)  # fmt: skip
_LEADS = (
    "can you tell me", "could you tell me", "please tell me", "tell me", "i want to know", "i'd like to know",
    "do you know", "do you remember", "i wonder", "i forgot", "would you tell me", "may i ask", "can you say",
    "could you say", "let me know", "i am not sure", "remind me", "please say", "i need to know",
    "i would like to know", "would you know", "can you recall", "do you still know", "i keep forgetting",
)  # fmt: skip
_QUESTION = re.compile(r"(what|which|who|where|when|how|is|are|do|does|can|could|in which|of which)\b.*\?$")
_INDIRECT = re.compile(r"(what|who|where|which \w+|what \w+)( is|'s| are) ((?:the|my|your|you|\{).*?)\?$")
# Each word or turn, and what may stand in its place.
_SYNONYMS: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = tuple(
    (re.compile(rf"\b(?:{pattern})\b"), options)
    for pattern, options in (
        ("what is|what's", ("what is", "what's", "whats", "what would be", "what exactly is", "what could be")),
        ("tell me(?= a)", ("give me", "let me hear", "let me have", "share", "i would love", "read me")),
        ("tell me(?! a)", ("let me know", "give me", "say", "please tell me")),
        ("can you|could you", ("can you", "could you", "would you", "will you", "are you able to", "you could")),
        ("do you know", ("do you remember", "can you say", "do you happen to know", "have you any idea of")),
        ("i want|i would like", ("i'd like", "i would love", "i wish", "i need", "i'd love", "i really want")),
        ("please", ("kindly", "pls", "if you can,", "if you like,")),
        ("what(?= \\w+ (?:is|comes|do|does|has|follows))", ("which",)),
        ("which", ("what",)),
        ("explain|describe", ("describe", "explain", "clarify", "put simply", "sum up")),
        ("story", ("tale", "fairy tale", "little story", "short tale", "story")),
        ("write|make up", ("invent", "think up", "make up", "create", "come up with", "compose")),
        ("check|look up", ("find out", "look up", "see", "check", "look at", "figure out")),
        ("calculate|compute|work out|solve", ("find", "figure out", "compute", "solve", "do", "work out")),
        ("how much is", ("what makes", "how much makes", "how much do we get for", "what do we have with")),
        ("made|built|created|trained|wrote", ("made", "built", "created", "trained", "invented", "put together")),
        ("and in|and(?= \\{d\\})", ("and", "and also", "and also in", "as well as", "plus", "and then", "and for")),
        ("the name of", ("what they call", "the right name of", "the name for")),
        ("comes|follows", ("comes", "follows", "is", "would come", "will be")),
        ("like best|like most", ("like best", "like most", "love most", "prefer")),
    )
)


def vary(rng: random.Random, text: str) -> str:
    """The text with some of its words replaced, and perhaps something put around it."""
    for pattern, options in _SYNONYMS:
        if rng.random() < 0.5 and pattern.search(text):
            text = pattern.sub(rng.choice(options), text, count=1)
    indirect = _INDIRECT.match(text)
    if indirect and rng.random() < 0.45 and " like" not in text:
        asked, verb, rest = indirect.groups()
        return f"{rng.choice(_LEADS)} {asked} {rest} {verb.strip().replace(chr(39) + 's', 'is')}" + rng.choice(
            ("", "?")
        )
    if _QUESTION.match(text):
        dice = rng.random()
        if dice < 0.35:
            text = rng.choice(_OPENERS) + text
        elif dice < 0.5:
            text = text.rstrip("?") + rng.choice(_CLOSERS)
    return text
