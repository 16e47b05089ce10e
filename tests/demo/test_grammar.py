import random
import re

import pytest

from bundler.demo import conversations
from bundler.demo.core import Split
from bundler.demo.grammar import Phrases, all_phrases, expand, normalise
from bundler.demo.paraphrase import vary


def test_a_pattern_stands_for_all_its_expansions() -> None:
    assert expand("(hi|hello)( you|)!") == ("hi you!", "hi!", "hello you!", "hello!")


def test_alternatives_may_nest() -> None:
    assert expand("a(b(c|d)|)") == ("abc", "abd", "a")


@pytest.mark.parametrize("pattern", ["(a|b", "a)b", "((a)"])
def test_an_unbalanced_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="Unbalanced"):
        expand(pattern)


def test_phrasings_that_differ_only_in_case_and_punctuation_are_the_same() -> None:
    assert normalise("What's UP?") == normalise("whats up")


def test_a_phrasing_cannot_be_both_trained_and_held_out() -> None:
    with pytest.raises(ValueError, match="both trained and held out"):
        Phrases(train=("(hi|hello) there",), held_out=("Hello, there!",))


def test_no_held_out_phrasing_is_trained_by_any_ability() -> None:
    assert conversations.PLAIN

    def shapes(phrases: Phrases, split: Split) -> set[str]:
        return {re.sub(r"\{\w+\}", "{}", text) for text in phrases.normalised(split)}

    ours = [phrases for phrases in all_phrases() if phrases.train[0] != "(hi|hello) there"]
    trained = set[str]().union(*(shapes(phrases, Split.TRAIN) for phrases in ours))
    held_out = set[str]().union(*(shapes(phrases, Split.HELD_OUT) for phrases in ours))
    assert not trained & held_out


def test_slots_are_filled_and_never_misspelt() -> None:
    phrases = Phrases(train=("my name is definitely {v}",), held_out=())
    rng = random.Random(1)
    assert all("Zebulon" in phrases.say(rng, Split.TRAIN, v="Zebulon") for _ in range(300))


def test_a_variation_never_arrives_at_what_is_held_out() -> None:
    phrases = Phrases(train=("which flavour is {x}?",), held_out=("what flavour is {x}?",))
    rng = random.Random(2)
    said = {normalise(phrases.say(rng, Split.TRAIN, x="snow")) for _ in range(2000)}
    assert "what flavour is snow" not in said
    assert len(said) > 50


def test_a_variation_keeps_its_slots() -> None:
    rng = random.Random(3)
    question = "can you tell me what is the name of {x} and {d}, please?"
    assert all(vary(rng, question).count("{x}") == vary(rng, question).count("{d}") == 1 for _ in range(300))
