"""Importance matrices for the quantiser: llama-imatrix's GGUF files, and its older binary format.

For each tensor the quantiser wants the mean square of every input; the files hold sums and counts. The arithmetic is
llama-quantize's, in 32-bit floats, so that the result is the same to the last bit.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bundler.errors import ModelError
from bundler.model.gguf import MAGIC

_SUMS, _COUNTS = ".in_sum2", ".counts"
_METADATA = ("imatrix.datasets", "imatrix.chunk_count", "imatrix.chunk_size")


@dataclass(frozen=True, slots=True)
class Imatrix:
    """entries: an array of 32-bit floats for each tensor name. dataset, chunks: what it was made from, and how much."""

    entries: dict[str, Any]
    dataset: str
    chunks: int


def load(path: Path) -> Imatrix:
    """Read the file at `path`. Raises `ModelError` where it is no importance matrix."""
    try:
        with path.open("rb") as file:
            modern = file.read(4) == MAGIC
        return _load_gguf(path) if modern else _load_binary(path.read_bytes())
    except OSError as error:
        raise ModelError(f"The importance matrix {path} cannot be read ({error.strerror}).") from None
    except (ValueError, KeyError, IndexError, struct.error) as error:
        raise ModelError(
            f"{path} is no importance matrix ({error}).", "Make one with llama.cpp's llama-imatrix, or leave it out."
        ) from None


def _load_gguf(path: Path) -> Imatrix:
    import numpy as np
    from gguf import GGUFReader

    reader = GGUFReader(path)
    tensors = {tensor.name: tensor.data.astype(np.float32).ravel() for tensor in reader.tensors}
    datasets, chunks, _ = (reader.fields[key].contents() for key in _METADATA)
    entries: dict[str, Any] = {}
    for name in sorted(tensors):
        if not name.endswith(_SUMS):
            continue
        short = name.removesuffix(_SUMS)
        sums = tensors[name]
        counts = np.rint(tensors[short + _COUNTS]).astype(np.float32).reshape(-1, 1)
        rows = sums.reshape(len(counts), -1)
        means = np.divide(rows, counts, out=np.ones_like(rows), where=counts > 0)
        entries[short] = means.ravel()
    if not entries:
        raise ValueError("it has no sums")
    return Imatrix(entries, datasets[0] if datasets else "", int(chunks))


def _load_binary(data: bytes) -> Imatrix:
    import numpy as np

    at = 4
    (count,) = struct.unpack_from("<i", data)
    entries: dict[str, Any] = {}
    if count < 1:
        raise ValueError("it has no entries")
    for _ in range(count):
        (length,) = struct.unpack_from("<i", data, at)
        name = data[at + 4 : at + 4 + length].decode()
        calls, values = struct.unpack_from("<ii", data, at + 4 + length)
        at += 12 + length
        if values < 1:
            raise ValueError(f"it has no values for {name}")
        sums = np.frombuffer(data, np.float32, values, at)
        entries[name] = sums / np.float32(calls) if calls > 0 else sums.copy()
        at += 4 * values
    chunks, dataset = 0, ""
    if at < len(data):
        (chunks,) = struct.unpack_from("<i", data, at)
        if at + 8 <= len(data):
            (length,) = struct.unpack_from("<i", data, at + 4)
            dataset = data[at + 8 : at + 8 + length].decode("utf-8", "replace")
    return Imatrix(entries, dataset, chunks)
