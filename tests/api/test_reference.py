from __future__ import annotations

import pytest
from pydantic import BaseModel

from runtime.api.dialects import DIALECTS
from tests.api.reference import FILE, render, table
from tests.api.running import Running

BODIES = [body for dialect in DIALECTS for body in dialect.load().BODIES.values()]


def test_the_reference_says_what_the_code_does() -> None:
    assert FILE.read_text(encoding="utf-8") == render(), "run: python -m tests.api.reference"


@pytest.mark.parametrize("body", BODIES, ids=lambda body: str(body.__name__))
def test_every_refused_field_has_its_reason(body: type[BaseModel]) -> None:
    for line in table(body):
        if "refused unless" in line:
            assert line.split("|")[3].strip(), line


def test_the_openapi_document_has_every_path(server: Running) -> None:
    document = server.http.get("/openapi.json").json()
    for dialect in DIALECTS:
        for address in dialect.routes:
            method, path = address.split(" ")
            operation = document["paths"][path.replace(":path", "")][method.lower()]
            assert operation["summary"]
            assert "default" in operation["responses"]
    identities = [one["operationId"] for path in document["paths"].values() for one in path.values()]
    assert len(set(identities)) == len(identities)


def test_unknown_paths_of_every_dialect_are_404(server: Running) -> None:
    for path in ("/v1/images/generations", "/lora-adapters", "/api/pull", "/v1/messages/batches"):
        assert server.http.post(path, json={}).status_code == 404
