"""A Jinja environment for templates that came with a downloaded file and are not to be trusted.

Jinja's immutable sandbox keeps a template away from Python's attributes and from changing what it is given. It does
not keep one from looping for ever or from doubling a string sixty times, and Python can neither kill a thread nor
cap its memory. So the template is metered where it is compiled: every turn of a loop, macro and call costs a step of
a `Budget`, and every operation that can make something large is forecast before it happens. What remains is the time
of single operations on values under the limits, which is bounded by them.

What templates written for Hugging Face's library expect is here: `raise_exception`, `strftime_now`, a `tojson` that
does not escape for HTML, `{% break %}`, `{% continue %}`, `{% generation %}`, trimmed blocks.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from datetime import datetime
from functools import wraps
from typing import Any, NoReturn

from jinja2 import TemplateError, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.runtime import Context, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

MAX_SOURCE = 512 * 1024  # characters of a template; the longest seen in the wild are under 32 KiB
MAX_STEPS = 2_000_000
MAX_SECONDS = 5.0
MAX_SIZE = 16 * 1024 * 1024  # characters (or items) of any one value, and of the prompt
MAX_NUMBER_BITS = 4096
MAX_WIDTH = 10_000  # for padding, indenting and the like


class Budget:
    """What one rendering may spend."""

    def __init__(self, steps: int = MAX_STEPS, seconds: float = MAX_SECONDS) -> None:
        self._left = steps
        self._deadline = time.monotonic() + seconds

    def spend(self) -> None:
        """Take one step. Raises `SecurityError` when steps or time are used up."""
        self._left -= 1
        if self._left < 0 or (self._left % 256 == 0 and time.monotonic() > self._deadline):
            raise SecurityError("it takes too long")


_budget: ContextVar[Budget] = ContextVar("budget")


class CompiledTemplate:
    """A template as code; `render` may run in several threads at once."""

    def __init__(self, source: str) -> None:
        if len(source) > MAX_SOURCE:
            raise SecurityError(f"it is longer than {MAX_SOURCE} characters")
        environment = _Environment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, _GenerationTag])
        environment.install()
        tree = _Metering().visit(environment.parse(source))
        tree.set_environment(environment)
        self._template = environment.template_class.from_code(
            environment, environment.compile(tree), environment.globals
        )

    def render(self, variables: Mapping[str, Any]) -> str:
        """The rendered text. Raises whatever the template raises, and `SecurityError` where it oversteps."""
        token = _budget.set(Budget())
        try:
            pieces: list[str] = []
            size = 0
            for piece in self._template.generate(dict(variables)):
                size += len(piece)
                _limit(size)
                pieces.append(piece)
            return "".join(pieces)
        finally:
            _budget.reset(token)


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def install(self) -> None:
        """Our globals and filters, and a guard around every filter that came with Jinja."""
        del self.globals["lipsum"]
        self.globals["raise_exception"] = _raise_exception
        self.globals["strftime_now"] = _strftime_now
        for name, function in list(self.filters.items()):
            self.filters[name] = _guarded(name, function)
        self.filters["tojson"] = _tojson
        self.finalize = _printable

    def step(self) -> str:
        """Called by compiled code at every turn of a loop and every macro."""
        _budget.get().spend()
        return ""

    def joined(self, *parts: Any) -> str:
        """`a ~ b`, with the size known before the memory is taken."""
        _limit(sum(map(_weight, parts)))
        return "".join(map(str, parts))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "%" and isinstance(left, str):
            _forecast_format(left, right if isinstance(right, tuple) else (right,), "%")
        elif isinstance(left, int) and isinstance(right, int):
            _limit_number(operator, left, right)
        elif operator == "*":
            factor, value = (left, right) if isinstance(left, int) else (right, left)
            if isinstance(factor, int) and hasattr(value, "__len__"):
                _limit(len(value) * factor)
        elif operator == "+" and hasattr(left, "__len__") and hasattr(right, "__len__"):
            _limit(len(left) + len(right))
        return super().call_binop(context, operator, left, right)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805 - as Jinja's
        _budget.get().spend()
        method = getattr(__obj, "__wrapped__", __obj)  # Jinja hands out str.format in a wrapper of its own
        receiver = getattr(method, "__self__", None)
        if isinstance(receiver, str):
            _forecast_method(getattr(method, "__name__", ""), receiver, (*args, *kwargs.values()))
        return super().call(__context, __obj, *args, **kwargs)


class _Metering(NodeTransformer):
    """Puts a step into every loop and macro, and sends `~` through `_Environment.joined`."""

    def _metered(self, node: nodes.For | nodes.Macro | nodes.CallBlock) -> nodes.Node:
        self.generic_visit(node)
        step = nodes.ExprStmt(nodes.Call(nodes.EnvironmentAttribute("step"), [], [], None, None))
        node.body.insert(0, step.set_lineno(node.lineno))
        return node

    visit_For = visit_Macro = visit_CallBlock = _metered  # noqa: N815 - Jinja finds them by these names

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802 - Jinja finds it by this name
        self.generic_visit(node)
        return nodes.Call(nodes.EnvironmentAttribute("joined"), node.nodes, [], None, None).set_lineno(node.lineno)


class _GenerationTag(Extension):
    """`{% generation %}…{% endgeneration %}` marks the assistant's part for training; here it is only its content."""

    tags = {"generation"}  # noqa: RUF012 - as Jinja declares it

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _raise_exception(message: str) -> NoReturn:
    raise TemplateError(message)


def _strftime_now(layout: str) -> str:
    return datetime.now().strftime(layout)


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    if isinstance(value, Undefined):
        raise TemplateError("tojson of a value that is not there")
    _limit_width(indent)
    _limit(_weight(value))
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _printable(value: Any) -> Any:
    """Looked at before it becomes text: a list that holds itself twice, thirty times over, prints as 2³⁰ items."""
    if not isinstance(value, str):
        _limit(_weight(value))
    return value


def _guarded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)  # keeps Jinja's marks, which say what is passed first
    def guarded(*args: Any, **kwargs: Any) -> Any:
        values = (*args, *kwargs.values())
        for position, value in enumerate(values):
            if name in _PADDING and position and isinstance(value, int):
                _limit_width(value)
            if name in _TEXT_MAKING:
                _limit(_weight(value))
        texts = [value for value in values if isinstance(value, str)]
        if name == "replace" and len(texts) >= 3:
            _forecast_method("replace", texts[0], tuple(texts[1:]))
        if name == "format" and texts:
            _forecast_format(texts[0], values[1:], "%")
        if name == "join":
            args = tuple(list(arg) if isinstance(arg, Iterator) else arg for arg in args)
            between = max((len(value) for value in values[2:] if isinstance(value, str)), default=0)
            _limit(sum(map(_weight, args)) * (1 + between))
        return function(*args, **kwargs)

    return guarded


_ITEM = 16  # what an item weighs that is not text: about what it prints as
_PADDING = frozenset({"batch", "center", "indent", "slice", "truncate", "wordwrap", "round"})
_TEXT_MAKING = frozenset({"string", "pprint", "urlencode", "e", "escape", "forceescape", "xmlattr", "indent"})
# A width of five digits or more, or one that comes from an argument.
_WIDE = {"%": re.compile(r"%[^%a-zA-Z]*(\d{5}|\*)"), "{": re.compile(r":[^{}]*\d{5}|\{[^{}]*\{")}


def _forecast_method(name: str, receiver: str, args: tuple[Any, ...]) -> None:
    """How large `receiver.name(*args)` would become."""
    if name in ("center", "ljust", "rjust", "zfill", "expandtabs"):
        for arg in args:
            _limit_width(arg)
    elif name == "replace" and len(args) >= 2 and isinstance(args[0], str) and isinstance(args[1], str):
        _limit(len(receiver) + receiver.count(args[0]) * len(args[1]))
    elif name == "join" and args and hasattr(args[0], "__len__"):
        _limit(_weight(args[0]) + len(receiver) * len(args[0]))
    elif name in ("format", "format_map"):
        _forecast_format(receiver, args, "{")
    elif name == "translate":
        raise SecurityError("it uses str.translate, which is not offered here")


def _forecast_format(layout: str, args: tuple[Any, ...], mark: str) -> None:
    if _WIDE[mark].search(layout.replace("{{", "").replace("}}", "")):
        raise SecurityError("it formats with a width that is too large")
    _limit(len(layout) + layout.count(mark) * max(map(_weight, args), default=0))


def _limit(size: int) -> None:
    if size > MAX_SIZE:
        raise SecurityError(f"it makes a text of more than {MAX_SIZE} characters")


def _limit_width(width: Any) -> None:
    if isinstance(width, int) and width > MAX_WIDTH:
        raise SecurityError(f"it pads to a width over {MAX_WIDTH}")


def _limit_number(operator: str, left: int, right: int) -> None:
    bits = left.bit_length() * max(right, 1) if operator == "**" else left.bit_length() + right.bit_length()
    if bits > MAX_NUMBER_BITS:
        raise SecurityError("it computes with numbers that are too large")


def _weight(value: Any) -> int:
    """Characters and items in `value`, containers included; stops counting soon after the limit."""
    total = 0
    waiting = [value]
    while waiting and total <= MAX_SIZE:
        item = waiting.pop()
        if isinstance(item, str):
            total += len(item)
        elif isinstance(item, Mapping):
            total += _ITEM
            waiting.extend(item.keys())
            waiting.extend(item.values())
        elif isinstance(item, list | tuple | set | frozenset):
            total += _ITEM
            waiting.extend(item)
        else:
            total += _ITEM
    return total
