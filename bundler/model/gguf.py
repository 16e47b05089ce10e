"""Read a GGUF's header: its metadata and where its tensors end.

Why our own reader: composing needs it for every build, and the `gguf` package materialises each vocabulary string,
which takes seconds for a modern vocabulary (5 s for 152,000 tokens, measured), as long as packing a 5 GB file.
This one skips arrays of strings and never maps the tensors. Source: the GGUF specification, version 3.
"""

from __future__ import annotations

import functools
import math
import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bundler.errors import ModelError

MAGIC = b"GGUF"
VERSIONS = (2, 3)
DEFAULT_ALIGNMENT = 32
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What a GGUF says about itself.

    metadata: its scalar and string values; arrays only as their length. data_end: where the last tensor's data ends,
    in bytes from the start; None if a tensor has a type this reader does not know. type_bytes: bytes per tensor type.
    """

    version: int
    metadata: dict[str, Any]
    tensors: int
    parameters: int
    data_end: int | None
    type_bytes: dict[str, int] = field(default_factory=dict)

    @property
    def architecture(self) -> str:
        """`general.architecture`, or nothing."""
        return str(self.metadata.get("general.architecture", ""))

    @property
    def file_type(self) -> str:
        """The tensor type that most of the bytes have ("Q4_K")."""
        return max(self.type_bytes, key=lambda name: self.type_bytes[name], default="")

    @property
    def context_length(self) -> int:
        """Tokens of context the model was trained on, 0 if it does not say."""
        return int(self.metadata.get(f"{self.architecture}.context_length", 0))


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One row of the tensor table. kind: ggml's number of its type. offset: bytes from the start of the tensor data."""

    name: str
    shape: tuple[int, ...]
    kind: int
    offset: int


@dataclass(frozen=True, slots=True)
class GgufTables:
    """The whole header, read once.

    pairs: each metadata key with the bytes of its pair as they stand in the file (key, type and value).
    tensors: in the order of the file. data_start: where the tensor data begins, in bytes from the start.
    """

    header: GgufHeader
    pairs: tuple[tuple[str, bytes], ...]
    tensors: tuple[TensorInfo, ...]
    alignment: int
    data_start: int


def read_header(path: Path) -> GgufHeader:
    """Read the header of `path`. Raises `ModelError` where it is not a whole little-endian GGUF header."""
    return read_tables(path).header


def read_tables(path: Path) -> GgufTables:
    """Read all tables of `path`. Raises `ModelError` where it is not a whole little-endian GGUF header."""
    try:
        with path.open("rb") as file:
            head = file.read(8)
            with _explaining(str(path)):
                _check_magic(str(path), head)
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
                return parse_tables(view, str(path))
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}).") from None


def parse_tables(data: bytes | mmap.mmap, name: str) -> GgufTables:
    """Read all tables from a header in memory. name: stands for it in errors. Raises `ModelError`."""
    with _explaining(name):
        _check_magic(name, data[:8])
        return _Reader(data).tables()


def tensor_bytes(kind: int, shape: tuple[int, ...]) -> int | None:
    """Size of a tensor's data in bytes; None for a type this reader does not know."""
    if kind not in _block_sizes():
        return None
    _, per_block, block_bytes = _block_sizes()[kind]
    return math.prod(shape) // per_block * block_bytes


def type_name(kind: int) -> str:
    """ggml's name of a tensor type ("Q8_0"); "type 99" for one this reader does not know."""
    return _block_sizes()[kind][0] if kind in _block_sizes() else f"type {kind}"


@contextmanager
def _explaining(name: str) -> Iterator[None]:
    try:
        yield
    except (struct.error, IndexError, UnicodeDecodeError, OverflowError, _BadGgufError) as error:
        raise ModelError(
            f"{name} is not a sound GGUF: its header is cut off or garbled ({error}).", "Get the model again."
        ) from None


class _BadGgufError(ValueError):
    pass


def _check_magic(name: str, head: bytes) -> None:
    if head[:4] != MAGIC:
        raise ModelError(
            f"{name} is not a GGUF (it begins with {head[:4]!r}).",
            "Convert the model with llama.cpp's convert_hf_to_gguf.py, or choose a repository that has GGUF files.",
        )
    if len(head) < 8:
        raise _BadGgufError("it ends after a few bytes")
    (version,) = struct.unpack_from("<I", head, 4)
    if version not in VERSIONS:
        (swapped,) = struct.unpack_from(">I", head, 4)
        if swapped in VERSIONS:
            raise ModelError(
                f"{name} is a big-endian GGUF; none of Pannier's targets can read it.",
                "Get the little-endian file, or convert it with gguf-py's gguf_convert_endian.",
            )
        raise ModelError(f"{name} has GGUF version {version}; versions {VERSIONS} can be packed.")


@functools.cache
def _block_sizes() -> dict[int, tuple[str, int, int]]:
    """Name, elements and bytes of a block of each tensor type, by ggml's number; kept by the gguf package."""
    from gguf.constants import GGML_QUANT_SIZES  # late: it brings numpy

    return {int(kind): (kind.name, *sizes) for kind, sizes in GGML_QUANT_SIZES.items()}


class _Reader:
    """A cursor over the header. `struct.error` at the end of the data ends the reading."""

    def __init__(self, view: bytes | mmap.mmap) -> None:
        self.view = view
        self.at = 4

    def tables(self) -> GgufTables:
        version = self._scalar("I")
        tensor_count, pair_count = self._scalar("Q"), self._scalar("Q")
        metadata: dict[str, Any] = {}
        pairs: list[tuple[str, bytes]] = []
        for _ in range(pair_count):
            start = self.at
            key = self._string()
            metadata[key] = self._value(self._scalar("I"))
            pairs.append((key, bytes(self.view[start : self.at])))
        tensors = tuple(self._tensor() for _ in range(tensor_count))
        alignment = int(metadata.get("general.alignment", DEFAULT_ALIGNMENT))
        if alignment <= 0:
            raise _BadGgufError(f"general.alignment is {alignment}")
        data_start = -(-self.at // alignment) * alignment
        end, type_bytes = _extent(tensors)
        header = GgufHeader(
            version=version,
            metadata=metadata,
            tensors=tensor_count,
            parameters=sum(math.prod(tensor.shape) for tensor in tensors),
            data_end=None if end is None else data_start + end,
            type_bytes=type_bytes,
        )
        return GgufTables(header, tuple(pairs), tensors, alignment, data_start)

    def _tensor(self) -> TensorInfo:
        name = self._string()
        shape = tuple(self._scalar("Q") for _ in range(self._scalar("I")))
        return TensorInfo(name, shape, self._scalar("I"), self._scalar("Q"))

    def _scalar(self, code: str) -> Any:
        (value,) = struct.unpack_from("<" + code, self.view, self.at)
        self.at += struct.calcsize("<" + code)
        return value

    def _string(self) -> str:
        size = self._scalar("Q")
        raw = self.view[self.at : self.at + size]
        if len(raw) != size:
            raise _BadGgufError("a string runs past the end of the file")
        self.at += size
        return raw.decode("utf-8", "replace")

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._string()
        if kind == _ARRAY:
            return self._skip_array()
        if kind not in _SCALARS:
            raise _BadGgufError(f"metadata of unknown type {kind}")
        return self._scalar(_SCALARS[kind])

    def _skip_array(self) -> int:
        """Step over an array; its length stands for it."""
        kind, count = self._scalar("I"), self._scalar("Q")
        if kind in _SCALARS:
            self.at += count * struct.calcsize("<" + _SCALARS[kind])
        elif kind == _STRING:
            length_of = struct.Struct("<Q").unpack_from
            view, at, end = self.view, self.at, len(self.view)
            for _ in range(count):
                at += 8 + length_of(view, at)[0]
                if at > end:
                    raise _BadGgufError("an array runs past the end of the file")
            self.at = at
        else:
            raise _BadGgufError(f"array of unknown type {kind}")
        return int(count)


def _extent(tensors: tuple[TensorInfo, ...]) -> tuple[int | None, dict[str, int]]:
    """Where the tensor data ends (None if a type is unknown), and how many bytes each type has."""
    end: int | None = 0
    type_bytes: dict[str, int] = {}
    for tensor in tensors:
        size = tensor_bytes(tensor.kind, tensor.shape)
        if size is None:
            end = None
            continue
        name = _block_sizes()[tensor.kind][0]
        type_bytes[name] = type_bytes.get(name, 0) + size
        end = None if end is None else max(end, tensor.offset + size)
    return end, type_bytes
