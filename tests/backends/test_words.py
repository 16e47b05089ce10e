from __future__ import annotations

import pytest

from runtime.backends.words import crash, not_loadable


@pytest.mark.parametrize(
    ("doing", "status", "sentence", "cause"),
    [
        (
            "multiplying Q8_0 matrices rearranged for AMX",
            -4,
            "This processor says it has AMX but fails when it is used (illegal instruction).",
            "SIGILL",
        ),
        (
            "loading",
            0xC000001D,
            "This processor says it can run cpu-a but fails while loading (illegal instruction).",
            "SIGILL",
        ),
        ("loading", -9, "cpu-a crashed while loading (ended from outside, perhaps for lack of memory).", "SIGKILL"),
        ("loading", 7, "cpu-a ended unexpectedly while loading (exit code 7).", "exit code 7"),
        ("loading", -64, "cpu-a crashed while loading (SIGRTMAX).", "SIGRTMAX"),
    ],
)
def test_an_end_is_put_into_words(doing: str, status: int, sentence: str, cause: str) -> None:
    assert crash("cpu-a", doing, status) == (sentence, cause)


@pytest.mark.parametrize(
    ("technical", "sentence"),
    [
        ("libvulkan.so.1: cannot open shared object file: No such file", "a needs libvulkan.so.1, which this system"),
        (
            "/x/libc.so.6: version `GLIBC_2.38' not found (required by /y)",
            "a needs a newer C library (glibc 2.38) than",
        ),
        ("version `GLIBCXX_3.4.32' not found", "a needs a newer C++ library (GLIBCXX 3.4.32) than"),
        ("failed to map segment from shared object", "This system does not allow a to be loaded from its folder."),
        ("anything else", "a could not be loaded."),
    ],
)
def test_a_loaders_refusal_is_put_into_words(technical: str, sentence: str) -> None:
    assert not_loadable("a", technical).startswith(sentence)
