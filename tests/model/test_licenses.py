"""Licences that ask something of whoever hands a model on."""

from __future__ import annotations

import pytest

from bundler.errors import ModelError
from bundler.model.licenses import License, check_accepted, chosen_name, condition_of, text_for

CONDITIONED = [
    *("llama2", "llama3.1", "Llama 3.2", "llama4", "gemma", "cc-by-nc-4.0", "CC-BY-NC-SA-4.0", "cc-by-nd-4.0"),
    *("openrail", "bigscience-openrail-m", "creativeml-openrail-m", "qwen", "qwen-research", "mrl", "mnpl-0.1"),
    *("falcon-llm-license", "stabilityai-ai-community", "exaone", "apple-amlr", "lfm1.0", "proprietary"),
]
FREE = ["apache-2.0", "mit", "bsd-3-clause", "cc-by-4.0", "cc-by-sa-4.0", "cc0-1.0", "gpl-3.0", "unlicense", "wtfpl"]


@pytest.mark.parametrize("name", CONDITIONED)
def test_it_has_conditions(name: str) -> None:
    with pytest.raises(ModelError) as caught:
        check_accepted("the model", [name], [])
    found = condition_of(name)
    assert found is not None
    assert found.asks in caught.value.message
    assert f"--accept-license {found.license}" in caught.value.remedy
    assert check_accepted("the model", [name], [name.upper()]) == [found]


@pytest.mark.parametrize("name", [*FREE, "", "other", "unknown"])
def test_it_has_none(name: str) -> None:
    assert check_accepted("the model", [name], []) == []


def test_a_licence_that_forbids_is_told_apart() -> None:
    with pytest.raises(ModelError, match="forbids handing it on"):
        check_accepted("the model", ["proprietary"], [])


def test_of_several_statements_all_count() -> None:
    with pytest.raises(ModelError, match="gemma"):
        check_accepted("the model", ["mit", "gemma"], ["mit"])


def test_the_name_that_says_something_is_chosen() -> None:
    assert chosen_name("", None, "other", "Llama3.1") == "Llama3.1"
    assert chosen_name("other", "") == "other"
    assert chosen_name() == ""


def test_the_text_is_the_one_found_or_a_standard_one_or_a_note() -> None:
    assert text_for("mit", License(text=b"found")) == b"found"
    assert b"Apache License" in text_for("Apache-2.0", License())
    assert b"https://example.org/terms" in text_for("own", License(link="https://example.org/terms"))
    assert b"not found" in text_for("own", License())
    assert text_for("", License()) == b""
