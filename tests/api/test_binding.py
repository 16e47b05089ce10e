from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from runtime.api import binding
from runtime.api.binding import bind, url
from runtime.errors import SurroundingsError, UsageError


@pytest.fixture
def base_port(monkeypatch: pytest.MonkeyPatch) -> int:
    """A stretch of free ports instead of 8080, which may be anybody's on this machine."""
    with bind("127.0.0.1", 0) as probe:
        port = probe.getsockname()[1]
    base = port if port < 65000 else port - 1000
    monkeypatch.setattr(binding, "DEFAULT_PORT", base)
    return base


def test_the_default_port_is_taken_first_and_then_the_next(base_port: int) -> None:
    with bind() as first, bind() as second:
        assert first.getsockname()[1] >= base_port
        assert second.getsockname()[1] > first.getsockname()[1]


def test_an_explicit_port_that_is_taken_is_an_error_with_a_remedy() -> None:
    with bind("127.0.0.1", 0) as first:
        with pytest.raises(SurroundingsError, match="is taken") as raised:
            bind("127.0.0.1", first.getsockname()[1])
        assert "--port" in raised.value.remedy
        assert raised.value.exit_code == 5


def test_ten_that_start_at_once_get_ten_ports(base_port: int) -> None:
    with ThreadPoolExecutor(10) as pool, ExitStack() as stack:
        sockets = [stack.enter_context(sock) for sock in pool.map(lambda _: bind(), range(10))]
        assert len({sock.getsockname()[1] for sock in sockets}) == 10


def test_when_every_port_is_taken_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with bind("127.0.0.1", 0) as first:
        monkeypatch.setattr(binding, "DEFAULT_PORT", first.getsockname()[1])
        monkeypatch.setattr(binding, "PORTS_TRIED", 1)
        with pytest.raises(SurroundingsError, match="are taken"):
            bind()


def test_the_socket_listens_at_once_so_that_nobody_else_can() -> None:
    with bind("127.0.0.1", 0) as sock, socket.create_connection(sock.getsockname(), timeout=2) as client:
        assert client.getpeername() == sock.getsockname()


@pytest.mark.parametrize(
    ("host", "start"),
    [
        ("127.0.0.1", "http://127.0.0.1:"),
        ("localhost", "http://127.0.0.1:"),
        ("0.0.0.0", "http://127.0.0.1:"),
        ("::1", "http://[::1]:"),
        ("[::1]", "http://[::1]:"),
        ("::", "http://[::1]:"),
    ],
)
def test_the_address_to_open_is_one_a_browser_understands(host: str, start: str) -> None:
    if ":" in host and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    with bind(host, 0) as sock:
        assert url(sock).startswith(start)
        assert url(sock).endswith(str(sock.getsockname()[1]))


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def test_an_address_of_another_computer_is_refused() -> None:
    with pytest.raises(SurroundingsError, match="does not belong"):
        bind("192.0.2.1", 0)


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_is_none_is_a_usage_error(port: int) -> None:
    with pytest.raises(UsageError):
        bind("127.0.0.1", port)


def test_a_host_that_is_none_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="not known"):
        bind("no such host", 0)
