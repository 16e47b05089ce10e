from __future__ import annotations

import re
from pathlib import Path

import pytest

from runtime import resources
from tests.api.running import Running, running

FILES = sorted(file.name for file in resources.webui().iterdir() if file.is_file())


def test_the_page_is_at_the_root(server: Running) -> None:
    answer = server.http.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.text.startswith("<!doctype html>")


@pytest.mark.parametrize("name", ["", *FILES])
def test_every_file_carries_the_strict_policy(server: Running, name: str) -> None:
    answer = server.http.get(f"/{name}")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"].split("; ")
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "connect-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert not any("unsafe" in directive or "http" in directive for directive in policy)


def test_an_unchanged_file_is_not_sent_again(server: Running) -> None:
    first = server.http.get("/style.css")
    again = server.http.get("/style.css", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert server.http.get("/style.css", headers={"If-None-Match": '"other"'}).status_code == 200


def test_head_tells_the_length_only(server: Running) -> None:
    answer = server.http.head("/")
    assert answer.content == b""
    assert int(answer.headers["content-length"]) == len(server.http.get("/").content)


@pytest.mark.parametrize(
    "path", ["/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "//etc/passwd", "/index.html/", "/notes.py"]
)
def test_nothing_else_of_the_disk_is_served(tmp_path: Path, path: str) -> None:
    page = tmp_path / "page"
    page.mkdir()
    (page / "index.html").write_text("page")
    (page / "notes.py").write_text("secret")
    (tmp_path / "secret.txt").write_text("secret")
    with running(webui=page) as server:
        assert server.http.get("/").text == "page"
        assert server.http.get(path).status_code == 404


def test_a_missing_page_leaves_the_api_alone(tmp_path: Path) -> None:
    with running(webui=tmp_path / "missing") as server:
        assert server.http.get("/").status_code == 404
        assert server.http.get("/health").status_code == 200


@pytest.mark.parametrize("name", FILES)
def test_the_page_loads_nothing_from_elsewhere_and_nothing_inline(name: str) -> None:
    source = (resources.webui() / name).read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.findall(r"https?://|//[a-z0-9-]+\.[a-z]{2,}/", source)
    assert "innerHTML" not in source
    assert not re.search(r"<[^>]+\s(style|on[a-z]+)=", source)
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style", source)


def test_the_openapi_document_describes_the_chat_request(server: Running) -> None:
    document = server.http.get("/openapi.json").json()
    fields = document["components"]["schemas"]["ChatCompletionRequest"]["properties"]
    assert {"messages", "temperature", "stream", "top_k"} <= set(fields)
    chat = document["paths"]["/v1/chat/completions"]["post"]
    assert "422" not in chat["responses"]
    assert {"/health", "/v1/models", "/v1/models/{model_id}", "/api/ui"} <= set(document["paths"])
    for reference in re.findall(r'"#/components/schemas/(\w+)"', server.http.get("/openapi.json").text):
        assert reference in document["components"]["schemas"]


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_no_docs_page_that_would_load_from_elsewhere(server: Running, path: str) -> None:
    assert server.http.get(path).status_code == 404
