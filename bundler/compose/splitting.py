"""A model as parts of a limited size, each a GGUF: what llama.cpp loads together, and `llama-gguf-split --merge` joins.

For media that hold no large files (FAT32 sticks: 4 GiB less one byte). Cutting the bytes anywhere would be simpler, but
then the parts could not be mapped and the model would have to be copied together before every start; as GGUFs each part
is mapped where it lies. The first part has all metadata, every part its own tensors; the tensors' bytes are untouched.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from bundler.errors import ModelError
from bundler.model.content import Content, Literal, Range
from bundler.model.gguf import DEFAULT_ALIGNMENT, MAGIC, GgufTables, TensorInfo, parse_tables, read_tables, tensor_bytes

_VERSION = 3
_ALIGNMENT_KEY = "general.alignment"


@dataclass(frozen=True, slots=True)
class SplitPart:
    """One part: the end of its file's name and its bytes."""

    suffix: str
    content: Content


def split(content: Content, limit: int, name: str) -> tuple[SplitPart, ...]:
    """The model as parts of at most `limit` bytes. name: stands for it in errors.

    Raises `ModelError` where it cannot be cut so small.
    """
    tables = _tables(content)
    groups = list(_groups(tables, limit, name))
    count = len(groups)
    parts = []
    for number, tensors in enumerate(groups):
        pieces: list[Literal | Range] = [Literal(_header(tables, tensors, number, count))]
        for tensor in tensors:
            size = _size(tensor, name)
            pieces += _slice(content, tables.data_start + tensor.offset, size)
            if size % tables.alignment:
                pieces.append(Literal(bytes(-size % tables.alignment)))
        parts.append(SplitPart(f"-{number + 1:05d}-of-{count:05d}.gguf", Content(tuple(pieces))))
    return tuple(parts)


def _tables(content: Content) -> GgufTables:
    first = content.pieces[0]
    return parse_tables(first.data, "the joined model") if isinstance(first, Literal) else read_tables(first.path)


def _groups(tables: GgufTables, limit: int, name: str) -> Iterator[list[TensorInfo]]:
    """The tensors of each part: as many as fit, in their order."""
    group: list[TensorInfo] = []
    first, size = True, len(_header(tables, [], 0, 1))
    for tensor in tables.tensors:
        padded = -(-_size(tensor, name) // tables.alignment) * tables.alignment
        more = padded + len(_row(tensor, 0)) + tables.alignment  # the header is padded as well
        if group and size + more > limit:
            yield group
            group, first, size = [], False, len(_header(tables, [], 1, 1))
        if size + more > limit:
            what = "its metadata and " if first else ""
            raise ModelError(
                f"{name} cannot be cut into parts of {limit:,} bytes: {what}the tensor {tensor.name} alone are "
                f"{size + more:,}.",
                "Choose larger parts.",
            )
        group.append(tensor)
        size += more
    yield group


def _header(tables: GgufTables, tensors: list[TensorInfo], number: int, count: int) -> bytes:
    alignment = tables.alignment
    kept = [raw for key, raw in tables.pairs if not key.startswith("split.")] if number == 0 else []
    if number and alignment != DEFAULT_ALIGNMENT:
        kept = [raw for key, raw in tables.pairs if key == _ALIGNMENT_KEY]
    kept += [_pair("split.no", 2, "<H", number), _pair("split.count", 2, "<H", count)]
    kept.append(_pair("split.tensors.count", 5, "<i", len(tables.tensors)))
    rows, offset = [], 0
    for tensor in tensors:
        rows.append(_row(tensor, offset))
        offset += -(-(tensor_bytes(tensor.kind, tensor.shape) or 0) // alignment) * alignment
    header = MAGIC + struct.pack("<IQQ", _VERSION, len(tensors), len(kept)) + b"".join(kept) + b"".join(rows)
    return header + bytes(-len(header) % alignment)


def _pair(key: str, kind: int, form: str, value: int) -> bytes:
    return _string(key) + struct.pack("<I", kind) + struct.pack(form, value)


def _row(tensor: TensorInfo, offset: int) -> bytes:
    shape = struct.pack(f"<I{len(tensor.shape)}Q", len(tensor.shape), *tensor.shape)
    return _string(tensor.name) + shape + struct.pack("<IQ", tensor.kind, offset)


def _string(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def _size(tensor: TensorInfo, name: str) -> int:
    size = tensor_bytes(tensor.kind, tensor.shape)
    if size is None:
        raise ModelError(f"{name} has tensors of a type (number {tensor.kind}) that cannot be split yet.")
    return size


def _slice(content: Content, offset: int, size: int) -> list[Literal | Range]:
    """The pieces that make up a range of `content`."""
    pieces: list[Literal | Range] = []
    for piece in content.pieces:
        if offset < piece.size and size:
            part = min(size, piece.size - offset)
            if isinstance(piece, Literal):
                pieces.append(Literal(piece.data[offset : offset + part]))
            else:
                pieces.append(Range(piece.path, piece.offset + offset, part))
            size -= part
            offset = 0
        else:
            offset = max(0, offset - piece.size)
    return pieces
