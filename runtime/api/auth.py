"""API keys: several may be valid; comparing them takes the same time whatever was sent."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from starlette.datastructures import Headers

from runtime.api.errors import ApiError


class Keys:
    """The keys that open the API. Kept as hashes, so that a length tells nothing and no dump shows one."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._digests = [_digest(key) for key in keys]

    def __bool__(self) -> bool:
        return bool(self._digests)

    def check(self, headers: Headers) -> ApiError | None:
        """None if the request may pass."""
        if not self._digests:
            return None
        given = _given(headers)
        if given is None:
            return _refusal("This server asks for an API key: send it as `Authorization: Bearer …`.")
        digest = _digest(given)
        matches = [hmac.compare_digest(digest, valid) for valid in self._digests]
        return None if any(matches) else _refusal("The API key is not one of this server's.")


def _given(headers: Headers) -> str | None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return headers.get("x-api-key")


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def _refusal(message: str) -> ApiError:
    return ApiError(401, message, "invalid_api_key", headers={"WWW-Authenticate": "Bearer"})
