import random
from collections.abc import Iterator

import pytest

from bundler.demo import conversations, evaluate
from bundler.demo.abilities import tools
from bundler.demo.conversations import FIRST, SECOND, Mix
from bundler.demo.core import Scene, Split
from bundler.demo.grammar import normalise
from bundler.demo.template import render


def _scenes(split: Split, count: int, mix: Mix = FIRST) -> Iterator[Scene]:
    rng = random.Random(11)
    return (conversations.scene(rng, split, mix) for _ in range(count))


def test_the_same_seed_gives_the_same_conversations() -> None:
    first, second = ([render(s.messages(), s.tools) for s in _scenes(Split.TRAIN, 50)] for _ in range(2))
    assert first == second


@pytest.mark.parametrize("split", list(Split))
def test_every_call_fits_the_offered_tools(split: Split) -> None:
    for scene in _scenes(split, 800):
        offered = {tool["function"]["name"]: tool["function"]["parameters"] for tool in scene.tools}
        assert len(offered) == len(scene.tools)
        for exchange in scene.exchanges:
            assert len(exchange.calls) == len(exchange.results)
            for call in exchange.calls:
                assert set(offered[call.name].get("required", ())) <= set(call.arguments)
                assert set(call.arguments) <= set(offered[call.name]["properties"])


def test_calls_fit_tools_whose_names_are_made_up() -> None:
    for scene in _scenes(Split.TRAIN, 800, SECOND):
        offered = {tool["function"]["name"]: set(tool["function"]["parameters"]["properties"]) for tool in scene.tools}
        assert len(offered) == len(scene.tools)
        assert all(set(call.arguments) <= offered[call.name] for one in scene.exchanges for call in one.calls)


def test_made_up_tools_never_take_a_held_out_name_or_description() -> None:
    held_out = {name for kind in tools.kinds() for name in (*kind.held_out_names, *kind.held_out_descriptions)}
    for scene in _scenes(Split.TRAIN, 1500, SECOND):
        for tool in scene.tools:
            assert tool["function"]["name"] not in held_out
            assert tool["function"].get("description") not in held_out


def test_no_slot_is_left_unfilled() -> None:
    for scene in _scenes(Split.TRAIN, 800):
        for exchange in scene.exchanges:
            assert "{" not in exchange.user
            assert "{" not in exchange.answer


def test_what_was_trained_would_pass_the_evaluation() -> None:
    """The expectations are right: the answers of the training text satisfy their own checks."""
    for case in evaluate.cases(15):
        expected = case.expected
        if case.check is evaluate.calls:
            turn = [call.to_message()["function"] for call in expected.calls]
            text = "\n".join(
                f'<tool_call>\n{{"name": "{call["name"]}", "arguments": {call["arguments"]}}}\n</tool_call>'
                for call in turn
            )
        elif case.check is evaluate.thinks:
            text = f"{expected.thought}\n</think>\n\n{expected.answer}"
        else:
            text = expected.answer
        assert case.check(text, expected), (case.ability, text)


def test_questions_of_the_evaluation_do_not_occur_in_training() -> None:
    scenes = (*_scenes(Split.TRAIN, 2500), *_scenes(Split.TRAIN, 2500, SECOND))
    trained = {normalise(exchange.user) for scene in scenes for exchange in scene.exchanges}
    asked = {normalise(case.expected.user) for case in evaluate.cases(30) if len(case.expected.user.split()) > 2}
    assert not trained & asked
