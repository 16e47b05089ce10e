"""Draws documents from a grammar with llama.cpp's own reading of it: any token it allows, no model's opinion.

As a program it answers grammars, a line of JSON each, with what became of them: hostile ones may take it down.
"""

from __future__ import annotations

import ctypes
import json
import random
import sys
from pathlib import Path
from typing import Any

from bundler import demo
from runtime.engine.bindings import Llama
from runtime.grammar.harmless import harmless
from runtime.grammar.rules import ShapeError

_LONGEST = 600  # tokens


class Drawing:
    """The vocabulary of the demonstration or another model, and llama.cpp's grammars over it."""

    def __init__(self, engine_dir: Path, model: Path = demo.MODEL_PATH) -> None:
        self._llama = Llama(engine_dir, lambda *_: None)  # its callback has to live as long as the library
        self._raw = raw = self._llama.raw
        parameters = raw.llama_model_default_params()
        parameters.vocab_only = True
        self._model = raw.llama_model_load_from_file(str(model).encode(), parameters)
        self._vocabulary = raw.llama_model_get_vocab(self._model)
        count = raw.llama_vocab_n_tokens(self._vocabulary)
        self._pieces = [self._piece(token) for token in range(count)]
        self._ends = [token for token in range(count) if raw.llama_vocab_is_eog(self._vocabulary, token)]
        # Any token is as good as another, but what ends something is better, or nothing would ever end.
        self._even = (raw.llama_token_data * count)(
            *(raw.llama_token_data(token, self._liking(token), 0.0) for token in range(count))
        )
        self._entries = (raw.llama_token_data * count)()

    def draw(self, grammar: str, rng: random.Random, *, longest: int = _LONGEST) -> str | None:
        """A whole text the grammar allows; None where it did not end. Raises `ValueError` for no grammar."""
        raw = self._raw
        sampler = raw.llama_sampler_init_grammar(self._vocabulary, grammar.encode(), b"root")
        if not sampler:
            raise ValueError(f"llama.cpp takes this for no grammar:\n{grammar[:2000]}")
        dice = raw.llama_sampler_init_dist(rng.randrange(2**31))
        text = b""
        try:
            for _ in range(longest):
                token = self._next(sampler, dice)
                if token is None:
                    raise ValueError(f"no way on behind {text!r} in\n{grammar[:2000]}")
                if token in self._ends:
                    return text.decode("utf-8", "replace")
                text += self._pieces[token]
                raw.llama_sampler_accept(sampler, token)
            return None
        finally:
            raw.llama_sampler_free(dice)
            raw.llama_sampler_free(sampler)

    def accepts(self, grammar: str, text: str) -> bool:
        """Whether the grammar allows exactly this text."""
        raw, data = self._raw, text.encode()
        sampler = raw.llama_sampler_init_grammar(self._vocabulary, grammar.encode(), b"root")
        if not sampler:
            raise ValueError(f"llama.cpp takes this for no grammar:\n{grammar[:2000]}")
        tokens = (ctypes.c_int32 * (len(data) + 16))()
        count = raw.llama_tokenize(self._vocabulary, data, len(data), tokens, len(tokens), False, False)
        try:
            for token in tokens[:count]:
                if not self._allows(sampler, token):
                    return False
                raw.llama_sampler_accept(sampler, token)
            return self._allows(sampler, self._ends[0])
        finally:
            raw.llama_sampler_free(sampler)

    def _allows(self, sampler: Any, token: int) -> bool:
        entry = self._raw.llama_token_data(token, 1.0, 0.0)
        array = self._raw.llama_token_data_array(ctypes.pointer(entry), 1, -1, False)
        self._raw.llama_sampler_apply(sampler, ctypes.byref(array))
        return bool(entry.logit != float("-inf"))

    def _next(self, sampler: Any, dice: Any) -> int | None:
        raw, entries = self._raw, self._entries
        ctypes.memmove(entries, self._even, ctypes.sizeof(entries))
        array = raw.llama_token_data_array(entries, len(entries), -1, False)
        raw.llama_sampler_apply(sampler, ctypes.byref(array))
        raw.llama_sampler_apply(dice, ctypes.byref(array))
        chosen = array.data[array.selected]
        return None if chosen.logit == float("-inf") else int(chosen.id)

    def _liking(self, token: int) -> float:
        piece = self._pieces[token]
        if piece.decode("utf-8", "ignore").encode() != piece:
            return -20.0  # part of a character; llama.cpp would let it go on with any other part
        return 9.0 if token in self._ends else 4.0 if piece in (b'"', b"}", b"]") else -2.0 if piece.isspace() else 0.0

    def _piece(self, token: int) -> bytes:
        buffer = ctypes.create_string_buffer(64)
        length = self._raw.llama_token_to_piece(self._vocabulary, token, buffer, 64, 0, True)
        return bytes(buffer.raw[: max(0, length)])


def main(engine_dir: str, model: str) -> None:
    """Answer each grammar: refused, or drawn from, whether that had an end or not."""
    drawing, rng = Drawing(Path(engine_dir), Path(model)), random.Random(1)
    for line in sys.stdin:
        try:
            grammar = harmless(json.loads(line))
            for _ in range(3):
                drawing.draw(grammar, rng, longest=60)
            told = "drawn"
        except ShapeError as error:
            told = f"refused: {error.message}"
        except ValueError as error:
            told = f"wrong: {error}"
        print(json.dumps(told), flush=True)  # noqa: T201 - to the test that asks


if __name__ == "__main__":
    main(*sys.argv[1:])
