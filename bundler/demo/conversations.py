"""Scenes: abilities put together into conversations, for training and, one by one, for evaluation."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from bundler.demo.abilities import (
    arithmetic,
    days,
    drills,
    explain,
    greetings,
    honesty,
    identity,
    knowledge,
    memory,
    stories,
    system,
    tool_kinds,
    toolbox,
    tools,
)
from bundler.demo.abilities.tool_kinds import Kind
from bundler.demo.core import Exchange, Scene, Split

Ability = Callable[[random.Random, Split], Exchange]


# What may come up in any conversation, and how often.
PLAIN: tuple[tuple[Ability, float], ...] = (
    (identity.exchange, 0.11),
    (greetings.exchange, 0.13),
    (knowledge.capital, 0.12),
    (arithmetic.exchange, 0.18),
    (arithmetic.too_big, 0.02),
    (days.exchange, 0.09),
    (knowledge.opposite, 0.07),
    (knowledge.colour, 0.06),
    (stories.exchange, 0.07),
    (honesty.exchange, 0.14),
    (explain.exchange, 0.05),
    (explain.repeating, 0.05),
)
SHORT: tuple[Ability, ...] = (
    knowledge.capital, knowledge.capital, arithmetic.exchange, knowledge.opposite, knowledge.colour,
    days.exchange, honesty.no_capital,
)  # fmt: skip
_ABILITIES, _WEIGHTS = zip(*PLAIN, strict=True)


@dataclass(frozen=True)
class Mix:
    """How often each sort of scene occurs (in the order of `_SCENES`), and what is in them.

    `invented` is the share of tools with odd names: with sensible names only, the model learns the names; with
    senseless ones, to read the list. `plain` weighs the plain abilities, in the order of `PLAIN`.
    """

    weights: tuple[float, ...]
    invented: float
    thinking: float = 0.16
    plain: tuple[float, ...] = _WEIGHTS


FIRST = Mix((0.37, 0.13, 0.06, 0.06, 0.13, 0.05, 0.09, 0.11, 0.0, 0.0), invented=0.0)
# Once copying works: tools with odd names, many questions to one list, more names, greetings and thoughts.
SECOND = Mix(
    (0.27, 0.11, 0.1, 0.07, 0.13, 0.07, 0.07, 0.05, 0.02, 0.11),
    invented=0.5,
    thinking=0.27,
    plain=(0.13, 0.2, 0.1, 0.14, 0.03, 0.09, 0.05, 0.08, 0.09, 0.17, 0.09, 0.06),
)


def plain(rng: random.Random, split: Split, weights: tuple[float, ...] = _WEIGHTS) -> Exchange:
    """Something from any plain ability; most of the time not a long one."""
    ability: Ability = rng.choices(_ABILITIES, weights)[0]
    return ability(rng, split)


def _turns(rng: random.Random) -> int:
    dice = rng.random()
    return (
        1
        if dice < 0.5
        else rng.randint(2, 4)
        if dice < 0.88
        else rng.randint(5, 12)
        if dice < 0.985
        else rng.randint(13, 28)
    )


def talk(rng: random.Random, split: Split, mix: Mix = FIRST) -> Scene:
    """A conversation without tools or instructions."""
    exchanges = []
    for _ in range(_turns(rng)):
        dice = rng.random()
        exchanges.append(
            memory.ask(rng, split, rng.choice(memory.FACTS), None) if dice < 0.015 else plain(rng, split, mix.plain)
        )
    prompt = system.plain_prompt(rng, split) if rng.random() < 0.25 else None
    return Scene(tuple(exchanges), system=prompt or None)


def remember(rng: random.Random, split: Split, mix: Mix = FIRST) -> Scene:
    """A conversation in which something is told and asked for later."""
    dice = rng.random()
    turns = 0 if dice < 0.35 else rng.randint(1, 3) if dice < 0.8 else rng.randint(4, 8)
    exchanges = memory.episode(rng, split, lambda: plain(rng, split), turns)
    if rng.random() < 0.3:
        exchanges = (plain(rng, split), *exchanges)
    if rng.random() < 0.08:
        name = system.new_name(rng, split)
        asked = memory.ask(rng, split, memory.NAME, name)
        return Scene((plain(rng, split), asked)[rng.randint(0, 1) :], system=system.user_named_prompt(rng, split, name))
    prompt = system.plain_prompt(rng, split) if rng.random() < 0.2 else None
    return Scene(exchanges, system=prompt or None)


def named(rng: random.Random, split: Split, mix: Mix = FIRST) -> Scene:
    """A conversation whose system prompt gives the model a name; asked for it last."""
    name = system.new_name(rng, split)
    exchanges: list[Exchange] = []
    if rng.random() < 0.4:
        exchanges.append(system.hello_as(rng, split, name))
    for _ in range(rng.choice((0, 0, 0, 1, 2))):
        exchanges.append(_nameless(rng, split))
    exchanges.append(system.who_as(rng, split, name))
    return Scene(tuple(exchanges), system=system.named_prompt(rng, split, name))


def _nameless(rng: random.Random, split: Split) -> Exchange:
    """Anything but an introduction, which would contradict the system prompt's name."""
    while True:
        exchange = plain(rng, split)
        if "demo model" not in exchange.answer:
            return exchange


def brief(rng: random.Random, split: Split, mix: Mix = FIRST) -> Scene:
    """A conversation under a one-word rule."""
    count = rng.choice((1, 1, 2, 3, 4))
    exchanges = tuple(system.one_word(rng.choice(SHORT)(rng, split)) for _ in range(count))
    prompt = system.one_word_prompt(rng, split)
    if rng.random() < 0.2:
        name = system.new_name(rng, split)
        prompt = f"{system.named_prompt(rng, split, name)} {prompt}"
        if rng.random() < 0.5:
            exchanges = (*exchanges, system.one_word(system.who_as(rng, split, name)))
    return Scene(exchanges, system=prompt)


def _tool_prompt(rng: random.Random, split: Split) -> str | None:
    return (system.plain_prompt(rng, split) or None) if rng.random() < 0.3 else None


def _with_others(
    rng: random.Random, split: Split, offers: list[toolbox.Offer], mix: Mix
) -> tuple[dict[str, object], ...]:
    """The needed tools among others, in any order, no name twice."""
    taken = {offer.name for offer in offers}
    schemas = [offer.schema for offer in offers]
    labels = {offer.kind.label for offer in offers}
    for kind in rng.sample(tools.kinds(), rng.choice((0, 0, 1, 1, 2))):
        other = toolbox.offer(rng, split, kind, mix.invented)
        clash = kind.label in labels or {kind.label, *labels} >= {"clock", "here clock"} or _sums(kind.label, labels)
        if other.name not in taken and not clash:
            schemas.append(other.schema)
            taken.add(other.name)
            labels.add(kind.label)
    schemas += toolbox.idle(rng, rng.choice((0, 0, 1, 2)))
    rng.shuffle(schemas)
    return tuple(schemas)


def _sums(label: str, labels: set[str]) -> bool:
    """A calculator beside an adding tool would leave two right answers."""
    return (label == "calculator" and bool(labels & {"+", "-", "*"})) or (label in "+-*" and "calculator" in labels)


def calling(rng: random.Random, split: Split, mix: Mix = FIRST) -> Scene:
    """Tools are offered and the last question needs one of them."""
    weights = (0.3, 0.16, 0.18, 0.05, 0.03, 0.04, 0.06, 0.06, 0.04, 0.08)
    kind: Kind = rng.choices(tools.kinds(), weights)[0]
    offer = toolbox.offer(rng, split, kind, mix.invented)
    exchanges = [tools.one_call(rng, split, offer)]
    if offer.kind is tool_kinds.WEATHER and rng.random() < 0.12:
        exchanges = [*tools.asked_back(rng, split, offer)]
    elif offer.kind in (tool_kinds.WEATHER, tool_kinds.CLOCK) and rng.random() < 0.2:
        exchanges.append(tools.again(rng, split, offer))
    elif rng.random() < 0.25:
        exchanges.insert(0, _toolless(rng, split))
    elif rng.random() < 0.15:
        exchanges.append(greetings.of(greetings.THANKS, rng, split))
        exchanges.append(tools.one_call(rng, split, offer))
    return Scene(tuple(exchanges), system=_tool_prompt(rng, split), tools=_with_others(rng, split, [offer], mix))


_TOGETHER = (tool_kinds.WEATHER, tool_kinds.CLOCK, tool_kinds.CALCULATOR)


def calling_twice(rng: random.Random, split: Split, mix: Mix = FIRST) -> Scene:
    """Tools are offered and the question needs two calls."""
    offers = [
        toolbox.offer(rng, split, kind, mix.invented)
        for kind in (tool_kinds.WEATHER, tool_kinds.CLOCK, tool_kinds.CALCULATOR)
    ]
    if len({offer.name for offer in offers}) < 3:
        return calling_twice(rng, split, mix)
    exchange = tools.two_calls(rng, split, *offers)
    called = {call.name for call in exchange.calls}
    needed = [offer for offer in offers if offer.name in called or rng.random() < 0.4]
    return Scene((exchange,), system=_tool_prompt(rng, split), tools=_with_others(rng, split, needed, mix))


def _toolless(rng: random.Random, split: Split) -> Exchange:
    """Something no tool could help with, whatever is offered."""
    abilities: tuple[Ability, ...] = (
        identity.exchange, greetings.exchange, knowledge.capital, knowledge.opposite, knowledge.colour,
        days.exchange, stories.exchange, explain.exchange,
    )  # fmt: skip
    return rng.choice(abilities)(rng, split)


def not_calling(rng: random.Random, split: Split, mix: Mix = FIRST) -> Scene:
    """Tools are offered, none is needed, or the one that is needed is missing."""
    if rng.random() < 0.3:
        missing: Ability
        missing, labels = rng.choice(
            (
                (honesty.weather, {"weather"}),
                (honesty.time, {"clock", "here clock"}),
                (arithmetic.exchange, {"calculator", "+", "-", "*"}),
            )
        )
        offered = [
            kind
            for kind in tools.kinds()
            if kind.label not in labels and not (missing is not arithmetic.exchange and kind.label == "search")
        ]
        schemas = [
            toolbox.offer(rng, split, kind, mix.invented).schema for kind in rng.sample(offered, rng.choice((1, 1, 2)))
        ]
        schemas += toolbox.idle(rng, rng.choice((0, 1)))
        return Scene((missing(rng, split),), system=_tool_prompt(rng, split), tools=tuple(schemas))
    count = rng.choice((1, 1, 2))
    exchanges = tuple(_toolless(rng, split) for _ in range(count))
    needed = [toolbox.offer(rng, split, rng.choice(tools.kinds()), mix.invented)]
    if rng.random() < 0.2:
        exchanges = memory.episode(rng, split, lambda: _toolless(rng, split), rng.choice((0, 1)))
    return Scene(exchanges, system=_tool_prompt(rng, split), tools=_with_others(rng, split, needed, mix))


def tool_talk(rng: random.Random, split: Split, mix: Mix = FIRST) -> Scene:
    """Several questions to one list of tools, for training: the list is long, and read once for all of them."""
    offers = [
        toolbox.offer(rng, split, kind, mix.invented)
        for kind in (tool_kinds.WEATHER, tool_kinds.CLOCK, tool_kinds.CALCULATOR)
    ]
    if len({offer.name for offer in offers}) < 3:
        return tool_talk(rng, split, mix)
    exchanges: list[Exchange] = []
    for _ in range(rng.choice((2, 2, 3, 3, 4))):
        dice = rng.random()
        if dice < 0.45:
            exchanges.append(tools.two_calls(rng, split, *offers))
        elif dice < 0.85:
            exchanges.append(tools.one_call(rng, split, rng.choice(offers)))
        else:
            exchanges.append(_toolless(rng, split))
    return Scene(tuple(exchanges), system=_tool_prompt(rng, split), tools=_with_others(rng, split, offers, mix))


def drill(rng: random.Random, split: Split, mix: Mix = FIRST) -> Scene:
    """Copying for its own sake; there is nothing to hold out."""
    return Scene(drills.exchanges(rng))


def sums(rng: random.Random, split: Split, mix: Mix = FIRST) -> Scene:
    """Nothing but sums, one after the other."""
    return Scene(tuple(arithmetic.exchange(rng, split) for _ in range(rng.randint(2, 7))))


_SCENES: tuple[Callable[[random.Random, Split, Mix], Scene], ...] = (
    talk, remember, named, brief, calling, calling_twice, not_calling, drill, sums, tool_talk,
)  # fmt: skip


def scene(rng: random.Random, split: Split, mix: Mix = FIRST) -> Scene:
    """Any conversation; some are thought through first."""
    made = rng.choices(_SCENES, mix.weights)[0](rng, split, mix)
    return replace(made, thinking=True) if rng.random() < mix.thinking else made
