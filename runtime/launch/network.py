"""Where other devices in the network find a server of ours."""

from __future__ import annotations

import ipaddress
import socket
import struct
import sys
from collections.abc import Iterator

_ELSEWHERE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
"""Addresses that are kept free for documentation (RFC 5737, RFC 3849); nothing is ever sent there."""

_GET_ADDRESS = {"linux": 0x8915, "darwin": 0xC0206921}
"""SIOCGIFADDR: the IPv4 address of an interface."""

_NAME_SIZE, _REQUEST_SIZE = 16, 256
_OF_GUESTS = ("docker", "br-", "veth", "virbr", "vmnet", "lxc", "cni", "podman")
"""Interfaces to containers and virtual machines; no other device comes by them."""


def addresses(sock: socket.socket) -> tuple[str, ...]:
    """Web addresses under which others reach this listening socket; none if it listens to this computer only."""
    host, port = sock.getsockname()[:2]
    address = ipaddress.ip_address(host.partition("%")[0])
    if address.is_loopback:
        return ()
    if not address.is_unspecified:
        return (_url(str(address), port),)
    own = [one for one in _own_addresses() if address.version == 6 or ":" not in one]
    return tuple(_url(one, port) for one in own)


def _url(address: str, port: int) -> str:
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"


def _own_addresses() -> list[str]:
    """This computer's address on the way to elsewhere; in a network that leads nowhere else, those of its interfaces.

    IPv6 only where there is no other: nobody types such an address from a blackboard.
    """
    outwards = [*_on_the_way_out()]
    found = outwards or [*_on_interfaces(), *_of_own_name()]
    usable = [one for one in dict.fromkeys(found) if _is_for_others(one)]
    return [one for one in usable if ":" not in one] or usable


def _is_for_others(text: str) -> bool:
    address = ipaddress.ip_address(text)
    return not (address.is_loopback or address.is_unspecified or (address.version == 6 and address.is_link_local))


def _on_the_way_out() -> Iterator[str]:
    """A datagram socket that is connected sends nothing, but has the address it would send from."""
    for family, elsewhere in _ELSEWHERE:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((elsewhere, 9))
                yield str(probe.getsockname()[0])
        except OSError:  # no way there
            continue


def _on_interfaces() -> Iterator[str]:
    """IPv4 addresses of the interfaces, where the system tells them one by one."""
    code = _GET_ADDRESS.get(sys.platform)
    if code is None:
        return
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        for _, name in socket.if_nameindex():
            if name.startswith(_OF_GUESTS):
                continue
            request = struct.pack(f"{_NAME_SIZE}s{_REQUEST_SIZE - _NAME_SIZE}x", name.encode())
            try:
                answer = fcntl.ioctl(asking, code, request)
            except OSError:  # it has none
                continue
            yield socket.inet_ntoa(answer[_NAME_SIZE + 4 : _NAME_SIZE + 8])


def _of_own_name() -> Iterator[str]:
    """What this computer's name leads to: all its addresses on Windows, often loopback alone elsewhere."""
    try:
        found = socket.getaddrinfo(socket.gethostname(), None, type=socket.SOCK_DGRAM)
    except OSError:
        return
    for *_, address in found:
        yield str(address[0]).partition("%")[0]
