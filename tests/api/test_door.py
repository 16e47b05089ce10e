from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.api.settings import ServerSettings
from runtime.hosts import is_loopback
from tests.api.running import MODEL, Running, running


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8080", "LOCALHOST.", "127.0.0.1:9", "[::1]:80", "app.localhost"]
)
def test_names_of_this_computer_are_answered(server: Running, host: str) -> None:
    assert server.http.get("/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8080", "", "[", "a b"]
)
@pytest.mark.parametrize("path", ["/health", "/", "/v1/models", "/nothing"])
def test_another_name_is_refused_on_loopback(server: Running, host: str, path: str) -> None:
    answer = server.http.get(path, headers={"Host": host})
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "host_not_allowed"


def test_a_host_that_was_allowed_is_answered() -> None:
    with running(settings=ServerSettings(MODEL, allowed_hosts=("chat.school.example",))) as server:
        assert server.http.get("/health", headers={"Host": "Chat.School.Example"}).status_code == 200


def test_a_server_on_the_network_takes_any_name() -> None:
    with running(settings=ServerSettings(MODEL, host="0.0.0.0")) as server:
        assert server.http.get("/health", headers={"Host": "server.lan"}).status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"])
def test_loopback_is_recognised(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])
def test_an_address_others_can_reach_is_not_loopback(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1", "http://127.0.0.1"])
def test_a_page_from_elsewhere_cannot_even_send_a_simple_request(server: Running, origin: str) -> None:
    body = b'{"messages": [{"role": "user", "content": "hi"}]}'
    headers = {"Origin": origin, "Content-Type": "text/plain"}
    answer = server.http.post("/v1/chat/completions", content=body, headers=headers)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "origin_not_allowed"
    assert "access-control-allow-origin" not in answer.headers


def test_our_own_page_may(server: Running) -> None:
    assert server.http.get("/v1/models", headers={"Origin": server.url}).status_code == 200


@pytest.mark.parametrize("allowed", ["https://app.example", "*"])
def test_an_allowed_origin_gets_its_preflight_and_may_read(allowed: str) -> None:
    settings = ServerSettings(MODEL, allowed_origins=(allowed,), api_keys=("k",))
    with running(settings=settings) as server:
        headers = {
            "Origin": "https://app.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, content-type",
        }
        preflight = server.http.options("/v1/chat/completions", headers=headers)
        assert preflight.status_code == 204
        assert preflight.headers["access-control-allow-origin"] == "https://app.example"
        assert preflight.headers["access-control-allow-headers"] == "authorization, content-type"
        headers = {"Origin": "https://app.example", "Authorization": "Bearer k"}
        assert (
            server.http.get("/v1/models", headers=headers).headers["access-control-allow-origin"]
            == "https://app.example"
        )


@pytest.fixture(scope="module")
def locked(page_dir: Path) -> Iterator[Running]:
    keys = ServerSettings(MODEL, api_keys=("first-key", "schlüssel"))
    with running(settings=keys, webui=page_dir) as server:
        yield server


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic first-key"},
        {"Authorization": "Bearer first-key-and-more"},
        {"X-Api-Key": "wrong"},
    ],
)
@pytest.mark.parametrize("path", ["/v1/models", "/api/ui", "/openapi.json", "/nothing"])
def test_without_a_valid_key_nothing_is_told(locked: Running, headers: dict[str, str], path: str) -> None:
    answer = locked.http.get(path, headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "invalid_api_key"
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "headers",
    [{"Authorization": "Bearer first-key"}, {"Authorization": "bearer  first-key"}, {"X-Api-Key": "first-key"}],
)
def test_each_of_the_keys_opens(locked: Running, headers: dict[str, str]) -> None:
    assert locked.http.get("/v1/models", headers=headers).status_code == 200


def test_health_and_the_page_need_no_key(locked: Running) -> None:
    script = re.search(r'src="\.(/[^"]+\.js)"', locked.http.get("/").text)
    assert script
    assert [locked.http.get(path).status_code for path in ("/health", "/", script[1])] == [200, 200, 200]


def test_every_answer_forbids_sniffing_and_referrers(server: Running) -> None:
    for answer in (
        server.http.get("/"),
        server.http.get("/nothing"),
        server.http.get("/", headers={"Host": "x.example"}),
    ):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "server" not in answer.headers
