"""Just enough llama.cpp to ask the model something: load, tokenise, decode greedily."""

import ctypes
import os
from pathlib import Path

from runtime.engine.bindings import Llama, LogLevel

# The variant that runs nearly everywhere first; a best-scored one may crash on quantised weights.
_PREFERRED = ("haswell", "x64", "armv8.0_1", "apple_m1")
_SUFFIXES = (".so", ".dylib", ".dll")

_loaded: dict[Path, Llama] = {}  # there is no unloading, and a backend may be registered only once
_complaints: list[str] = []  # what llama.cpp said was wrong


def _cpu_backend(folder: Path) -> Path:
    """The CPU backend of a compiled llama.cpp that is the least likely to crash."""
    found = sorted(path for path in folder.iterdir() if "ggml-cpu" in path.name and path.suffix in _SUFFIXES)
    if not found:
        raise FileNotFoundError(f"There is no CPU backend (ggml-cpu…) in {folder}.")
    ranked = [path for name in _PREFERRED for path in found if path.stem.endswith(name)]
    return (ranked or found)[0]


def _llama(folder: Path) -> Llama:
    """llama.cpp from this folder with one CPU backend. Raises `PannierError` where it does not load."""
    if folder not in _loaded:
        llama = Llama(folder, _listen)
        llama.load_backend(_cpu_backend(folder))
        llama.initialise()
        _loaded[folder] = llama
    return _loaded[folder]


def _listen(level: LogLevel, text: bytes) -> None:
    if level is LogLevel.ERROR:
        _complaints.append(text.decode(errors="replace").strip())


class Engine:
    """One loaded model with one context."""

    def __init__(self, folder: Path, model: Path, *, context: int = 2048, threads: int = 1) -> None:
        self._lib = lib = _llama(folder).raw
        _complaints.clear()
        parameters = lib.llama_model_default_params()
        self._model = lib.llama_model_load_from_file(os.fsencode(model), parameters)
        if not self._model:
            raise OSError(f"llama.cpp cannot load {model}. It says: {' '.join(_complaints)}")
        self._vocab = lib.llama_model_get_vocab(self._model)
        shape = lib.llama_context_default_params()
        shape.n_ctx, shape.n_batch, shape.n_ubatch = context, context, 512
        shape.n_threads = shape.n_threads_batch = threads
        self._context = lib.llama_init_from_model(self._model, shape)
        if not self._context:
            raise OSError("llama.cpp cannot make a context.")
        self._size = lib.llama_vocab_n_tokens(self._vocab)

    def close(self) -> None:
        """Give everything back."""
        self._lib.llama_free(self._context)
        self._lib.llama_model_free(self._model)

    def tokenize(self, text: str) -> list[int]:
        """The text's tokens, special ones recognised."""
        raw = text.encode()
        buffer = (self._lib.llama_token * (len(raw) + 8))()
        count = self._lib.llama_tokenize(self._vocab, raw, len(raw), buffer, len(buffer), False, True)
        if count < 0:
            raise ValueError("The text did not fit its buffer.")
        return list(buffer[:count])

    def piece(self, token: int) -> bytes:
        """The token's bytes, special tokens as their names."""
        buffer = ctypes.create_string_buffer(128)
        count = self._lib.llama_token_to_piece(self._vocab, token, buffer, len(buffer), 0, True)
        return buffer.raw[:count]

    def template(self) -> str:
        """The chat template in the file."""
        return (self._lib.llama_model_chat_template(self._model, None) or b"").decode()

    def logits(self, tokens: list[int]) -> list[float]:
        """Decode these tokens after what the context holds; the logits after the last one."""
        array = (self._lib.llama_token * len(tokens))(*tokens)  # named, or it is freed before it is read
        if self._lib.llama_decode(self._context, self._lib.llama_batch_get_one(array, len(tokens))) != 0:
            raise OSError("llama.cpp failed to decode.")
        values: list[float] = self._lib.llama_get_logits_ith(self._context, -1)[: self._size]
        return values

    def complete(self, prompt: str, limit: int = 160) -> tuple[str, bool]:
        """Greedy text after the prompt, and whether the model ended its turn by itself."""
        lib = self._lib
        lib.llama_memory_clear(lib.llama_get_memory(self._context), True)
        tokens, out = self.tokenize(prompt), b""
        for _ in range(limit):
            values = self.logits(tokens)
            token = max(range(self._size), key=values.__getitem__)
            if lib.llama_vocab_is_eog(self._vocab, token):
                return out.decode(errors="replace"), True
            out += self.piece(token)
            tokens = [token]
        return out.decode(errors="replace"), False
