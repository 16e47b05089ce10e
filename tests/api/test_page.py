from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.running import Running, running


@pytest.fixture(scope="module")
def server(page_dir: Path) -> Iterator[Running]:
    """With the page as it is built."""
    with running(webui=page_dir) as started:
        yield started


def names(page_dir: Path) -> list[str]:
    return [path.relative_to(page_dir).as_posix() for path in sorted(page_dir.rglob("*")) if path.is_file()]


def test_the_page_is_at_the_root(server: Running) -> None:
    answer = server.http.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.text.startswith("<!doctype html>")


def test_every_file_carries_the_strict_policy(server: Running, page_dir: Path) -> None:
    assert len(names(page_dir)) > 10
    for name in ["", *names(page_dir)]:
        answer = server.http.get(f"/{name}")
        assert answer.status_code == 200, name
        policy = answer.headers["content-security-policy"].split("; ")
        assert {"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"} <= set(policy)
        assert "frame-ancestors 'none'" in policy
        assert not any("unsafe" in directive or "http" in directive for directive in policy)


def test_what_is_named_by_its_content_is_kept_and_the_rest_asked_for(server: Running, page_dir: Path) -> None:
    for name in names(page_dir):
        kept = "immutable" in server.http.get(f"/{name}").headers["cache-control"]
        assert kept == bool(re.fullmatch(r"assets/.*-[\w-]{8}\.\w+", name)), name


def test_an_unchanged_file_is_not_sent_again(server: Running) -> None:
    first = server.http.get("/icon.svg")
    again = server.http.get("/icon.svg", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert server.http.get("/icon.svg", headers={"If-None-Match": '"other"'}).status_code == 200


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


def test_nothing_is_inline_so_that_the_policy_can_be_strict(page_dir: Path) -> None:
    page = (page_dir / "index.html").read_text("utf-8")
    assert not re.search(r"<[^>]+\s(style|on[a-z]+)=", page)
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style", page)
    assert re.findall(r"(?:src|href)=\"(?!\./)", page) == []


def test_the_openapi_document_describes_the_chat_request(server: Running) -> None:
    document = server.http.get("/openapi.json").json()
    fields = document["components"]["schemas"]["ChatCompletionRequest"]["properties"]
    assert {"messages", "temperature", "stream", "top_k"} <= set(fields)
    chat = document["paths"]["/v1/chat/completions"]["post"]
    assert "422" not in chat["responses"]
    assert {"/health", "/v1/models", "/v1/models/{model_id}", "/api/ui"} <= set(document["paths"])
    for reference in re.findall(r'"#/components/schemas/(\w+)"', server.http.get("/openapi.json").text):
        assert reference in document["components"]["schemas"]


@pytest.mark.parametrize("path", ["/redoc", "/docs/oauth2-redirect"])
def test_no_docs_page_that_would_load_from_elsewhere(server: Running, path: str) -> None:
    assert server.http.get(path).status_code == 404
