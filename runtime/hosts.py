"""Who reaches a server, by the address it is bound to."""

from __future__ import annotations

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether a server bound to `host` can only be reached from this computer."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0]).is_loopback
    except ValueError:
        return False
