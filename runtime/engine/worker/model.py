"""A loaded model and its vocabulary.

Every pointer llama.cpp returns is checked, and every token id that comes from outside: out of range, one would abort
the process.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, lru_cache
from itertools import compress, repeat
from pathlib import Path
from typing import Any

from runtime.engine.bindings import Device, Llama
from runtime.engine.core import ModelFacts
from runtime.engine.messages import Load
from runtime.engine.worker.cache import MemoryKind
from runtime.errors import CannotRunError, EngineError

_MMAP = 1  # LLAMA_LOAD_MODE_MMAP

_REMEMBERED = 4096
"""Tokens whose text is remembered: most of what is said is said in few words, and asking takes longer than drawing."""


class Model:
    """A model mapped into memory. Tokenising is safe from any thread, also while the model decodes."""

    def __init__(self, llama: Llama, load: Load, device: Device | None, progress: Callable[[float], None]) -> None:
        """Load as `load` says. Raises `CannotRunError`; why is in llama.cpp's log."""
        self.llama = llama
        raw = llama.raw
        parameters = raw.llama_model_default_params()
        parameters.n_gpu_layers = load.gpu_layers
        parameters.load_mode = _MMAP
        parameters.use_extra_bufts = load.repack
        parameters.load_mtp = load.foresees
        devices = (ctypes.c_void_p * 2)(device.handle, None) if device and load.device else None
        parameters.devices = ctypes.cast(devices, ctypes.c_void_p) if devices else None
        overrides = _experts_in_main_memory(llama, load.experts_on_cpu)
        parameters.tensor_buft_overrides = ctypes.cast(overrides, ctypes.c_void_p) if overrides else None

        def go_on(value: float, _: int | None) -> bool:
            progress(value)
            return True

        parameters.progress_callback = callback = raw.llama_progress_callback(go_on)
        if load.model_splits:
            paths = [os.fsencode(path) for path in load.model_splits]
            self.handle = raw.llama_model_load_from_splits(
                (ctypes.c_char_p * len(paths))(*paths), len(paths), parameters
            )
        else:
            with _ModelFile(load) as file:
                self.handle = raw.llama_model_load_from_file_ptr(file, parameters)
        del callback, devices, overrides  # they had to live until here
        if not self.handle:
            raise CannotRunError("The model cannot be loaded.")
        self.vocabulary = raw.llama_model_get_vocab(self.handle)
        self.vocabulary_size: int = raw.llama_vocab_n_tokens(self.vocabulary)
        self.trained_context: int = raw.llama_model_n_ctx_train(self.handle)
        self.window: int = raw.llama_model_n_swa(self.handle)
        self.architecture = self._metadata("general.architecture")
        self.layers_ahead: int = raw.llama_model_n_layer_nextn(self.handle)
        self.memory_kind = self._memory_kind()
        self.cell_bytes = self._cell_bytes()
        layers: int = raw.llama_model_n_layer(self.handle)
        self.is_on_device = not 0 <= load.gpu_layers <= layers and not load.experts_on_cpu
        self.generates = bool(raw.llama_model_has_decoder(self.handle) and not raw.llama_model_has_encoder(self.handle))
        self.adds_bos = bool(raw.llama_vocab_get_add_bos(self.vocabulary))
        self.bos: int = raw.llama_vocab_bos(self.vocabulary)
        self.piece = lru_cache(_REMEMBERED)(self._piece)
        self.ends_generation = lru_cache(_REMEMBERED)(self._ends_generation)

    def tokenize(self, text: str, *, parse_special: bool, add_special: bool) -> list[int]:
        """Token ids of `text`."""
        data = text.encode("utf-8", "replace")
        room = len(data) + 16  # a token is at least a byte; the rest for what `add_special` adds
        tokens = (ctypes.c_int32 * room)()
        count = self.llama.raw.llama_tokenize(
            self.vocabulary, data, len(data), tokens, room, add_special, parse_special
        )
        if count < 0:
            raise EngineError(f"A text of {len(data)} bytes cannot be tokenised.")
        return tokens[:count]

    def prompt_tokens(self, prompt: str | Sequence[int]) -> list[int]:
        """A prompt's token ids: special tokens parsed, and begun as the model expects, but not begun twice.

        Chat templates often write the beginning-of-text token themselves.
        """
        if not isinstance(prompt, str):
            return self.checked(prompt)
        tokens = self.tokenize(prompt, parse_special=True, add_special=True)
        return tokens[1:] if self.adds_bos and tokens[:2] == [self.bos, self.bos] else tokens

    def checked(self, tokens: Iterable[int]) -> list[int]:
        """The ids, if the vocabulary has all of them. Raises `EngineError`."""
        checked = [*tokens]
        wrong = next((token for token in checked if not 0 <= token < self.vocabulary_size), None)
        if wrong is not None:
            raise EngineError(f"There is no token {wrong}; the vocabulary has {self.vocabulary_size}.")
        return checked

    def detokenize(self, tokens: Iterable[int]) -> str:
        """Text of token ids, special tokens rendered. Raises `EngineError` for an id that is none."""
        ids = self.checked(tokens)
        array = (ctypes.c_int32 * len(ids))(*ids)

        def write(buffer: Any, room: int) -> int:
            return int(self.llama.raw.llama_detokenize(self.vocabulary, array, len(ids), buffer, room, False, True))

        return _filled(write, guess=8 * len(ids) + 64).decode("utf-8", "replace")

    def _piece(self, token: int, *, special: bool = False) -> bytes:
        """The bytes of one token, not always whole characters; control tokens are empty unless `special`."""

        def write(buffer: Any, room: int) -> int:
            return int(self.llama.raw.llama_token_to_piece(self.vocabulary, token, buffer, room, 0, special))

        return _filled(write, guess=64)

    def bytewise(self, text: bytes) -> list[int] | None:
        """Tokens of one byte each; None where the vocabulary lacks one."""
        tokens = self._byte_tokens
        return [tokens[byte] for byte in text] if tokens.keys() >= {*text} else None

    @cached_property
    def _byte_tokens(self) -> dict[int, int]:
        pieces = ((token, self._piece(token)) for token in range(self.vocabulary_size))
        return {piece[0]: token for token, piece in pieces if len(piece) == 1}

    def control_tokens(self, texts: Iterable[str]) -> frozenset[int]:
        """The tokens that these texts are, each alone; a text that is none is passed over."""
        found = (self.tokenize(text, parse_special=True, add_special=False) for text in texts)
        return frozenset(tokens[0] for tokens in found if len(tokens) == 1)

    def _ends_generation(self, token: int) -> bool:
        """End of text, of turn, of message: whatever the model ends its answers with."""
        return bool(self.llama.raw.llama_vocab_is_eog(self.vocabulary, token))

    @cached_property
    def end_tokens(self) -> tuple[int, ...]:
        """All tokens that end a generation; the whole vocabulary has to be asked."""
        everything = range(self.vocabulary_size)
        return tuple(compress(everything, map(self.llama.raw.llama_vocab_is_eog, repeat(self.vocabulary), everything)))

    def facts(self, *, context_size: int, parallel: int, backend: str, ranks: bool, draft: str) -> ModelFacts:
        """What the server must know."""
        raw, metadata = self.llama.raw, self._general_metadata()
        template = raw.llama_model_chat_template(self.handle, None)
        return ModelFacts(
            name=metadata.get("general.name", ""),
            architecture=metadata.get("general.architecture", ""),
            description=_text(raw.llama_model_desc, self.handle),
            parameters=raw.llama_model_n_params(self.handle),
            size_bytes=raw.llama_model_size(self.handle),
            vocabulary_size=self.vocabulary_size,
            trained_context=self.trained_context,
            context_size=context_size,
            parallel=parallel,
            chat_template=None if template is None else template.decode("utf-8", "replace"),
            bos_text=self._special_text(self.bos),
            eos_text=self._special_text(raw.llama_vocab_eos(self.vocabulary)),
            adds_bos=self.adds_bos,
            has_encoder=bool(raw.llama_model_has_encoder(self.handle)),
            backend=backend,
            metadata=metadata,
            embedding_size=raw.llama_model_n_embd_out(self.handle),
            fill_in=self._fill_in(),
            repository=raw.llama_vocab_fim_rep(self.vocabulary),
            file=raw.llama_vocab_fim_sep(self.vocabulary),
            ranks=ranks,
            draft=draft,
        )

    def _fill_in(self) -> tuple[int, ...]:
        raw = self.llama.raw
        kinds = (raw.llama_vocab_fim_pre, raw.llama_vocab_fim_suf, raw.llama_vocab_fim_mid)
        found = tuple(int(kind(self.vocabulary)) for kind in kinds)
        return found if all(token >= 0 for token in found) else ()

    def _memory_kind(self) -> MemoryKind:
        raw = self.llama.raw
        if raw.llama_model_is_recurrent(self.handle) or raw.llama_model_is_hybrid(self.handle):
            return MemoryKind.STATE
        return MemoryKind.WINDOW if self.window > 0 else MemoryKind.FULL

    def _cell_bytes(self) -> int:
        """What one token costs in the cache, in 16-bit floats; an upper bound, for layers may remember less.

        llama.cpp tells the heads of the first layer only. Of a hybrid that one may have none: then every layer is taken
        to remember keys and values as wide as what goes from layer to layer.
        """
        raw = self.llama.raw
        if raw.llama_model_is_hybrid(self.handle) and not raw.llama_model_n_head_kv(self.handle):
            return int(2 * raw.llama_model_n_layer(self.handle) * 2 * raw.llama_model_n_embd(self.handle))
        heads, layers = raw.llama_model_n_head(self.handle), raw.llama_model_n_layer(self.handle)
        head = raw.llama_model_n_embd(self.handle) // heads if heads else 0
        lengths = [self._metadata(f"{self.architecture}.attention.{which}_length") for which in ("key", "value")]
        return int(2 * layers * raw.llama_model_n_head_kv(self.handle) * sum(int(one or head) for one in lengths))

    def _metadata(self, key: str) -> str:
        buffer = ctypes.create_string_buffer(128)
        self.llama.raw.llama_model_meta_val_str(self.handle, key.encode(), buffer, len(buffer))
        return buffer.value.decode("utf-8", "replace")

    def _special_text(self, token: int) -> str:
        return self.piece(token, special=True).decode("utf-8", "replace") if token >= 0 else ""

    def _general_metadata(self) -> dict[str, str]:
        raw, found = self.llama.raw, {}
        for index in range(raw.llama_model_meta_count(self.handle)):
            key = _text(raw.llama_model_meta_key_by_index, self.handle, index)
            if key.startswith("general."):
                found[key] = _text(raw.llama_model_meta_val_str_by_index, self.handle, index)
        return found


class _BufferOverride(ctypes.Structure):
    """`llama_model_tensor_buft_override`."""

    _fields_ = (("pattern", ctypes.c_char_p), ("buffer_type", ctypes.c_void_p))


def _experts_in_main_memory(llama: Llama, layers: int) -> Any:
    """Overrides that keep the experts of the first so many layers in main memory; None for none."""
    if not layers:
        return None
    return (_BufferOverride * (layers + 1))(
        *(_BufferOverride(rf"^blk\.{layer}\.ffn_.*exps".encode(), llama.main_memory()) for layer in range(layers))
    )


class _ModelFile:
    """A C `FILE*` that stands at the GGUF's first byte, of the same C runtime as the libraries; closed on leaving.

    The mapping survives the closing. An inherited descriptor is opened anew where the system can (Linux), because a
    duplicate would share its position with the server's, which may be reading another entry at this moment.
    """

    def __init__(self, load: Load) -> None:
        self._load = load
        self._c = ctypes.CDLL("ucrtbase" if sys.platform == "win32" else None, use_errno=True)
        prefix = "_" if sys.platform == "win32" else ""
        self._fdopen, self._fclose = getattr(self._c, f"{prefix}fdopen"), self._c.fclose
        self._seek = self._c._fseeki64 if sys.platform == "win32" else self._c.fseeko
        self._fdopen.restype, self._fdopen.argtypes = ctypes.c_void_p, (ctypes.c_int, ctypes.c_char_p)
        self._fclose.argtypes = (ctypes.c_void_p,)
        self._seek.argtypes = (ctypes.c_void_p, ctypes.c_int64, ctypes.c_int)

    def __enter__(self) -> ctypes.c_void_p:
        try:
            fd = _reopened(self._load)
        except OSError as error:
            raise CannotRunError(f"The file with the model cannot be opened ({error}).") from None
        address = self._fdopen(fd, b"rb")
        if not address:
            os.close(fd)
            raise CannotRunError(f"The file with the model cannot be read ({os.strerror(ctypes.get_errno())}).")
        self._file = ctypes.c_void_p(address)
        if self._seek(self._file, self._load.model_offset, os.SEEK_SET) != 0:
            self._fclose(self._file)
            raise CannotRunError(f"The file with the model has no position {self._load.model_offset}.")
        return self._file

    def __exit__(self, *_: object) -> None:
        self._fclose(self._file)


def _reopened(load: Load) -> int:
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    if load.model_fd is None:
        return os.open(load.model_path, flags)
    own = Path(f"/proc/self/fd/{load.model_fd}")
    try:
        return os.open(own, flags)
    except OSError:
        return os.dup(load.model_fd)


def _filled(write: Callable[[Any, int], int], guess: int) -> bytes:
    """What `write` puts into a buffer, given a second, larger one if the first is too small (a negative answer)."""
    buffer = ctypes.create_string_buffer(guess)
    length = write(buffer, guess)
    if length < 0:
        buffer = ctypes.create_string_buffer(-length)
        length = write(buffer, -length)
    return buffer.raw[: max(0, length)]


def _text(write: Callable[..., int], *arguments: Any) -> str:
    """A C string from a function that takes a buffer last and tells the full length, however much of it fitted."""
    length = write(*arguments, None, 0)
    buffer = ctypes.create_string_buffer(max(0, length) + 1)
    write(*arguments, buffer, len(buffer))
    return buffer.value.decode("utf-8", "replace")
