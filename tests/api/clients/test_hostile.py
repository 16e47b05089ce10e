# ruff: noqa: E501 - one row is one attack
"""What is made to hurt, against the real engine: each is answered or closed, nobody else notices, no worker dies."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api import hostile
from tests.api.clients.conftest import KEY
from tests.dist import running

HELLO = [{"role": "user", "content": "Hello"}]
HEADERS = {"Authorization": f"Bearer {KEY}"}
LEVELS = 60
GRAMMARS = {
    "empty": "",
    "blank": " \n ",
    "no root": 'start ::= "a"',
    "not GBNF": "root ::= [",
    "unknown rule": "root ::= nothing",
    "left recursive": 'root ::= root "a" | "b"',
    "left recursive round a corner": 'root ::= a\na ::= b\nb ::= a "x" | "y"',
    "without end": 'root ::= "a" root',
    "of nothing": 'root ::= ""',
    "of nothing for ever": 'root ::= (""*)*',
    "doubling": "root ::= a0\n"
    + "\n".join(f"a{n} ::= a{n + 1} a{n + 1}" for n in range(LEVELS))
    + f'\na{LEVELS} ::= "a"',
    "ambiguous": "root ::= a0\n" + "\n".join(f"a{n} ::= a{n + 1} | a{n + 1}" for n in range(12)) + '\na12 ::= "a"*',
    "repeated repetitions": 'root ::= (("a"{500}){500}){500}',
    "too many repetitions": 'root ::= "a"{1,100000000}',
    "optional all along": 'root ::= ("a"? "b"? "c"?){200}',
    "nested": "root ::= " + "(" * 5000 + '"a"' + ")" * 5000,
    "characters out of range": "root ::= [\\UFFFFFFFF-\\U00110000]+",
    "doubling for ever": "root ::= a0\n"
    + "\n".join(f"a{n} ::= a{n + 1} | a{n + 1}" for n in range(LEVELS))
    + f'\na{LEVELS} ::= "a" a{LEVELS} "b" | ""',
    "exponential": 'root ::= "a" root "b" | "a" root "c" | "d"',
    "the same many times": "root ::= " + '("a" | "b")* ' * 600,
    "backwards": 'root ::= "a"{3,1}',
    "a long text many times": 'root ::= "' + "a" * 30_000 + '"{2000}',
    "null": "root ::= \x00",
    "long": 'root ::= "' + "a" * 60_000 + '"',
    "too long": 'root ::= "' + "a" * 10_000_000 + '"',
}
SCHEMAS: dict[str, Any] = {
    "empty": {},
    "of nothing": {"enum": []},
    "itself": {"$ref": "#"},
    "a circle": {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
    "without end": {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]},
    "exponential": {"$ref": "#/$defs/d0", "$defs": {**{f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(LEVELS)}, f"d{LEVELS}": {}}},
    "doubling": {"$ref": "#/$defs/d0", "$defs": {**{f"d{n}": {"anyOf": [{"type": "array", "items": {"$ref": f"#/$defs/d{n + 1}"}}] * 2} for n in range(LEVELS)}, f"d{LEVELS}": {"type": "null"}}},
    "remote": {"$ref": "http://192.0.2.7/schema.json"},
    "a file": {"$ref": "file:///etc/passwd"},
    "many": {"type": "array", "minItems": 10**9},
    "a pattern that backtracks": {"type": "string", "pattern": "^(a+)+$"},
    "a long pattern": {"type": "string", "pattern": "(a|b)*" * 600},
    "repeated repetitions": {"type": "string", "pattern": "^((a{900}){900}){900}$"},
    "10 MB": {"enum": ["x" * 10_000_000]},
    "wide": {"type": "object", "properties": {f"k{n}": {"type": "string"} for n in range(2000)}},
    "exponential with documents": {"$ref": "#/$defs/n", "$defs": {"n": {"anyOf": [{"type": "object", "properties": {"a": {"$ref": "#/$defs/n"}, "b": {"const": n}}, "required": ["a", "b"]} for n in range(3)]}}},
    "numbers": {"type": "number", "minimum": 1e-300, "maximum": 1e300},
}  # fmt: skip
TEMPLATES = {
    "loops": "{% for a in range(999999) %}{% for b in range(999999) %}{% endfor %}{% endfor %}",
    "grows": "{% set t = namespace(x='aaaaaaaa') %}{% for a in range(60) %}{% set t.x = t.x + t.x %}{% endfor %}{{ t.x }}",
    "reaches for attributes": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "recurses": "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
    "is none": "{% for %}",
}


@pytest.fixture(autouse=True)
def nobody_else_notices(http: httpx.Client) -> Iterator[None]:
    """A normal request is answered as before, by the same worker."""
    before = restarts(http)
    yield
    assert http.post("/v1/chat/completions", json={"messages": HELLO, "temperature": 0}).status_code == 200
    assert restarts(http) == before


def restarts(http: httpx.Client) -> int:
    found = re.search(r"pannier:engine_restarts_total (\d+)", http.get("/metrics").text)
    assert found
    return int(found[1])


@pytest.mark.parametrize(
    ("kind", "name"), [*(("grammar", name) for name in GRAMMARS), *(("json_schema", name) for name in SCHEMAS)]
)
def test_a_hostile_shape_is_answered_and_a_normal_request_beside_it_too(
    http: httpx.Client, kind: str, name: str
) -> None:
    body = {"messages": HELLO, "max_tokens": 20, kind: GRAMMARS[name] if kind == "grammar" else SCHEMAS[name]}
    with ThreadPoolExecutor(2) as pool:
        attack = pool.submit(http.post, "/v1/chat/completions", json=body)
        normal = pool.submit(http.post, "/v1/chat/completions", json={"messages": HELLO, "temperature": 0})
        assert normal.result().status_code == 200
        answer = attack.result()
    assert answer.status_code in (200, 400, 413), answer.text
    if answer.status_code == 200:
        assert answer.json()["choices"][0]["finish_reason"] in ("stop", "length")
    else:
        assert answer.json()["error"]["message"]


def test_two_hundred_malformed_bodies(http: httpx.Client) -> None:
    refused = 0
    for path, content in hostile.bodies():
        answer = http.post(path, content=content)
        assert answer.status_code in (200, 400, 413, 429), (path, content[:300], answer.text[:300])
        refused += answer.status_code != 200
    assert refused >= 150


def test_clients_that_take_their_time_are_closed(base: str, http: httpx.Client) -> None:
    host, _, port = base.rpartition("//")[2].partition(":")
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
    clients = [socket.create_connection((host, int(port)), timeout=90) for _ in range(60)]
    for number, client in enumerate(clients):
        client.sendall((b"", head, head + f"Authorization: Bearer {KEY}\r\n\r\n{{".encode())[number % 3])
    begin = time.monotonic()
    assert http.post("/v1/chat/completions", json={"messages": HELLO, "max_tokens": 1}).status_code == 200
    assert time.monotonic() - begin < 15, "the slow ones are in the way"
    for client in clients:
        with client:
            assert b"HTTP/1.1 408 " in client.recv(4096)


def test_five_hundred_connections_at_once(base: str) -> None:
    statuses = hostile.crowd(base, HEADERS)
    assert set(statuses) <= {200, 429}
    assert statuses.count(200) >= 250


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_hostile_template_is_an_error_with_a_reason(
    dist: Path, settled: dict[str, str], tmp_path: Path, name: str
) -> None:
    template = tmp_path / "template.jinja"
    template.write_text(TEMPLATES[name])
    with (
        running.serving(dist, "--port", "0", "--chat-template", str(template), env=settled) as served,
        httpx.Client(base_url=served.url, timeout=120, trust_env=False) as client,
    ):
        answer = client.post("/v1/chat/completions", json={"messages": HELLO})
        assert answer.status_code in (400, 500)
        assert answer.json()["error"]["code"] in ("chat_template_error", "chat_template_broken")
        assert client.post("/completion", json={"prompt": "Hello", "n_predict": 2}).status_code == 200
