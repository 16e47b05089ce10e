"""What is shown must not depend on where the token boundaries fall."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runtime.engine.text import TextAssembler

LETTERS = st.text(alphabet="abé世🙂", max_size=30)
STOPS = st.lists(st.text(alphabet="abé世🙂", min_size=1, max_size=4), max_size=3)


@st.composite
def cut_bytes(draw: st.DrawFn, source: st.SearchStrategy[bytes]) -> list[bytes]:
    """Some bytes, cut into pieces anywhere, inside characters too."""
    data = draw(source)
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=8)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def assemble(pieces: list[bytes], stop: list[str]) -> tuple[list[str], str | None]:
    assembler = TextAssembler(stop)
    shown = [assembler.push(piece) for piece in pieces]
    return [*shown, assembler.finish()], assembler.stopped_by


def one_shot(text: str, stop: list[str]) -> tuple[str, str | None]:
    """The definition: the stop string complete first ends the text, the longest of those complete together."""
    for end in range(1, len(text) + 1):
        ending = [candidate for candidate in stop if text[:end].endswith(candidate)]
        if ending:
            winner = max(ending, key=len)
            return text[: end - len(winner)], winner
    return text, None


@given(cut_bytes(LETTERS.map(str.encode)), STOPS)
def test_text_and_stop_are_those_of_the_whole_whatever_the_token_boundaries(pieces: list[bytes], stop: list[str]):
    shown, stopped_by = assemble(pieces, stop)
    assert ("".join(shown), stopped_by) == one_shot(b"".join(pieces).decode(), stop)


@given(cut_bytes(st.binary(max_size=24)))
def test_bytes_that_are_no_utf8_become_the_same_replacements_however_they_are_cut(pieces: list[bytes]):
    shown, _ = assemble(pieces, [])
    assert "".join(shown) == b"".join(pieces).decode("utf-8", "replace")


@given(cut_bytes(LETTERS.map(str.encode)), STOPS)
def test_nothing_is_held_back_that_no_stop_string_could_still_claim(pieces: list[bytes], stop: list[str]):
    assembler = TextAssembler(stop)
    seen, shown = b"", ""
    for piece in pieces:
        seen += piece
        shown += assembler.push(piece)
        if assembler.stopped_by is None:
            held = seen.decode("utf-8", "ignore")[len(shown) :]
            assert not held or any(candidate.startswith(held) for candidate in stop)


def test_an_emoji_spread_over_four_tokens_appears_whole_with_the_last():
    assembler = TextAssembler()
    assert [assembler.push(bytes([byte])) for byte in "🙂".encode()] == ["", "", "", "🙂"]


def test_a_stop_string_that_never_completes_is_text_after_all():
    assembler = TextAssembler(["###"])
    assert (assembler.push(b"a#"), assembler.push(b"#b"), assembler.finish()) == ("a", "##b", "")


def test_nothing_comes_after_the_stop_string():
    assembler = TextAssembler(["END"])
    assert assembler.push(b"so END more") == "so "
    assert (assembler.push(b"and more"), assembler.finish(), assembler.stopped_by) == ("", "", "END")


def test_an_empty_stop_string_stops_nothing():
    assembler = TextAssembler([""])
    assert (assembler.push(b"text"), assembler.stopped_by) == ("text", None)


@given(st.integers(1, 9))
def test_a_text_ends_before_a_line_that_is_indented_less(size: int):
    """However it is cut; the first line may begin as it likes, and margins are held until they are enough."""
    for text, shown, is_outdented in (
        ("a\n  b\n    c\nd\n  e", "a\n  b\n    c\n", True),
        ("  a\n\t\tb", "  a\n\t\tb", False),
        ("a\n  b\n\n  c", "a\n  b\n", True),
        ("a\n b", "a\n", True),
        ("a\n  b\n ", "a\n  b\n", False),
    ):
        assembler = TextAssembler(indent=2)
        data = text.encode()
        told = "".join(assembler.push(data[at : at + size]) for at in range(0, len(data), size))
        assert told + assembler.finish() == shown
        assert assembler.is_outdented == is_outdented
