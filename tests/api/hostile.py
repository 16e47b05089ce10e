# ruff: noqa: E501 - one row is one body
"""Bodies nobody should send, and crowds: for the server over the fake engine, and for a whole dist."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Mapping
from typing import Any

import httpx

HELLO = [{"role": "user", "content": "Hello"}]
CHAT = {
    "messages": HELLO,
    "temperature": 0.5,
    "stop": ["x"],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
    "response_format": {"type": "text"},
    "logit_bias": {"1": 1},
}
PATHS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": CHAT,
    "/v1/completions": {"prompt": "x", "n": 2, "logit_bias": [[1, 2]]},
    "/v1/responses": {
        "input": [{"role": "user", "content": "x"}],
        "reasoning": {"effort": "low"},
        "text": {"format": {"type": "text"}},
    },
    "/v1/embeddings": {"input": ["x"], "dimensions": 4},
    "/completion": {"prompt": ["x", 1], "n_predict": 3},
    "/tokenize": {"content": "x"},
    "/detokenize": {"tokens": [1]},
    "/v1/messages": {"messages": HELLO, "max_tokens": 3, "system": [{"type": "text", "text": "x"}]},
    "/api/chat": {"messages": HELLO, "options": {"seed": 1}, "format": "json"},
    "/api/generate": {"prompt": "x", "think": True},
    "/api/embed": {"input": "x"},
}
VALUES = (
    None,
    True,
    0,
    -1,
    1e308,
    2**70,
    "",
    "x" * 5000,
    "\ud800",
    "\x00",
    [],
    [[]],
    {},
    {"": {}},
    [None] * 50,
    {"type": []},
    [{"role": []}],
    [{"type": "image_url", "image_url": {"url": "http://192.0.2.1/x"}}],
)
RAW: tuple[bytes, ...] = (
    b"", b" ", b"{", b"[]", b"null", b"true", b'"x"', b"1e999", b"{}", b'{"messages"', b"\xff\xfe", b"\xef\xbb\xbf{}", '{"a":1}'.encode("utf-16"),
    b'{"messages": [{"role": "user", "content": "\xc3\x28"}]}', b'{"messages": "\xed\xa0\x80"}', b'{"a": NaN}', b'{"temperature": Infinity}',
    b'{"messages": [], "messages": []}', b"[" * 100_000, b'{"a":' * 50_000, b'{"messages": [' + b"[" * 20_000, b'{"x": ' + b"9" * 100_000 + b"}",
    b'{"a": "' + b"\\u0000" * 10_000 + b'"}', b"\x00" * 1000, b"GET / HTTP/1.1\r\n\r\n", b"{'a': 1}", b'{"a": 1,}', b'{"a": 1}{"b": 2}', b"a=1&b=2",
)  # fmt: skip


def bodies() -> list[tuple[str, bytes]]:
    """Two hundred and more: what is no JSON, and good bodies of which one thing was made bad."""
    rng = random.Random(5)
    made = [(path, raw) for raw in RAW for path in rng.sample(sorted(PATHS), 2)]
    for path, good in PATHS.items():
        for _ in range(18):
            bad = json.loads(json.dumps(good))
            spoil(bad, rng)
            made.append((path, json.dumps(bad).encode()))
        text = json.dumps(good).encode()
        made += [(path, text[: rng.randrange(len(text))]), (path, text.replace(b"x", b"\xff")), (path, text[::-1])]
    return made


def spoil(value: Any, rng: random.Random) -> None:
    """Replace something somewhere, or add what does not belong there."""
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys or rng.random() < 0.1:
            if isinstance(value, dict):
                value[rng.choice(["unknown", "", "model", "stream", "seed"])] = rng.choice(VALUES)
            else:
                value.append(rng.choice(VALUES))
            return
        key = rng.choice(keys)
        if isinstance(value[key], dict | list) and rng.random() < 0.6:
            value = value[key]
        else:
            value[key] = rng.choice(VALUES)
            return


def crowd(url: str, headers: Mapping[str, str] | None = None) -> list[int]:
    """The statuses of five hundred requests on as many connections at once, half of them for an answer."""

    async def ask(client: httpx.AsyncClient, number: int) -> int:
        if number % 2:
            return (await client.get("/health")).status_code
        body = {"messages": HELLO, "max_tokens": 2}
        return (await client.post("/v1/chat/completions", json=body)).status_code

    async def all_of_them() -> list[int]:
        limits = httpx.Limits(max_connections=500, max_keepalive_connections=0)
        async with httpx.AsyncClient(
            base_url=url, headers=headers, timeout=300, limits=limits, trust_env=False
        ) as client:
            return await asyncio.gather(*(ask(client, number) for number in range(500)))

    return asyncio.run(all_of_them())
