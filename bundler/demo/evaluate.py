"""The proof: held-out phrasings, asked through llama.cpp with greedy decoding, one row per ability."""

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from bundler.demo import conversations
from bundler.demo.abilities import arithmetic, days, explain, greetings, honesty, identity, knowledge, stories
from bundler.demo.conversations import Ability
from bundler.demo.core import Call, Exchange, Scene, Split
from bundler.demo.engine import Engine
from bundler.demo.template import render

Check = Callable[[str, Exchange], bool]
HELD_OUT = Split.HELD_OUT


@dataclass(frozen=True)
class Case:
    """One question to the model."""

    ability: str
    prompt: str
    expected: Exchange
    check: Check


@dataclass(frozen=True)
class Outcome:
    """What became of a case."""

    case: Case
    output: str
    ended: bool

    @property
    def passed(self) -> bool:
        """The right answer, and then silence."""
        return self.ended and self.case.check(self.output, self.case.expected)


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    ability: str
    passed: int
    ended: int
    total: int


def says(output: str, expected: Exchange) -> bool:
    """Everything that must occur does, as whole words, and nothing leaks that should be hidden."""
    if "<" in output:
        return False
    return all(any(_occurs(option, output) for option in must.split("|")) for must in expected.must)


def _occurs(text: str, output: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(text.casefold())}(?!\w)", output.casefold()) is not None


def says_one_word(output: str, expected: Exchange) -> bool:
    """Only the short answer."""
    return output.strip(" .!").casefold() == expected.short.casefold()


def calls(output: str, expected: Exchange) -> bool:
    """Exactly the calls expected, as JSON, in the template's format."""
    found = parse_calls(output)
    return found is not None and sorted(map(repr, found)) == sorted(map(repr, expected.calls))


def parse_calls(output: str) -> list[Call] | None:
    """The calls in an output that is nothing but calls; `None` if there is anything else."""
    bodies = re.findall(r"<tool_call>\n(.*?)\n</tool_call>", output, re.DOTALL)
    if re.sub(r"<tool_call>\n.*?\n</tool_call>", "", output, flags=re.DOTALL).strip():
        return None
    try:
        decoded = [json.loads(body) for body in bodies]
        return [Call(one["name"], one["arguments"]) for one in decoded]
    except (ValueError, KeyError, TypeError):
        return None


def thinks(output: str, expected: Exchange) -> bool:
    """A brief thought, closed, and a right answer after it."""
    thought, closed, answer = output.partition("</think>")
    return bool(closed) and 2 <= len(thought.split()) <= 40 and says(answer, expected)


def reads_as_story(output: str, expected: Exchange) -> bool:
    """Three to eight different sentences of known words, about what was asked for, properly ended."""
    sentences = [sentence for sentence in re.split(r"[.!?]\"?\s*", output) if sentence]
    words = set(re.findall(r"[^\W\d_]+", output.lower()))
    proper = 3 <= len(sentences) <= 8 and len(set(sentences)) == len(sentences) and output.rstrip()[-1:] in '.!"'
    return proper and words <= stories.words() and says(output, expected)


def _alone_or_later(ability: Ability) -> Callable[[random.Random], Scene]:
    """The ability's question, half of the time after other talk."""

    def make(rng: random.Random) -> Scene:
        before = [conversations.plain(rng, HELD_OUT) for _ in range(rng.choice((0, 0, 1, 2, 3)))]
        return Scene((*before, ability(rng, HELD_OUT)))

    return make


def _thinking(rng: random.Random) -> Scene:
    ability: Ability = rng.choice(
        (
            knowledge.capital,
            arithmetic.exchange,
            days.exchange,
            knowledge.opposite,
            identity.exchange,
            honesty.exchange,
        )
    )
    return replace(_alone_or_later(ability)(rng), thinking=True)


def _needing(make: Callable[[random.Random, Split], Scene], count: int) -> Callable[[random.Random], Scene]:
    """Scenes whose last exchange makes this many calls."""

    def again(rng: random.Random) -> Scene:
        while True:
            scene = make(rng, HELD_OUT)
            if len(scene.last.calls) == count:
                return scene

    return again


ROWS: tuple[tuple[str, Callable[[random.Random], Scene], Check], ...] = (
    ("says what it is", _alone_or_later(identity.exchange), says),
    ("greets, thanks, says goodbye", _alone_or_later(greetings.exchange), says),
    ("greets in Korean and Japanese", _alone_or_later(greetings.other_language), says),
    ("sixty capitals", _alone_or_later(knowledge.capital), says),
    ("arithmetic up to twenty", _alone_or_later(arithmetic.exchange), says),
    ("days and months", _alone_or_later(days.exchange), says),
    ("opposites", _alone_or_later(knowledge.opposite), says),
    ("colours", _alone_or_later(knowledge.colour), says),
    ("explanations and jokes", _alone_or_later(explain.exchange), says),
    ("repeats and counts", _alone_or_later(explain.repeating), says),
    ("remembers in a conversation", lambda rng: conversations.remember(rng, HELD_OUT), says),
    ("takes a name from the system prompt", lambda rng: conversations.named(rng, HELD_OUT), says),
    ("answers in one word when told to", lambda rng: conversations.brief(rng, HELD_OUT), says_one_word),
    ("tells tiny stories", _alone_or_later(stories.exchange), reads_as_story),
    ("calls a tool", _needing(conversations.calling, 1), calls),
    ("calls two tools at once", _needing(conversations.calling_twice, 2), calls),
    ("answers from the tool's result", _needing(conversations.calling, 1), says),
    ("answers from two results", _needing(conversations.calling_twice, 2), says),
    ("answers directly if no tool is needed", lambda rng: conversations.not_calling(rng, HELD_OUT), says),
    ("thinks first when asked to", _thinking, thinks),
    ("says that it does not know", _alone_or_later(honesty.exchange), says),
)


def cases(count: int, seed: int = 20) -> list[Case]:
    """`count` cases for every ability, always the same for the same seed."""
    made = []
    for ability, make, check in ROWS:
        rng = random.Random(f"{seed} {ability}")
        made += [_case(ability, make(rng), check) for _ in range(count)]
    return made


def _case(ability: str, scene: Scene, check: Check) -> Case:
    messages = scene.messages()
    asked = max(i for i, message in enumerate(messages) if message["role"] == "user")
    history = messages[: asked + 1] if check is calls else messages[:-1]
    return Case(ability, render(history, scene.tools, prompt=True, thinking=scene.thinking), scene.last, check)


def run(engine: Engine, chosen: list[Case]) -> list[Outcome]:
    """Ask everything."""
    return [Outcome(case, *engine.complete(case.prompt)) for case in chosen]


def rows(outcomes: list[Outcome]) -> list[Row]:
    """The results per ability, in the order of `ROWS`."""
    found = []
    for ability, _, _ in ROWS:
        mine = [outcome for outcome in outcomes if outcome.case.ability == ability]
        found.append(Row(ability, sum(o.passed for o in mine), sum(o.ended for o in mine), len(mine)))
    return found


def table(results: dict[str, list[Row]]) -> str:
    """One column per file, one row per ability, as Markdown."""
    lines = ["| ability | " + " | ".join(results) + " |", "|---|" + "---:|" * len(results)]
    columns = list(results.values())
    for i, (ability, _, _) in enumerate(ROWS):
        lines.append(
            f"| {ability} | "
            + " | ".join(f"{column[i].passed / max(1, column[i].total):.1%}" for column in columns)
            + " |"
        )
    lines.append("| **all** | " + " | ".join(f"**{_share(column, 'passed'):.1%}**" for column in columns) + " |")
    lines.append("| ends its turn | " + " | ".join(f"{_share(column, 'ended'):.1%}" for column in columns) + " |")
    return "\n".join(lines)


def _share(column: list[Row], field: str) -> float:
    return float(sum(getattr(row, field) for row in column) / max(1, sum(row.total for row in column)))


def evaluate(folder: Path, models: list[Path], count: int) -> tuple[dict[str, list[Row]], list[Outcome]]:
    """Evaluate each file with the llama.cpp in `folder`; also everything that failed."""
    chosen, results, failed = cases(count), {}, []
    for model in models:
        engine = Engine(folder, model)
        outcomes = run(engine, chosen)
        engine.close()
        results[model.stem] = rows(outcomes)
        failed += [outcome for outcome in outcomes if not outcome.passed]
    return results, failed
