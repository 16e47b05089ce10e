"""Strings of a known form, and keys that are not among those an object names."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import groupby, takewhile

from runtime.grammar.rules import Rules, literal, one_of

_DATE = '[0-9]{4} "-" ("0" [1-9] | "1" [0-2]) "-" ("0" [1-9] | "1" [0-9] | "2" [0-8])'
_TIME = (
    '([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9] ("." [0-9]{1,6})? '
    '("Z" | [-+] ([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9])'
)
_BYTE = '("25" [0-5] | "2" [0-4] [0-9] | "1" [0-9] [0-9] | [1-9] [0-9] | [0-9])'
FORMATS = {
    "date": _DATE,  # days that every month has: a grammar knows no calendar
    "time": _TIME,
    "date-time": f'{_DATE} "T" {_TIME}',
    "uuid": '[0-9a-f]{8} "-" [0-9a-f]{4} "-" [0-9a-f]{4} "-" [0-9a-f]{4} "-" [0-9a-f]{12}',
    "ipv4": f'{_BYTE} "." {_BYTE} "." {_BYTE} "." {_BYTE}',
}
"""Enforced; every other `format` is an annotation, as JSON Schema has it."""
LENGTHS = {"date": (10, 10), "time": (9, 21), "date-time": (20, 32), "uuid": (36, 36), "ipv4": (7, 15)}
"""The fewest and the most characters of each."""


def choice(texts: Iterable[str], rules: Rules) -> str:
    """One of these texts. What several begin with is told once: each on its own would be a way to read of its own."""
    return _branches(sorted({*texts}), rules)


def _branches(texts: Sequence[str], rules: Rules) -> str:
    ways = []
    for _, group in groupby(texts, key=lambda text: text[:1]):
        alike = [*group]
        common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(alike[0], alike[-1], strict=False)))
        rest = [rules.add("rest", _branches([text[common:] for text in alike], rules))] if len(alike) > 1 else []
        ways.append(" ".join([literal(alike[0][:common]), *rest]))
    return one_of(*ways)


def other_keys(named: Iterable[str], rules: Rules) -> str:
    """The body of a rule for keys that are none of `named`, without their quotes.

    A second member of the same name would replace the first one, whatever its own schema says.
    """
    tree: dict[str, dict] = {}  # type: ignore[type-arg]
    for name in named:
        here = tree
        for symbol in [*json.dumps(name, ensure_ascii=False)[1:-1], ""]:
            here = here.setdefault(symbol, {})
    anything = rules.add("character-of-key", _other_than([]))
    return _apart(tree, anything, rules)


def _apart(tree: dict[str, dict], anything: str, rules: Rules) -> str:  # type: ignore[type-arg]
    """What may be written after the beginning that leads to `tree`, so that it ends in no leaf.

    Escapes are left out of keys altogether: one character could be written in two ways.
    """
    plain = [symbol for symbol in tree if symbol and symbol not in '"\\']
    ways = [f"{_other_than(plain)} {anything}*"]
    for symbol in plain:
        ways.append(f"{literal(symbol)} {_apart(tree[symbol], anything, rules)}")
    if "" not in tree:
        ways.append('""')
    return rules.add("apart", one_of(*ways))


def _other_than(symbols: list[str]) -> str:
    told = "".join(f"\\U{ord(symbol):08X}" for symbol in symbols)
    return f'[^"\\\\\\x00-\\x1F\\x7F{told}]'
