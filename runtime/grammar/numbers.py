"""Numbers between bounds, as grammars of their digits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from runtime.grammar.rules import SchemaError, one_of

INTEGER = '"-"? ("0" | [1-9] [0-9]{0,15})'
NUMBER = f'{INTEGER} ("." [0-9]{{1,16}})? ([eE] [-+]? [0-9]{{1,3}})?'
_FRACTION = 15  # digits behind the point, where any may follow
_DIGITS = 15  # of the integer part, where there is no upper bound
_MOST_DIGITS = 40  # in a bound


@dataclass(frozen=True, slots=True)
class Bounds:
    """low ≤ number ≤ high, or strictly so; None is no bound."""

    low: Decimal | None = None
    high: Decimal | None = None
    above: bool = False
    below: bool = False

    def hold(self, value: Decimal) -> bool:
        """Whether the value lies between them."""
        if self.low is not None and (value < self.low or (self.above and value == self.low)):
            return False
        return self.high is None or not (value > self.high or (self.below and value == self.high))

    def tightened(self, other: Bounds) -> Bounds:
        """Both together."""
        low, above = self.low, self.above
        if other.low is not None and (low is None or (other.low, other.above) > (low, above)):
            low, above = other.low, other.above
        high, below = self.high, self.below
        if other.high is not None and (high is None or (-other.high, other.below) > (-high, below)):
            high, below = other.high, other.below
        return Bounds(low, high, above, below)


def integer(bounds: Bounds) -> str:
    """A whole number between the bounds. Raises `SchemaError` where there is none."""
    if bounds == Bounds():
        return INTEGER
    low = None if bounds.low is None else _whole(bounds.low, bounds.above, up=True)
    high = None if bounds.high is None else _whole(bounds.high, bounds.below, up=False)
    ways: list[str] = []
    if low is None or low < 0:
        most, least = None if low is None else -low, max(1, -high) if high is not None else 1
        ways += [f'"-" {one_of(*parts)}' for parts in [list(_naturals(least, most))] if parts]
    if high is None or high >= 0:
        ways += _naturals(max(0, low or 0), high)
    if not ways:
        raise SchemaError("no whole number lies between its bounds")
    return one_of(*ways)


def number(bounds: Bounds) -> str:
    """A number in decimal digits between the bounds. Raises `SchemaError` where there is none."""
    if bounds == Bounds():
        return NUMBER
    low, high = bounds.low, bounds.high
    ways: list[str] = []
    if low is None or low < 0:
        mirrored = Bounds(max(Decimal(0), -high) if high is not None else Decimal(0), None if low is None else -low,
                          bounds.below if high is not None and high <= 0 else False, bounds.above)  # fmt: skip
        ways += [f'"-" {one_of(*parts)}' for parts in [list(_positive(mirrored))] if parts]
    if high is None or high >= 0:
        above = bounds.above if low is not None and low >= 0 else False
        ways += _positive(Bounds(max(Decimal(0), low if low is not None else Decimal(0)), high, above, bounds.below))
    if not ways:
        raise SchemaError("no number lies between its bounds")
    return one_of(*ways)


def _whole(bound: Decimal, strict: bool, *, up: bool) -> int:
    _digits(bound)
    floor = int(bound.to_integral_value("ROUND_FLOOR"))
    if up:
        return floor + 1 if strict or floor != bound else floor
    return floor - 1 if strict and floor == bound else floor


def _naturals(low: int, high: int | None) -> Iterator[str]:
    """Ways to write the whole numbers from `low` to `high`, without leading zeros."""
    if high is not None and low > high:
        return
    if low == 0:
        yield '"0"'
        low = 1
    top = high if high is not None else 10 ** max(_DIGITS, len(str(low))) - 1
    while low <= top:
        length = len(str(low))
        end = min(top, 10**length - 1)
        yield from _span(str(low), str(end))
        low = end + 1


def _span(low: str, high: str) -> Iterator[str]:
    """Digits of one length, from `low` to `high`."""
    if not low:
        return
    if low == high:
        yield f'"{low}"'
        return
    if low[0] == high[0]:
        rest = list(_span(low[1:], high[1:]))
        yield f'"{low[0]}" {one_of(*rest)}'
        return
    first, last, left = int(low[0]), int(high[0]), len(low) - 1
    if low[1:].strip("0"):
        yield " ".join([f'"{first}"', one_of(*_span(low[1:], "9" * left))])
        first += 1
    if high[1:].strip("9"):
        yield " ".join([f'"{last}"', one_of(*_span("0" * left, high[1:]))])
        last -= 1
    if first <= last:
        yield _digit(first, last) + (f" [0-9]{{{left}}}" if left else "")


def _positive(bounds: Bounds) -> Iterator[str]:
    """Ways to write the numbers between two bounds that are not negative."""
    low, high = bounds.low or Decimal(0), bounds.high
    if high is not None and (low > high or (low == high and (bounds.above or bounds.below))):
        return
    whole, part = _digits(low)
    if high is None:
        yield from _from(whole, part, bounds.above)
        yield from (f'{way} ("." [0-9]{{1,{_FRACTION}}})?' for way in _naturals(whole + 1, None))
        return
    top, end = _digits(high)
    if whole == top:
        yield from (f'"{whole}" {way}'.strip() for way in _between(part, end, bounds.above, bounds.below))
        return
    yield from _from(whole, part, bounds.above)
    yield from (f'{way} ("." [0-9]{{1,{_FRACTION}}})?' for way in _naturals(whole + 1, top - 1))
    yield from (f'"{top}" {way}'.strip() for way in _between("", end, False, bounds.below))


def _from(whole: int, part: str, above: bool) -> Iterator[str]:
    """`whole`, and a fraction that is `part` or more."""
    yield from (f'"{whole}" {way}'.strip() for way in _between(part, None, above, False))


def _between(low: str, high: str | None, above: bool, below: bool) -> Iterator[str]:
    """Ways to write the fractions from `low` to `high` (digits without zeros at their end), point and all."""
    if not low and not above and (high or not below):
        yield ""
    inner = list(_fractions(low, high, above, below))
    if inner:
        yield f'"." {one_of(*inner)}'


def _fractions(low: str, high: str | None, above: bool, below: bool) -> Iterator[str]:
    """The same without the point: at least one digit. `high` None is no bound; "" is zero."""
    anything, zeros = f"[0-9]{{0,{_FRACTION}}}", f'"0"{{0,{_FRACTION}}}'
    if high == "":  # nothing but zeros is not more
        if not low and not above and not below:
            yield f'"0" {zeros}'
        return
    first = int(low[0]) if low else 0
    last = int(high[0]) if high else 9
    if first == last and high is not None:
        yield from _deeper(first, low[1:], high[1:], above, below)
        return
    if low or above:
        yield from _deeper(first, low[1:], None, above, False)
        first += 1
    if high is not None:
        yield from _deeper(last, "", high[1:], False, below)
        last -= 1
    if first <= last:
        yield f"{_digit(first, last)} {anything}"


def _deeper(digit: int, low: str, high: str | None, above: bool, below: bool) -> Iterator[str]:
    """Digits that begin with this one."""
    if not low and not above and (high or not below):
        yield f'"{digit}"'
    if not low and high is None:
        # With no bound left but "more than zero", the zeros must end somewhere.
        yield (
            f'"{digit}" "0"{{0,{_FRACTION}}} [1-9] [0-9]{{0,{_FRACTION}}}'
            if above
            else f'"{digit}" [0-9]{{1,{_FRACTION}}}'
        )
        return
    if inner := list(_fractions(low, high, above, below)):
        yield f'"{digit}" {one_of(*inner)}'


def _digits(value: Decimal) -> tuple[int, str]:
    """The integer part, and the digits of the fraction without zeros at their end."""
    _sign, digits, exponent = abs(value).as_tuple()
    if not isinstance(exponent, int) or len(digits) + abs(exponent) > _MOST_DIGITS:
        raise SchemaError("one of its bounds has too many digits")
    whole, _, part = f"{abs(value):f}".partition(".")
    return int(whole), part.rstrip("0")


def _digit(first: int, last: int) -> str:
    return f'"{first}"' if first == last else f"[{first}-{last}]"
