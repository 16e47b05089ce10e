"""A model in several files (`NAME-00001-of-00003.gguf`), joined into one while it is read.

The joined file is, byte for byte, what `llama-gguf-split --merge` writes: the first part's metadata with `split.count`
set to 0 and moved to the end, the tensor tables of all parts one after the other, then their data, each tensor padded.
(It differs in one thing: an alignment other than 32 is honoured, where that program writes a file that cannot load.)
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bundler.errors import ModelError
from bundler.model.content import Content, Literal, Range
from bundler.model.gguf import MAGIC, GgufTables, TensorInfo, parse_tables, read_tables, tensor_bytes

PART_NAME = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf")

_COUNT_KEY = "split.count"
_UINT16 = 2
_VERSION = 3


@dataclass(frozen=True, slots=True)
class PartName:
    """What a part's file name says. number: from 1."""

    stem: str
    number: int
    count: int

    def file(self, number: int) -> str:
        """Name of another part of the set."""
        return f"{self.stem}-{number:05d}-of-{self.count:05d}.gguf"

    @property
    def files(self) -> tuple[str, ...]:
        """Names of all parts, in order."""
        return tuple(self.file(number) for number in range(1, self.count + 1))

    @property
    def joined(self) -> str:
        """What the whole model's file would be called."""
        return f"{self.stem.rsplit('/', 1)[-1]}.gguf"


def part_name(name: str) -> PartName | None:
    """What `name` says if it is a part's; None for any other name. Folders in front are part of the stem."""
    match = PART_NAME.fullmatch(name)
    if match is None or int(match["count"]) < 1:
        return None
    return PartName(match["stem"], int(match["number"]), int(match["count"]))


def parts_of(path: Path) -> tuple[Path, ...]:
    """All parts of the set that `path` belongs to, in order; only itself if its name is no part's.

    Raises `ModelError` naming the parts that are missing.
    """
    named = part_name(path.name)
    if named is None:
        return (path,)
    paths = tuple(path.with_name(file) for file in named.files)
    missing = [part.name for part in paths if not part.is_file()]
    if missing:
        raise ModelError(
            f"{path.name} is one of {named.count} parts of a model; {', '.join(missing)} {_is_are(missing)} missing "
            f"in {path.parent}.",
            "Get all parts into one folder and name any of them.",
        )
    return paths


def join(paths: Sequence[Path]) -> tuple[GgufTables, Content]:
    """The whole model that the parts make: its tables, and its bytes. Raises `ModelError` where they do not fit."""
    parts = [read_tables(path) for path in paths]
    _check_belong_together(paths, parts)
    alignment = parts[0].alignment
    header = _header(parts, alignment)
    pieces: list[Literal | Range] = [Literal(header)]
    for path, part in zip(paths, parts, strict=True):
        for tensor in part.tensors:
            size = _size_of(path, tensor)
            pieces.append(Range(path, part.data_start + tensor.offset, size))
            if size % alignment:
                pieces.append(Literal(bytes(-size % alignment)))
    return parse_tables(header, f"{paths[0].name} and its other parts"), Content(tuple(pieces))


def _check_belong_together(paths: Sequence[Path], parts: Sequence[GgufTables]) -> None:
    total = parts[0].header.metadata.get("split.tensors.count")
    for index, (path, part) in enumerate(zip(paths, parts, strict=True)):
        said = part.header.metadata.get("split.no"), part.header.metadata.get(_COUNT_KEY)
        if said != (index, len(paths)):
            told = f"part {said[0] + 1} of {said[1]}" if None not in said else "no part at all"  # type: ignore[operator]
            raise ModelError(
                f"{path} is {told} by its metadata, but part {index + 1} of {len(paths)} by its name.",
                "Get the parts again.",
            )
        if part.header.data_end is not None and path.stat().st_size < part.header.data_end:
            raise ModelError(
                f"{path} is cut off: its tensors end at byte {part.header.data_end:,}, "
                f"the file at {path.stat().st_size:,}.",
                "Get this part again.",
            )
    names = [tensor.name for part in parts for tensor in part.tensors]
    if len(names) != len(set(names)) or total not in (None, len(names)):
        raise ModelError(
            f"{paths[0]} and its other parts are not of one model: they hold {len(names)} tensors, {len(set(names))} "
            f"of them different, where the first says {total}.",
            "Get all parts from the same place.",
        )


def _header(parts: Sequence[GgufTables], alignment: int) -> bytes:
    pairs = [raw for key, raw in parts[0].pairs if key != _COUNT_KEY]
    pairs.append(_string(_COUNT_KEY) + struct.pack("<IH", _UINT16, 0))
    tensors = [tensor for part in parts for tensor in part.tensors]
    rows = []
    offset = 0
    for tensor in tensors:
        rows.append(_row(tensor, offset))
        size = tensor_bytes(tensor.kind, tensor.shape) or 0
        offset += size + -size % alignment
    header = MAGIC + struct.pack("<IQQ", _VERSION, len(tensors), len(pairs)) + b"".join(pairs) + b"".join(rows)
    return header + bytes(-len(header) % alignment)


def _row(tensor: TensorInfo, offset: int) -> bytes:
    shape = tensor.shape
    while len(shape) > 1 and shape[-1] == 1:  # ggml does not write trailing dimensions of one element
        shape = shape[:-1]
    packed = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    return _string(tensor.name) + packed + struct.pack("<IQ", tensor.kind, offset)


def _string(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def _size_of(path: Path, tensor: TensorInfo) -> int:
    size = tensor_bytes(tensor.kind, tensor.shape)
    if size is None:
        raise ModelError(
            f"{path.name} has tensors of a type (number {tensor.kind}) that cannot be joined yet.",
            "Join the parts first: llama-gguf-split --merge FIRST-PART OUTPUT.gguf",
        )
    return size


def _is_are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"
