"""Grammars and schemas made to hurt, against the real engine: each is answered, nobody else notices, no worker dies."""

# ruff: noqa: E501 - one row is one attack
from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

HELLO = [{"role": "user", "content": "Hello"}]
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
    "numbers": {"type": "number", "minimum": 1e-300, "maximum": 1e300},
}  # fmt: skip


def restarts(http: httpx.Client) -> int:
    found = re.search(r"pannier:engine_restarts_total (\d+)", http.get("/metrics").text)
    assert found
    return int(found[1])


@pytest.mark.parametrize(
    ("kind", "name"), [*(("grammar", name) for name in GRAMMARS), *(("json_schema", name) for name in SCHEMAS)]
)
def test_it_is_answered_and_a_normal_request_beside_it_too(http: httpx.Client, kind: str, name: str) -> None:
    before = restarts(http)
    body = {"messages": HELLO, "max_tokens": 20, kind: GRAMMARS[name] if kind == "grammar" else SCHEMAS[name]}
    begin = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        attack = pool.submit(http.post, "/v1/chat/completions", json=body)
        normal = pool.submit(http.post, "/v1/chat/completions", json={"messages": HELLO, "temperature": 0})
        assert normal.result().status_code == 200
        answer = attack.result()
    assert time.monotonic() - begin < 60
    assert answer.status_code in (200, 400, 413), answer.text
    if answer.status_code == 200:
        assert answer.json()["choices"][0]["finish_reason"] in ("stop", "length")
    else:
        assert answer.json()["error"]["message"]
    assert restarts(http) == before
