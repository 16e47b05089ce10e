"""Where other devices in the network find a server of ours."""

from __future__ import annotations

import ipaddress
import socket


def addresses(sock: socket.socket) -> tuple[str, ...]:
    """Web addresses under which others reach this listening socket; none if it listens to this computer only."""
    host, port = sock.getsockname()[:2]
    address = ipaddress.ip_address(host.partition("%")[0])
    if address.is_loopback:
        return ()
    if not address.is_unspecified:
        return (_url(str(address), port),)
    return tuple(_url(own, port) for own in _own_addresses())


def _url(address: str, port: int) -> str:
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"


def _own_addresses() -> list[str]:
    """This computer's address on the way to elsewhere. A datagram socket that is connected sends nothing."""
    found: list[str] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # kept free for documentation (RFC 5737)
            found.append(probe.getsockname()[0])
        except OSError:  # no network at all
            pass
    return [address for address in found if not ipaddress.ip_address(address).is_loopback]
