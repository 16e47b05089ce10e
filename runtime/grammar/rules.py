"""A grammar while it is being written: named rules, each body once, and a bound on all of it together.

Schemas come from strangers. Whatever multiplies in them (definitions that use definitions twice, repetitions of
repetitions) ends at the bound with a sentence, not with a machine that is busy for minutes.
"""

from __future__ import annotations

from runtime.errors import PannierError

MAX_CHARACTERS = 1_000_000
_COUNTED = 2000
"""So many repetitions llama.cpp writes out."""
_BLOCK = 500
_LONGEST = _BLOCK * 1000  # repetitions; no answer of any model gets there


class ShapeError(PannierError):
    """A grammar that cannot be used, or a schema for which there is none. The message is the rest of a sentence."""


class SchemaError(ShapeError):
    """No grammar can be written for this schema. The message says why, without the schema's text."""


class Rules:
    """Named rules. `root` is the caller's to choose."""

    def __init__(self) -> None:
        self._bodies: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._size = 0

    def reserve(self, hint: str) -> str:
        """A name for a rule whose body is to come, because it speaks of itself."""
        stem = "".join(c if c.isascii() and c.isalnum() else "-" for c in hint).strip("-")[:40] or "rule"
        if not stem[0].isalpha():
            stem = f"r{stem}"
        name = stem
        while name in self._bodies or name == "root":
            self._counts[stem] = self._counts.get(stem, 0) + 1
            name = f"{stem}-{self._counts[stem]}"
        self._bodies[name] = ""
        return name

    def define(self, name: str, body: str) -> str:
        """Give a reserved name its body."""
        self._size += len(name) + len(body)
        if self._size > MAX_CHARACTERS:
            raise SchemaError("its grammar would be too large")
        self._bodies[name] = body
        return name

    def add(self, hint: str, body: str) -> str:
        """The name of a rule with this body; a new one only if there is none yet."""
        if body not in self._names:
            self._names[body] = self.define(self.reserve(hint), body)
        return self._names[body]

    def once(self, name: str, body: str) -> str:
        """A rule of exactly this name, which its body speaks of itself; added the first time."""
        if name not in self._bodies:
            self.define(name, body)
        return name

    def text(self, root: str) -> str:
        """The whole grammar, `root` being the body it begins with."""
        return "\n".join([f"root ::= {root}", *(f"{name} ::= {body}" for name, body in self._bodies.items())])


def literal(text: str) -> str:
    """Exactly `text`."""
    return '"' + "".join(map(_escaped, text)) + '"' if text else '""'


def one_of(*alternatives: str) -> str:
    """Any of them."""
    return alternatives[0] if len(alternatives) == 1 else f"({' | '.join(alternatives)})"


def repeated(rules: Rules, item: str, low: int, high: int | None) -> str:
    """`item` between `low` and `high` times; `high` None is no limit.

    llama.cpp writes a counted repetition out and refuses long ones, so these become blocks: so many whole ones, and a
    rest; which of both one is in, is known only at the end. Counts that no answer could reach count as no limit.
    """
    if low > _LONGEST:
        raise SchemaError(f"it asks for {low} repetitions, and no answer is that long")
    if high is None or high > _LONGEST:
        return f"{_exactly(rules, item, low)} {item}*".strip()
    if high == 0:
        return '""'
    return f"{_exactly(rules, item, low)} {_up_to(rules, item, high - low)}".strip()


def _exactly(rules: Rules, item: str, count: int) -> str:
    blocks, rest = divmod(count, _BLOCK)
    parts = [f"{_block(rules, item)}{{{blocks}}}"] if blocks else []
    return " ".join([*parts, *([f"{item}{{{rest}}}"] if rest > 1 else [item] * rest)])


def _up_to(rules: Rules, item: str, count: int) -> str:
    if count <= _COUNTED:
        return f"{item}{{0,{count}}}" if count else ""
    blocks, rest = divmod(count, _BLOCK)
    block = _block(rules, item)
    fewer = f"{block}{{0,{blocks - 1}}} {item}{{0,{_BLOCK - 1}}}"
    return one_of(fewer, f"{block}{{{blocks}}} {item}{{0,{rest}}}" if rest else f"{block}{{{blocks}}}")


def _block(rules: Rules, item: str) -> str:
    return rules.add("block", f"{item}{{{_BLOCK}}}")


def _escaped(character: str) -> str:
    code = ord(character)
    if character in '"\\':
        return f"\\{character}"
    if 0x20 <= code < 0x7F:
        return character
    if code <= 0xFF:
        return f"\\x{code:02X}"
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"
