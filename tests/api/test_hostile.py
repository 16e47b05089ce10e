"""Bodies nobody should send, clients that take their time, and crowds: each is answered or closed, and nobody else
notices.
"""

# ruff: noqa: E501 - one row is one body
from __future__ import annotations

import asyncio
import json
import random
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from runtime.api import door, patience
from tests.api.running import Running, running

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


def test_two_hundred_malformed_bodies_are_answered_and_a_normal_request_beside_them_is_too(server: Running) -> None:
    asked = bodies()
    assert len(asked) >= 200

    def send(row: tuple[str, bytes]) -> tuple[tuple[str, bytes], httpx.Response]:
        return row, httpx.post(server.url + row[0], content=row[1], timeout=30, trust_env=False)

    refused = 0
    with ThreadPoolExecutor(4) as pool:
        normal = [pool.submit(server.chat, max_tokens=3) for _ in range(5)]
        for row, answer in pool.map(send, asked):
            assert answer.status_code in (200, 400, 413, 429), (row[0], row[1][:300], answer.text[:300])
            if answer.status_code != 200:
                refused += 1
                assert "error" in answer.json()
        assert [one.result().status_code for one in normal] == [200] * 5
    assert refused >= 150


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n\r\n\r\n", b"\xff" * 100 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20_000 + b"\r\n", b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n", b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n", b"GET /%ff%fe/../../etc/passwd HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    ],
)  # fmt: skip
def test_what_is_no_http_is_answered_or_closed(server: Running, sent: bytes) -> None:
    with socket.create_connection(address(server), timeout=20) as client:
        try:
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
            heard = client.recv(65536)
        except ConnectionError:
            heard = b""
    assert heard == b"" or heard.startswith(b"HTTP/1.1 ")
    assert b"HTTP/1.1 5" not in heard
    assert server.chat(max_tokens=1).status_code == 200


def test_clients_that_send_drop_by_drop_are_closed_and_others_do_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "HEAD_SECONDS", 1.0)
    monkeypatch.setattr(door, "BODY_SECONDS", 1.0)
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
    with running() as server:
        silent = [socket.create_connection(address(server), timeout=20) for _ in range(20)]
        slow = [socket.create_connection(address(server), timeout=20) for _ in range(20)]
        bodyless = [socket.create_connection(address(server), timeout=20) for _ in range(20)]
        again = socket.create_connection(address(server), timeout=20)
        again.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert again.recv(4096).startswith(b"HTTP/1.1 200")
        again.sendall(b"GET /heal")
        for client in slow:
            client.sendall(head)
        for client in bodyless:
            client.sendall(head + b"\r\n{")
        assert server.chat(max_tokens=1).status_code == 200
        begin = time.monotonic()
        told = [read_all(client) for client in [*silent, *slow, *bodyless, again]]
        assert time.monotonic() - begin < 15
        assert all(b"HTTP/1.1 408 " in one for one in told)
        assert b"did not come in time" in told[-2]


def test_five_hundred_connections_at_once_are_all_answered(server: Running) -> None:
    async def ask(client: httpx.AsyncClient, number: int) -> int:
        if number % 2:
            return (await client.get("/health")).status_code
        body = {"messages": HELLO, "max_tokens": 2}
        return (await client.post("/v1/chat/completions", json=body)).status_code

    async def all_of_them() -> list[int]:
        limits = httpx.Limits(max_connections=500, max_keepalive_connections=0)
        async with httpx.AsyncClient(base_url=server.url, timeout=120, limits=limits, trust_env=False) as client:
            return await asyncio.gather(*(ask(client, number) for number in range(500)))

    statuses = asyncio.run(all_of_them())
    assert set(statuses) <= {200, 429}
    assert statuses.count(200) >= 250
    assert server.chat(max_tokens=1).status_code == 200


def address(server: Running) -> tuple[str, int]:
    host, _, port = server.url.rpartition("//")[2].partition(":")
    return host, int(port)


def read_all(client: socket.socket) -> bytes:
    with client:
        told = b""
        while piece := client.recv(4096):
            told += piece
        return told
