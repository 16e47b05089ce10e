# ruff: noqa: E501 - one row is one grammar
"""Grammars from strangers: none takes longer than a token may, and what is written anew allows the same."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLong
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.grammar.gbnf import read
from runtime.grammar.harmless import harmless
from runtime.grammar.rules import ShapeError
from runtime.grammar.schema import grammar_of
from tests.grammar.drawing import Drawing
from tests.grammar.schemas import schema
from tests.models import TinyModel

SECONDS = 60.0
"""For one grammar, however busy the machine is; a hostile one that got through would take hours."""
RULES = ("root", "r1", "r2", "r3")
ATOMS = ('"a"', '"b"', '"-"', '" "', '"ab"', "[ab]", "[^b]", "[a-z]", ".", '""', '"é"', *RULES)
QUANTIFIERS = ("", "", "", "*", "+", "?", "{0,40}", "{3}", "{2,}", "{300}", "{0,900}")

JSON = r"""root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws
object ::= "{" ws ( string ":" ws value ("," ws string ":" ws value)* )? "}" ws
array  ::= "[" ws ( value ("," ws value)* )? "]" ws
string ::= "\"" ( [^"\\\x7F\x00-\x1F] | "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) )* "\"" ws
number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws
ws     ::= | " " | "\n" [ \t]{0,20}
"""
ARITHMETIC = r"""root  ::= (expr "=" ws term "\n")+
expr  ::= term ([-+*/] term)*  # as people write it
term  ::= ident | num | "(" ws expr ")" ws
ident ::= [a-z] [a-z0-9_]* ws
num   ::= [0-9]+ ws
ws    ::= [ \t\n]*
"""
KEPT = {
    "a word": 'root ::= "yes" | "no"',
    "JSON": JSON,
    "arithmetic": ARITHMETIC,
    "lines": 'root ::= ("- " [^\\n]+ "\\n")+',
    "a long text": 'root ::= "' + "a" * 60_000 + '"',
    "many words": "root ::= " + " | ".join(f'"word {number}"' for number in range(300)),
    "long for ever": "root ::= a0\n" + "\n".join(f"a{n} ::= a{n + 1} a{n + 1}" for n in range(60)) + '\na60 ::= "a"',
    "repeated repetitions": 'root ::= (("a"{500}){500}){500}',
}
REWRITTEN = {
    "words with space that may be missing": ("root ::= (word ws)*\nword ::= [a-z]+\nws ::= [ ]*", ["", "a", "ab c "]),
    "a repetition of a repetition": ('root ::= ("a"*)* "b"', ["b", "aaab"]),
    "a chain of parts that may be missing": ('root ::= ("a"? "b"? "c"?){50}', ["", "cba", "abc" * 50]),
    "the same thirty times": ("root ::= " + '("a" | "b")* ' * 30 + '"é"', ["é", "abbaé"]),
    "two ways for a dash": ('root ::= (("-" | "-") "-")*', ["", "--", "-" * 64]),
}
REFUSED = {
    "it has no rule called root": 'start ::= "a"',
    "which it does not have": "root ::= nothing",
    "in line 2 at character 7": 'root ::= a\na ::= %',
    "character in it that is none": "root ::= \x00",
    "at least 3 times and at most 1": 'root ::= "a"{3,1}',
    "nested more than 200 deep": "root ::= " + "(" * 5000 + '"a"' + ")" * 5000,
    "too large when its repetitions": 'root ::= "' + "a" * 30_000 + '"{2000}',
    "repeated too often": 'root ::= (("a" | "b"?){100} | "c"){1000}',
    "too many ways at once": 'root ::= "a" root "b" | "a" root "c" | "d"',
    "too large, or too intricate": 'root ::= x | y\nx ::= "(" x ")" | "a"\ny ::= "(" y ")" | "b"',
    "begin with one another": "\n".join(f"r{n} ::= r{n + 1} | r{n + 1}" for n in range(60)) + '\nr60 ::= "a" r60 "b" | ""\nroot ::= r0',
}  # fmt: skip


@pytest.mark.parametrize("name", KEPT)
def test_what_people_write_is_kept_as_it_is(llama: Drawing, name: str) -> None:
    assert harmless(KEPT[name]) == KEPT[name]
    llama.draw(KEPT[name], random.Random(1), longest=100)


@pytest.mark.parametrize("name", REWRITTEN)
def test_what_can_be_read_in_too_many_ways_is_told_in_one(llama: Drawing, name: str) -> None:
    grammar, texts = REWRITTEN[name]
    plain = harmless(grammar)
    assert plain != grammar
    for text in texts:
        assert llama.accepts(plain, text), text
    assert not llama.accepts(plain, "Ω")


@pytest.mark.parametrize("reason", REFUSED)
def test_what_cannot_be_is_refused_with_the_reason(reason: str) -> None:
    with pytest.raises(ShapeError, match=reason):
        harmless(REFUSED[reason])


def test_what_hides_behind_other_rules_is_found() -> None:
    """Behind texts, behind decoys that have been seen elsewhere, and behind a way there that others share."""
    evil = 'evil ::= "a" evil "b" | "a" evil "c" | "d"\n'
    shared = "".join(f'b{n} ::= "(" b{n + 1} ")"\n' for n in range(40)) + 'b40 ::= "."\n'
    for root in (
        '"x"{400} evil',
        f'[x]{{0,300}} ("y"? | "z"){{40}} {"(" * 20}evil{")" * 20}',
        '"1" b0 "ok" | "2" b0 evil',
    ):
        with pytest.raises(ShapeError, match=r"too many ways|too intricate"):
            harmless(f"root ::= {root}\n{evil}{shared}")


def test_grammars_of_schemas_are_harmless() -> None:
    rng = random.Random(12)
    for _ in range(60):
        grammar = grammar_of(schema(rng))
        assert harmless(grammar) == grammar


def texts(depth: int) -> st.SearchStrategy[str]:
    if not depth:
        return st.sampled_from(ATOMS)
    item = st.tuples(texts(depth - 1), st.sampled_from(QUANTIFIERS)).map("".join)
    row = st.lists(item, min_size=1, max_size=3).map(" ".join)
    return st.lists(row, min_size=1, max_size=3).map(" | ".join).map("({})".format) | item


GRAMMARS = st.tuples(*[texts(2)] * len(RULES)).map(
    lambda bodies: "\n".join(f"{name} ::= {body}" for name, body in zip(RULES, bodies, strict=True))
)


class Child:
    """A process that draws from grammars, and may hang: then it is ended."""

    def __init__(self, engine_dir: Path, model: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.grammar.drawing", engine_dir, model],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self._reader = ThreadPoolExecutor(1)

    def ask(self, grammar: str) -> str:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(grammar) + "\n")
        self._process.stdin.flush()
        line = self._reader.submit(self._process.stdout.readline)
        try:
            told = line.result(SECONDS)
        except TooLong:
            self.end()
            raise AssertionError(f"no end of it:\n{grammar}") from None
        assert told, f"the process died of\n{grammar}"
        return str(json.loads(told))

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._reader.shutdown()


@pytest.fixture(scope="module")
def child(engine_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    model = TinyModel(layers=1, width=32, runs="ab- ").write(tmp_path_factory.mktemp("runs") / "model.gguf")
    made = Child(engine_dir, model)
    yield made
    made.end()


@given(GRAMMARS)
@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=[*HealthCheck])
def test_a_grammar_made_at_random_is_refused_or_followed_and_either_has_an_end(child: Child, grammar: str) -> None:
    assert not child.ask(grammar).startswith("wrong")


@given(GRAMMARS, st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[*HealthCheck])
def test_what_is_written_anew_allows_the_same(llama: Drawing, grammar: str, rng: random.Random) -> None:
    try:
        plain = harmless(grammar)
    except ShapeError:
        return
    if plain != grammar and all("{300}" not in body and "{0,900}" not in body for body in grammar.splitlines()):
        for _ in range(5):
            text = llama.draw(plain, rng, longest=20)
            assert text is None or llama.accepts(grammar, text), (grammar, text)


def test_rules_are_numbered_as_llama_cpp_makes_them() -> None:
    grammar = read('root ::= a? ("b" | [^c-d]){2}\na ::= "x"')
    assert len(grammar.rules) == 4
    assert grammar.root == 0
