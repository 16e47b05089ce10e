"""What the launch side decides about the server, as plain data."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from typing import Any

from runtime.engine.core import SamplingParams

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How the server behaves.

    model_id: the name under which the API offers the one model.
    host: what the socket is bound to; on loopback only Host headers that name this computer are answered.
    api_keys: any of them opens the API; none means that no key is asked for.
    allowed_hosts: further names this server may be called by (a reverse proxy's).
    allowed_origins: web pages from elsewhere that may use the API ("https://example.org", or "*" for every one).
    chat_template: replaces the model's own.
    sampling: what a request gets that does not say otherwise.
    created: Unix time told by `/v1/models`.
    """

    model_id: str
    host: str = "127.0.0.1"
    api_keys: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    max_body_bytes: int = 16 * MIB
    chat_template: str | None = None
    sampling: SamplingParams = field(default_factory=SamplingParams)
    created: int = field(default_factory=lambda: int(time.time()))


@dataclass(frozen=True, slots=True)
class UiConfig:
    """What the page shows; from the dist-spec.

    system_prompt: what the page puts before every conversation; locked: its user cannot change it. accent: a colour as
    "#24705f". language: the page's, "" for the browser's. settings: those its user may change, None for all. icon: an
    address of the page's own. author and license: of the model, may be empty. addresses: where others in the network
    find the page, if they may.
    """

    title: str = ""
    welcome: str = ""
    starters: tuple[str, ...] = ()
    system_prompt: str = ""
    system_prompt_locked: bool = False
    icon: str = ""
    accent: str = ""
    language: str = ""
    settings: tuple[str, ...] | None = None
    author: str = ""
    license: str = ""
    addresses: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The page's part of `/api/ui`."""
        return asdict(self)
