"""The child process that quantises: llama.cpp's own quantiser, called through the engine's libllama.

usage: python -m bundler.model.quantizer ENGINE_DIR INPUT OUTPUT TYPE THREADS [IMATRIX]

A process of its own, because ggml ends the process on many errors. llama.cpp's log, a line per tensor, goes to stderr.
What llama-quantize writes into the file's metadata is written here too, so that the files are equal.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import Any

from bundler.errors import PannierError
from bundler.model.imatrix import Imatrix, load
from runtime.engine.bindings import Llama, LogLevel

_INTEGER, _TEXT = 0, 3  # llama_model_kv_override_type


def main(arguments: list[str]) -> int:
    """Quantise; 0 if it worked, else the last words are on stderr."""
    engine_dir, source, target, type_name, threads, *rest = arguments
    try:
        llama = Llama(Path(engine_dir), _say)
        llama.initialise()
        imatrix = load(Path(rest[0])) if rest else None
        return _quantize(llama.raw, source, target, type_name, int(threads), imatrix, rest[0] if rest else "")
    except PannierError as error:
        _say(LogLevel.ERROR, f"{error}\n".encode())
        return 1


def _quantize(
    raw: Any, source: str, target: str, type_name: str, threads: int, imatrix: Imatrix | None, imatrix_name: str
) -> int:
    params = raw.llama_model_quantize_default_params()
    params.ftype = getattr(raw, f"LLAMA_FTYPE_{'ALL' if type_name == 'F32' else 'MOSTLY'}_{type_name}")
    params.nthread = threads
    if imatrix:
        params.imatrix = _entries(raw, imatrix)
        params.kv_overrides = _notes(raw, imatrix, imatrix_name)
    return int(raw.llama_model_quantize(os.fsencode(source), os.fsencode(target), ctypes.byref(params)))


def _entries(raw: Any, imatrix: Imatrix) -> Any:
    """The matrix as C wants it, ended by an empty entry; ctypes keeps the arrays alive with the table."""
    table = (raw.llama_model_imatrix_data * (len(imatrix.entries) + 1))()
    for row, (name, values) in zip(table, imatrix.entries.items(), strict=False):
        row.name, row.size = name.encode(), len(values)
        row.data = (ctypes.c_float * len(values)).from_buffer_copy(values.tobytes())
    return table


def _notes(raw: Any, imatrix: Imatrix, imatrix_name: str) -> Any:
    """What the file will say about the matrix it was made with."""
    said: list[tuple[str, int | str]] = [("file", imatrix_name)]
    said += [("dataset", imatrix.dataset)] if imatrix.dataset else []
    said += [("entries_count", len(imatrix.entries))]
    said += [("chunks_count", imatrix.chunks)] if imatrix.chunks > 0 else []
    table = (raw.llama_model_kv_override * (len(said) + 1))()
    for row, (key, value) in zip(table, said, strict=False):
        row.key = f"quantize.imatrix.{key}".encode()
        if isinstance(value, int):
            row.tag, row.value.val_i64 = _INTEGER, value
        else:
            row.tag, row.value.val_str = _TEXT, value.encode()[:127]
    return table


def _say(_level: LogLevel, text: bytes) -> None:
    sys.stderr.buffer.write(text)
    sys.stderr.buffer.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
