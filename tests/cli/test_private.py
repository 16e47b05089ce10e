"""What `doctor` tells can be pasted anywhere."""

from __future__ import annotations

import json

from runtime.cli.private import Veil

VEIL = Veil("/home/anna", "anna")


def test_the_home_becomes_a_tilde_and_nothing_else_does() -> None:
    assert VEIL.over("/home/anna/.cache/x, /home/annabel/y") == "~/.cache/x, /home/annabel/y"


def test_the_users_name_is_hidden_in_other_paths() -> None:
    assert VEIL.over("/run/media/anna/stick and /tmp/anna: full") == "/run/media/USER/stick and /tmp/USER: full"


def test_words_that_only_contain_the_name_stay() -> None:
    assert VEIL.over("anna-lena has bananas in /data/annals") == "anna-lena has bananas in /data/annals"


def test_all_of_a_document_is_covered() -> None:
    told = {"a": ["/home/anna/1", {"b": ("/home/anna",)}], "number": 5, "none": None}
    assert "anna" not in json.dumps(VEIL.over(told))


def test_a_user_without_a_home_hides_nothing() -> None:
    assert Veil("", "").over("/a/b") == "/a/b"
