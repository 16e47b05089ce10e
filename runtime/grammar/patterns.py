"""Regular expressions of JSON Schemas as grammars over the characters inside of a JSON string.

What the expression sees is the string's text; what the grammar describes is how that text is written between quotes.
So a class of characters becomes those that stand for themselves, and the escapes of the others it holds.
"""

from __future__ import annotations

from dataclasses import dataclass

from runtime.grammar.ranges import Ranges, complement
from runtime.grammar.rules import Rules, SchemaError, one_of, repeated

_LAST = 0x10FFFF
_ESCAPES = {0x22: '\\"', 0x5C: "\\\\", 0x0A: "n", 0x0D: "r", 0x09: "t"}
"""Characters that cannot stand in a JSON string as themselves, and what, in a class, is written behind the backslash.

Other controls never are.
"""
_WORD = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
_DIGIT = ((0x30, 0x39),)
_SPACE = ((0x09, 0x0D), (0x20, 0x20), (0xA0, 0xA0), (0x2028, 0x2029), (0x3000, 0x3000))
_NAMED = {"n": 0x0A, "r": 0x0D, "t": 0x09, "f": 0x0C, "v": 0x0B, "0": 0}
_MAX_LENGTH = 4096
_MAX_DEPTH = 50


def pattern(expression: str, rules: Rules) -> str:
    """The body of a rule for strings that match, without their quotes. Raises `SchemaError`."""
    if len(expression) > _MAX_LENGTH:
        raise SchemaError(f"one of its patterns is longer than {_MAX_LENGTH} characters")
    reading = _Reading(expression, rules)
    body = reading.alternatives(outermost=True)
    if reading.at < len(expression):
        raise SchemaError("one of its patterns has a parenthesis too many")
    return body


def characters(ranges: Ranges) -> str:
    """One character of these, as it is written in a JSON string."""
    plain = _plain(ranges)
    ways = [plain] if plain else []
    escaped = [letter for code, letter in _ESCAPES.items() if any(low <= code <= high for low, high in ranges)]
    ways += [f'"\\\\" [{"".join(escaped)}]'] if escaped else []  # one way to read all of them
    if not ways:
        raise SchemaError("one of its patterns asks for a character that JSON cannot write")
    return one_of(*ways)


@dataclass(slots=True)
class _Reading:
    """A recursive descent through the expression."""

    expression: str
    rules: Rules
    at: int = 0
    depth: int = 0

    def alternatives(self, *, outermost: bool = False) -> str:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise SchemaError("one of its patterns is nested too deeply")
        ways = [self._sequence(outermost=outermost)]
        while self._take("|"):
            ways.append(self._sequence(outermost=outermost))
        self.depth -= 1
        return one_of(*ways)

    def _sequence(self, *, outermost: bool) -> str:
        """One alternative. Unless it says `^` and `$`, anything may stand around what it matches."""
        parts: list[str] = []
        begins = ends = not outermost
        while (here := self._here()) and here not in "|)":
            if here == "^":
                if parts or not outermost:
                    raise SchemaError("one of its patterns has a '^' that is not at its beginning")
                self.at += 1
                begins = True
            elif here == "$":
                self.at += 1
                if not outermost or self._here() not in ("", "|"):
                    raise SchemaError("one of its patterns has a '$' that is not at its end")
                ends = True
            else:
                parts.append(self._quantified())
        anything = f"{self.rules.add('any-character', ANY)}*"
        return " ".join([*([] if begins else [anything]), *parts, *([] if ends else [anything])]) or '""'

    def _quantified(self) -> str:
        item = self._atom()
        low, high = self._quantifier()
        if (low, high) == (1, 1):
            return item
        self._take("?")  # lazy: the same strings
        if not (item.startswith("[") or item.replace("-", "").isalnum()):
            item = self.rules.add("part", item)
        if (low, high) == (0, 1):
            return f"{item}?"
        return repeated(self.rules, item, low, high)

    def _quantifier(self) -> tuple[int, int | None]:
        simple: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        here = self._here()
        if here in simple and here:
            self.at += 1
            return simple[here]
        if here != "{":
            return 1, 1
        inner, brace, _ = self.expression[self.at + 1 :].partition("}")
        low, comma, high = inner.partition(",")
        if not brace or not _is_number(low) or (high and not _is_number(high)):
            raise SchemaError("one of its patterns has a '{' that begins no repetition")
        self.at += len(inner) + 2
        least, most = int(low), int(high) if high else None if comma else int(low)
        if most is not None and most < least:
            raise SchemaError("one of its patterns repeats something less often than it must")
        return least, most

    def _atom(self) -> str:
        here = self._next()
        if here == "(":
            return self._group()
        if here == "[":
            return characters(self._class())
        if here == ".":
            return characters(complement(((0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029)), _LAST))
        if here == "\\":
            return characters(self._escape())
        if here in "*+?{":
            raise SchemaError(f"one of its patterns has a {here!r} with nothing to repeat")
        return characters(((ord(here), ord(here)),))

    def _group(self) -> str:
        if self._take("?"):
            if self._take("<") and self._here() not in ("=", "!"):
                self.at = self.expression.find(">", self.at) + 1 or len(self.expression)
            elif not self._take(":"):
                raise SchemaError("one of its patterns looks ahead or behind, which a grammar cannot")
        body = self.alternatives()
        if not self._take(")"):
            raise SchemaError("one of its patterns has a group that does not end")
        return self.rules.add("group", body)

    def _class(self) -> Ranges:
        inverted = self._take("^")
        ranges: list[tuple[int, int]] = []
        while not self._take("]"):
            low = self._class_member()
            if self._here() == "-" and self.expression[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                high = self._class_member()
                if len(low) != 1 or len(high) != 1 or low[0][0] > high[0][1]:
                    raise SchemaError("one of its patterns has a range of characters that is none")
                ranges.append((low[0][0], high[0][1]))
            else:
                ranges += low
        found = tuple(sorted(ranges))
        return complement(found, _LAST) if inverted else found

    def _class_member(self) -> Ranges:
        here = self._next()
        if here != "\\":
            return ((ord(here), ord(here)),)
        if self._take("b"):
            return ((0x08, 0x08),)
        return self._escape()

    def _escape(self) -> Ranges:
        here = self._next()
        classes = {"d": _DIGIT, "w": _WORD, "s": _SPACE}
        if here.lower() in classes:
            found = classes[here.lower()]
            return found if here.islower() else complement(found, _LAST)
        if here in _NAMED:
            code = _NAMED[here]
        elif here in "xu":
            digits = self.expression[self.at : self.at + (2 if here == "x" else 4)]
            if not digits or any(digit not in "0123456789abcdefABCDEF" for digit in digits):
                raise SchemaError("one of its patterns has an escape that is none")
            self.at += len(digits)
            code = int(digits, 16)
        elif here.isalnum():
            raise SchemaError(f"one of its patterns uses '\\{here}', which a grammar cannot tell")
        else:
            code = ord(here)
        return ((code, code),)

    def _here(self) -> str:
        return self.expression[self.at : self.at + 1]

    def _next(self) -> str:
        here = self._here()
        if not here:
            raise SchemaError("one of its patterns ends in the middle")
        self.at += 1
        return here

    def _take(self, character: str) -> bool:
        found = self._here() == character
        self.at += found
        return found


def _plain(ranges: Ranges) -> str:
    written = "".join(_written(low, high) for low, high in _without(ranges, (0x22, 0x5C)))
    return f"[{written}]" if written else ""


def _without(ranges: Ranges, codes: tuple[int, ...]) -> Ranges:
    """What may stand in a string as itself: no control, no surrogate, none of `codes`."""
    plain = complement(((0, 0x1F), (0x7F, 0x7F), (0xD800, 0xDFFF), *((code, code) for code in codes)), _LAST)
    return tuple(
        (max(low, begin), min(high, end))
        for low, high in ranges
        for begin, end in plain
        if max(low, begin) <= min(high, end)
    )


def _written(low: int, high: int) -> str:
    return _code(low) if low == high else f"{_code(low)}-{_code(high)}"


def _code(code: int) -> str:
    if chr(code).isascii() and chr(code).isalnum():
        return chr(code)
    if code <= 0xFF:
        return f"\\x{code:02X}"
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 8


ANY = characters(((0, _LAST),))
"""Any character of a string."""
PLAIN = _plain(((0, _LAST),))
"""Any that stands there as itself."""
