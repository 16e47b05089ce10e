"""The shape of messages on the pipe, and the pipe itself.

A frame is four bytes, big-endian: the length of what follows; then one JSON object in ASCII whose `type` names one of
`messages.TYPES`. A type nobody knows arrives as `Unknown` and harms nothing; bytes that are no frame are a
`ProtocolError`, after which the pipe is of no use, for nobody can tell where the next frame begins.
"""

from __future__ import annotations

import json
import os
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from runtime.engine.messages import TYPES, Message, Unknown
from runtime.errors import EngineError

MAX_FRAME_BYTES = 64 << 20
"""Longer than any request the server lets in; a length above it is garbage."""

READ_BYTES = 1 << 18

_LENGTH = struct.Struct(">I")


class ProtocolError(EngineError):
    """What came over the pipe is no frame of this protocol, or what should go over it does not fit one."""


def encode(message: Message) -> bytes:
    """The whole frame. Raises `ProtocolError` if it would be too long."""
    body = json.dumps({"type": type(message).__name__, **_members(message)}, default=_members).encode("ascii")
    if len(body) > MAX_FRAME_BYTES:
        raise ProtocolError(f"A message of {len(body)} bytes is too long; the limit is {MAX_FRAME_BYTES}.")
    return _LENGTH.pack(len(body)) + body


def decode(body: bytes) -> Message:
    """The message in a frame's body. Raises `ProtocolError` if there is none."""
    try:
        raw = json.loads(body)
        name = raw.pop("type")
        known: Any = TYPES.get(name)
        message: Message = _reader(known)(raw) if known else Unknown(str(name))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ProtocolError(f"A frame that is no message: {body[:80]!r} ({error}).") from None
    return message


class FrameBuffer:
    """Cuts a stream of bytes into messages, wherever the reads fall."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """The messages completed by `data`. Raises `ProtocolError`; nothing can be read after that."""
        self._bytes += data
        messages: list[Message] = []
        at = 0
        while len(self._bytes) - at >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._bytes, at)
            if length > MAX_FRAME_BYTES:
                raise ProtocolError(f"A frame claims {length} bytes; the limit is {MAX_FRAME_BYTES}.")
            end = at + _LENGTH.size + length
            if len(self._bytes) < end:
                break
            messages.append(decode(bytes(self._bytes[at + _LENGTH.size : end])))
            at = end
        del self._bytes[:at]
        return messages


def read_batches(fd: int) -> Iterator[list[Message]]:
    """Messages from a blocking descriptor until end-of-file, all that one read completes together."""
    buffer = FrameBuffer()
    while data := os.read(fd, READ_BYTES):
        if messages := buffer.feed(data):
            yield messages


class MessageWriter:
    """Writes whole frames to a blocking descriptor; any thread may send."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lock = threading.Lock()

    def send(self, *messages: Message) -> None:
        """Write the messages one behind the other. Raises `OSError` if the other end is gone."""
        data = memoryview(b"".join(map(encode, messages)))
        with self._lock:
            while data:
                data = data[os.write(self._fd, data) :]


def _members(value: Any) -> dict[str, Any]:
    """A dataclass's fields by name; everything else in a message is JSON as it is."""
    return {field.name: getattr(value, field.name) for field in fields(value)}


@cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    """A function that checks a JSON value against a type and turns it into one; made once per type."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (UnionType, Union):
        return _union_reader(arguments)
    if origin is dict:
        return lambda raw: dict(_checked(raw, dict))
    if origin is not None:  # tuple[X, ...] and Sequence[X]
        element = _reader(arguments[0])
        return lambda raw: tuple(element(item) for item in _checked(raw, list))
    if is_dataclass(kind):
        return _dataclass_reader(kind)
    if issubclass(kind, StrEnum):
        return lambda raw: kind(raw)
    if kind is float:
        return lambda raw: float(raw) if type(raw) is int else _checked(raw, float)
    return lambda raw: _checked(raw, kind)


def _dataclass_reader(kind: Any) -> Callable[[Any], Any]:
    members = {name: _reader(hint) for name, hint in get_type_hints(kind).items()}

    def read(raw: Any) -> Any:
        return kind(**{name: members[name](value) for name, value in _checked(raw, dict).items()})

    return read


def _union_reader(kinds: tuple[Any, ...]) -> Callable[[Any], Any]:
    """Of `X | None` and `str | Sequence[int]`: a list is for the sequence, None for None, the rest for the other."""
    for_lists = next((_reader(kind) for kind in kinds if get_origin(kind) is not None), None)
    for_others = next((_reader(kind) for kind in kinds if get_origin(kind) is None and kind is not NoneType), None)

    def read(raw: Any) -> Any:
        if raw is None and NoneType in kinds:
            return None
        reader = for_lists if isinstance(raw, list) else for_others
        if reader is None:
            raise TypeError(f"unexpected {type(raw).__name__}")
        return reader(raw)

    return read


def _checked(raw: Any, kind: type) -> Any:
    if type(raw) is not kind:
        raise TypeError(f"expected {kind.__name__}, found {type(raw).__name__}")
    return raw
