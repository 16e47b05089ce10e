"""What every answer says of the model it came from: whether its bytes are known to be the manifest's.

Reading gigabytes takes longer than loading them by mapping, so answers are given before the check is done. They carry
`X-Model-Verified: pending`; once it is done, `yes`. After a `no` there are no answers: the server ends.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from runtime.api.errors import ApiError, unavailable

HEADER = "x-model-verified"


class Check(Protocol):
    """A check that is under way or done. verified: "pending", "yes" or "no". progress: share that was read, 0..1."""

    @property
    def verified(self) -> str: ...  # noqa: D102 - told above

    @property
    def progress(self) -> float: ...  # noqa: D102 - told above


class Closing(asyncio.Event):
    """Set when the server begins to stop. error: what open answers end with, and new ones are refused with."""

    def __init__(self) -> None:
        super().__init__()
        self.error = unavailable("The server was stopped.", "stopped")

    def because_damaged(self, message: str) -> None:
        """The model is not the one it should be: that is the answers' end, and no trying again will help."""
        self.error = ApiError(500, message, "model_damaged")
        self.set()
