"""Bodies nobody should send, clients that take their time, and crowds: each is answered or closed, and nobody else
notices.
"""

# ruff: noqa: E501 - one row is one body
from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import pytest

from runtime.api import door, patience
from tests.api.hostile import bodies, crowd
from tests.api.running import Running, running


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
            with suppress(OSError):  # it may be closed from the other side already
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
    statuses = crowd(server.url)
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
