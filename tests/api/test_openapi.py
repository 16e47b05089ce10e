"""The OpenAPI document is true: what it describes is taken, and what comes back is what it says; and it can be read."""

from __future__ import annotations

import re

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from runtime.engine.fake import FakeBehaviour
from tests.api.running import Running, running

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 8  # for each address and mode: requests as the document says, and others


def test_a_generated_request_to_any_address_gets_what_the_document_says() -> None:
    settle = settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    asked = set()
    with running(FakeBehaviour(answer="Yes.")) as server, requests.Session() as session:
        session.trust_env = False
        schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
        for found in schema.get_all_operations():
            operation = found.ok()
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                if mode is GenerationMode.NEGATIVE and not operation.body:
                    continue

                @settle
                @given(case=operation.as_strategy(generation_mode=mode))
                def fuzz(case: schemathesis.Case) -> None:
                    case.call_and_validate(session=session, checks=CHECKS, timeout=30)
                    asked.add(f"{case.method} {case.path}")

                fuzz()
        assert len(asked) > 25
        assert server.chat(max_tokens=1).status_code == 200


def test_the_page_about_it_loads_nothing(server: Running) -> None:
    answer = server.http.get("/docs")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert not re.findall(r"\b(?:src|action)=|@import|url\(|<script|<link|<iframe", answer.text)
    assert re.findall(r'href="([^"]*)"', answer.text) == ["openapi.json"]
    assert "/v1/chat/completions" in answer.text
    assert "Token id to bias" in answer.text


def test_the_document_names_the_keys(server: Running) -> None:
    assert set(server.http.get("/openapi.json").json()["components"]["securitySchemes"]) == {"bearer", "key"}
