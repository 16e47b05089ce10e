"""A hub model's licence: what its card says, and the text from its repository or from that of its base model."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

from bundler.console import Console
from bundler.errors import PannierError
from bundler.model.hub import CARD, Hub, Repository
from bundler.model.licenses import License, chosen_name

_TEXTS = re.compile(r"(licen[cs]e|copying|notice|use[-_]policy)([-_.][\w-]+)?(\.(txt|md))?", re.IGNORECASE)
"""Files that belong to a licence; a repository may have several, which are packed one after the other."""


def terms_of(hub: Hub, repository: Repository, console: Console) -> License:
    """What `repository` says. Never fails: a licence that cannot be had is one that is not stated."""
    card = _card(hub, repository)
    name = chosen_name(_first(card.get("license")), card.get("license_name"))
    link = str(card.get("license_link") or "")
    text, where = _text(hub, repository)
    for base in _several(card.get("base_model"))[:2]:
        if text:
            break
        # Quantised copies rarely bring the licence of what they were made from.
        with suppress(PannierError):
            original = hub.find(base, "main", Console(quiet=True))
            text, where = _text(hub, original)
            name = name or chosen_name(_first(_card(hub, original).get("license")))
    return License(name, link, text, where)


def _card(hub: Hub, repository: Repository) -> dict[str, Any]:
    from huggingface_hub.repocard import metadata_load

    path = hub.small_file(repository, CARD)
    if path is None:
        return {}
    try:
        return metadata_load(path) or {}
    except (OSError, ValueError):
        return {}
    except Exception as error:
        if type(error).__module__.startswith("yaml"):  # a card that is not the YAML it should be says nothing
            return {}
        raise


def _text(hub: Hub, repository: Repository) -> tuple[bytes, str]:
    found = []
    for name in sorted(file.name for file in repository.files if _TEXTS.fullmatch(file.name)):
        path = hub.small_file(repository, name)
        if path is not None:
            found.append((name, path.read_bytes()))
    if len(found) > 1:
        text = b"\n".join(f"=== {name} ===\n\n".encode() + data for name, data in found)
    else:
        text = b"".join(data for _, data in found)
    return text, " ".join([repository.name, repository.commit, *(name for name, _ in found)]) if found else ""


def _several(value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [item for item in values if isinstance(item, str) and item]


def _first(value: object) -> str:
    return next(iter(_several(value)), "")
