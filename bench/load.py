"""Clients of a chat server, spoken by hand so that they cost little: what each saw, and when."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

TOKENS_PER_WORD = 1.3
"""Of real tokenizers and English."""

_TEXT = re.compile(rb'"content": ?"(?!")')
"""In an event that has some. To read it as JSON would take the processors that are measured several times as long."""

_POLL_SECONDS = 0.02

_GROUP = 6
"""Characters of the texts here, of which the last is a space. The noise models of `bench.models` have a token for every
letter, and one for a letter with the space before it.
"""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: system prompt and question, and how many tokens to answer. after: seconds to wait before asking.

    behind: and until all others have seen so many pieces. biased: ids of the only tokens the answer is made of; any if
    there are none.
    """

    system: str
    question: str
    tokens: int = 48
    after: float = 0.0
    behind: int = 0
    biased: tuple[int, ...] = ()


@dataclass(slots=True)
class Seen:
    """What came of a request: when it was asked, and when each piece of text came (seconds of one clock)."""

    asked: float = 0.0
    pieces: list[float] = field(default_factory=list)

    @property
    def first(self) -> float:
        """Seconds to the first text."""
        return self.pieces[0] - self.asked

    @property
    def gaps(self) -> list[float]:
        """Seconds between pieces."""
        return [later - earlier for earlier, later in zip(self.pieces, self.pieces[1:], strict=False)]


@dataclass(frozen=True, slots=True)
class Result:
    """Of all requests together. wall: from the first question to the last word."""

    wall: float
    first: float
    seen: Sequence[Seen]


def words(count: int, seed: int) -> str:
    """A text of as many tokens as so many words would be, always the same for a seed."""
    chosen = random.Random(seed)
    characters = round(count * TOKENS_PER_WORD * _GROUP / (_GROUP - 1))
    letters = (chosen.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(characters))
    return "".join(" " if at % _GROUP == _GROUP - 1 else letter for at, letter in enumerate(letters))


async def run(port: int, asks: Sequence[Ask]) -> Result:
    """Ask all of them at once (or after their time), and wait for every answer."""
    with _going_first():
        began = time.perf_counter()
        seen = [Seen() for _ in asks]
        await asyncio.gather(*(_ask(port, ask, one, seen) for ask, one in zip(asks, seen, strict=True)))
    return Result(time.perf_counter() - began, statistics.median(one.first for one in seen), seen)


@contextmanager
def _going_first() -> Iterator[None]:
    """Before the servers, where that is allowed (to root, on Linux): real clients have processors of their own, and a
    clock that waits for one is some milliseconds late.
    """
    if sys.platform != "linux":
        yield
        return
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, -20)
    try:
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, usual)


async def _ask(port: int, ask: Ask, seen: Seen, everybody: Sequence[Seen]) -> None:
    await asyncio.sleep(ask.after)
    while any(len(one.pieces) < ask.behind for one in everybody if one is not seen):
        await asyncio.sleep(_POLL_SECONDS)
    messages = [{"role": "system", "content": ask.system}, {"role": "user", "content": ask.question}]
    options: dict[str, object] = {"stream": True, "temperature": 0, "max_tokens": ask.tokens, "ignore_eos": True}
    if ask.biased:
        options["logit_bias"] = {str(token): 100 for token in ask.biased}
    body = json.dumps({"model": "bench", "messages": messages, **options}).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    seen.asked = time.perf_counter()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
    status = await reader.readline()
    if b" 200 " not in status:
        raise SystemExit(f"refused: {status.decode()}{(await reader.read()).decode(errors='replace')}")
    while line := await reader.readline():
        if line.startswith(b"data: {") and _TEXT.search(line):
            seen.pieces.append(time.perf_counter())
    writer.close()
    if not seen.pieces:
        raise SystemExit("an answer without text")
