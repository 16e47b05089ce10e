"""The listening socket, taken before anything heavy is imported, so that a taken port is told at once."""

from __future__ import annotations

import errno
import ipaddress
import socket
import sys

from runtime.errors import SurroundingsError, UsageError

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8080
PORTS_TRIED = 20
BACKLOG = 512


def bind(host: str = DEFAULT_HOST, port: int | None = None) -> socket.socket:
    """A socket that listens on `host`.

    port: this one and no other (0: any free one); None: 8080, or the first free one of the twenty from there.
    Raises `SurroundingsError` if the port is taken or the host is not this computer's, `UsageError` for nonsense.
    """
    if port is not None:
        if not 0 <= port <= 65535:
            raise UsageError(f"{port} is not a port.", "Ports go from 1 to 65535.")
        return _listen(host, port)
    for candidate in range(DEFAULT_PORT, DEFAULT_PORT + PORTS_TRIED):
        try:
            return _listen(host, candidate)
        except _PortTakenError:
            continue
    last = DEFAULT_PORT + PORTS_TRIED - 1
    raise SurroundingsError(
        f"All ports from {DEFAULT_PORT} to {last} on {host} are taken.", "Choose another one with --port."
    )


def url(sock: socket.socket) -> str:
    """Where a browser on this computer finds the socket."""
    host, port = sock.getsockname()[:2]
    address = ipaddress.ip_address(host.partition("%")[0])
    if address.is_unspecified:
        return f"http://{'127.0.0.1' if address.version == 4 else '[::1]'}:{port}"
    return f"http://{host if address.version == 4 else f'[{host}]'}:{port}"


class _PortTakenError(SurroundingsError):
    """Somebody else listens there."""


def _listen(host: str, port: int) -> socket.socket:
    """Listening belongs to it: two programs may bind one port at the same moment, only one gets to listen."""
    family, address = _resolve(host, port)
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":  # there SO_REUSEADDR would let two programs share a port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:  # or a restart would have to wait for old connections to time out
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host != "::"))
        sock.bind(address)
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise _explained(error, host, port) from None
    return sock


def _resolve(host: str, port: int) -> tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int]]:
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise UsageError(
            f"The host {host!r} is not known.", "Use 127.0.0.1, or 0.0.0.0 to be reachable from other computers."
        ) from None
    family, _, _, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    return family, address  # type: ignore[return-value]


def _explained(error: OSError, host: str, port: int) -> SurroundingsError:
    if error.errno == errno.EADDRINUSE or (sys.platform == "win32" and error.errno == errno.EACCES):
        return _PortTakenError(
            f"Port {port} on {host} is taken by another program.",
            "Choose another one with --port, or leave it out to get a free one.",
        )
    if error.errno == errno.EACCES:
        return SurroundingsError(f"This system does not let you use port {port}.", "Choose one above 1023 with --port.")
    if error.errno == errno.EADDRNOTAVAIL:
        return SurroundingsError(
            f"The address {host} does not belong to this computer.",
            "Use 127.0.0.1, or 0.0.0.0 to be reachable from other computers.",
        )
    return SurroundingsError(f"Cannot listen on {host} port {port}: {error.strerror}.", "Choose another with --port.")
