"""Where others find a server: in a network with a way out, in one without, and nowhere if it listens to itself."""

from __future__ import annotations

import ipaddress
import json
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from runtime.launch import network
from tests import requirements


class Listening:
    """As much of a socket as is asked; nothing listens."""

    def __init__(self, host: str) -> None:
        self.host = host

    def getsockname(self) -> tuple[str, int]:
        return self.host, 8080


def addresses(host: str) -> tuple[str, ...]:
    return network.addresses(Listening(host))  # type: ignore[arg-type]


def told(monkeypatch: pytest.MonkeyPatch, **found: list[str]) -> None:
    for name in ("_on_the_way_out", "_on_interfaces", "_of_own_name"):
        answer = found.get(name[1:], [])
        monkeypatch.setattr(network, name, lambda answer=answer: iter(answer))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1"])
def test_a_server_for_this_computer_alone_has_no_address_for_others(host: str) -> None:
    assert addresses(host) == ()


def test_a_server_on_one_address_is_found_there_and_nowhere_else() -> None:
    assert addresses("10.1.2.3") == ("http://10.1.2.3:8080",)
    assert addresses("fd00::5") == ("http://[fd00::5]:8080",)
    assert addresses("fe80::5%eth0") == ("http://[fe80::5]:8080",)


def test_a_server_on_all_addresses_is_found_where_this_computer_goes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    told(monkeypatch, on_the_way_out=["192.168.1.20", "2001:db8::7"], on_interfaces=["10.0.0.1"])
    assert addresses("0.0.0.0") == addresses("::") == ("http://192.168.1.20:8080",)


def test_where_nothing_leads_out_the_addresses_in_the_room_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told(monkeypatch, on_interfaces=["127.0.0.1", "192.168.7.1"], of_own_name=["127.0.1.1", "192.168.7.1", "fe80::1"])
    assert addresses("0.0.0.0") == ("http://192.168.7.1:8080",)


def test_an_ipv6_address_is_told_only_where_there_is_no_other_and_the_server_hears_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told(monkeypatch, on_the_way_out=["2001:db8::7"])
    assert addresses("::") == ("http://[2001:db8::7]:8080",)
    assert addresses("0.0.0.0") == ()


def test_a_computer_without_any_network_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    told(monkeypatch, of_own_name=["127.0.1.1", "::1"])
    assert addresses("0.0.0.0") == ()


def test_what_is_looked_up_are_addresses_of_this_computer() -> None:
    found = [*network._on_the_way_out(), *network._on_interfaces(), *network._of_own_name()]
    for address in found:
        assert ipaddress.ip_address(address)
    if sys.platform in ("linux", "darwin"):
        assert "127.0.0.1" in network._on_interfaces()


def test_interfaces_of_containers_and_a_system_that_refuses_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "if_nameindex", lambda: [(1, "docker0"), (2, "no-such-thing")])
    assert [*network._on_interfaces()] == []

    def refuse(*_: object, **__: object) -> Iterator[object]:
        raise OSError("no")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert [*network._of_own_name()] == []


def test_in_a_network_that_leads_nowhere_a_way_out_is_not_found() -> None:
    """A namespace of its own has not even loopback up: nothing there is an address for others."""
    unshare = requirements.tool("unshare")
    program = "import json; from runtime.launch import network; print(json.dumps(network._own_addresses()))"
    done = subprocess.run([unshare, "-n", sys.executable, "-c", program], capture_output=True, text=True, check=False)
    if done.returncode:
        requirements.missing(f"no network namespace can be made here: {done.stderr}")
    assert json.loads(done.stdout) == []
