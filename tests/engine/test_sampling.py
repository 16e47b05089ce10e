"""Randomness that can be repeated, and a grammar that cannot abort the process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.engine.messages import Load
from runtime.engine.worker.sampling import step_seed
from tests.engine.workers import Worker


def test_step_seeds_never_change_from_one_version_to_the_next():
    """A recovered answer may be continued by another worker: these numbers are a format."""
    drawn = [step_seed(0, 0), step_seed(0, 1), step_seed(1, 0), step_seed(2**32 - 1, 1000)]
    assert drawn == [2062359312, 557347849, 1743226546, 132952613]


@given(st.integers(-(2**70), 2**70), st.integers(0, 2**31))
def test_step_seeds_are_never_the_one_that_means_any_seed(seed: int, index: int):
    assert 0 <= step_seed(seed, index) < 2**31


@given(st.integers(0, 2**32 - 1))
def test_neighbouring_seeds_and_steps_share_no_step_seed(seed: int):
    grid = {step_seed(seed + ahead, index) for ahead in range(8) for index in range(64)}
    # 512 draws of 32 bits: by the birthday rule two of them meet for one seed in 33,000; more would be a pattern.
    assert len(grid) >= 8 * 64 - 1


def in_a_process_of_its_own(load: Load, code: str) -> str:
    """What `code` prints, with a model and a context at hand; it might abort, so not in this process."""
    prelude = (
        "from pathlib import Path\n"
        "from runtime.engine.bindings import *\n"
        "from runtime.engine.messages import Load\n"
        "from runtime.engine.worker.log import EngineLog\n"
        "from runtime.engine.worker.model import Model\n"
        "from runtime.engine.core import GrammarTrigger\n"
        "from runtime.engine.worker.grammar import Grammar, GrammarError, LazyGrammar\n"
        f"load = {load!r}\n"
        "folder = Path(load.engine_dir)\n"
        "llama = Llama(folder, EngineLog(verbose=False))\n"
        "devices = llama.load_backend(folder / load.backends[0])\n"
        "model = Model(llama, load, None, lambda share: None)\n"
    )
    return subprocess.run([sys.executable, "-c", prelude + code], capture_output=True, text=True, check=True).stdout


def test_a_token_the_grammar_forbids_is_an_error_and_no_abort(worker: Worker):
    code = (
        "a, b, c = (model.tokenize(letter, parse_special=False, add_special=False)[0] for letter in 'abc')\n"
        'grammar = Grammar(model, \'root ::= "a" "b"\')\n'
        "grammar.accept(a)\n"
        "try: grammar.accept(c)\n"
        "except GrammarError as error: print(error)\n"
        "grammar.accept(b)\n"
        "print('went on')\n"
    )
    assert in_a_process_of_its_own(worker.load, code).splitlines() == [
        "The grammar leaves no token with which the answer could go on.",
        "went on",
    ]


def test_a_sleeping_grammar_wakes_in_the_middle_of_a_token_and_objects_to_what_it_cannot_follow(worker: Worker):
    code = (
        "def tokens(text): return model.tokenize(text, parse_special=True, add_special=False)\n"
        'def lazy(*triggers): return LazyGrammar(model, Grammar(model, \'root ::= "he" "!"\'), triggers)\n'
        "(the,), (then,) = tokens(' the'), tokens('hen')\n"
        "grammar = lazy(GrammarTrigger('he'))\n"
        "print(grammar.allows(the)); grammar.accept(the)\n"
        "print(grammar.allows(tokens('!')[0]), grammar.allows(tokens('a')[0]))\n"
        "print(lazy(GrammarTrigger('he')).allows(then))\n"
        "late = lazy(GrammarTrigger('he', after='.'))\n"
        "print(late.allows(then)); late.accept(tokens('.')[0]); print(late.allows(then))\n"
        "first = lazy(GrammarTrigger('he', at_start=True)); print(first.allows(then))\n"
        "first.accept(tokens('a')[0]); print(first.allows(then))\n"
    )
    said = in_a_process_of_its_own(worker.load, code).splitlines()
    assert said == ["True", "True False", "False", "True", "False", "False", "True"]


def test_a_loaded_backend_tells_its_devices_and_each_library_is_there_once(worker: Worker):
    code = (
        "import os\n"
        "print(devices[0].name, devices[0].memory_total > 1 << 20)\n"
        "loaded = {line.split()[5] for line in open('/proc/self/maps') if 'libggml' in line or 'libllama' in line}\n"
        "print(len(loaded), all(Path(path).parent == folder.resolve() for path in loaded))\n"
    )
    assert in_a_process_of_its_own(worker.load, code).splitlines() == ["CPU True", "4 True"]


def test_a_library_path_that_leads_elsewhere_is_not_followed(
    worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A frozen program's LD_LIBRARY_PATH names its own folder, and a user's may name another llama.cpp."""
    for name in ("libggml-base.so", "libggml.so"):
        (tmp_path / name).write_bytes(b"not a library")
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    assert in_a_process_of_its_own(worker.load, "print('loaded')") == "loaded\n"


def test_a_backends_score_can_be_asked(worker: Worker):
    code = "print(backend_score(folder, folder / load.backends[0]))"
    assert int(in_a_process_of_its_own(worker.load, code)) > 0
