"""Who may use the server, as the command line says."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from runtime.errors import UsageError


@dataclass(frozen=True, slots=True)
class Door:
    """Who may use the server, and what the command line replaces of the model's."""

    host: str
    api_keys: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    chat_template: str | None = None

    @classmethod
    def of(cls, args: argparse.Namespace, host: str) -> Door:
        """Raises `UsageError` for a file that cannot be read or holds no key."""
        keys = [*(args.api_key or ())]
        if args.api_key_file is not None:
            lines = [line.strip() for line in _read(args.api_key_file, "--api-key-file").splitlines()]
            found = [line for line in lines if line and not line.startswith("#")]
            if not found:
                raise UsageError(f"{args.api_key_file} holds no key.", "Write one key a line into it.")
            keys += found
        if "" in keys:
            raise UsageError("An API key is empty.", "Give one of some length, or none at all.")
        template = None if args.chat_template is None else _read(args.chat_template, "--chat-template")
        return cls(host, tuple(keys), tuple(args.allow_host or ()), tuple(args.allow_origin or ()), template)


def _read(path: str, flag: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise UsageError(f"{flag} {path} cannot be read: {error}.", "Give a text file in UTF-8.") from None
