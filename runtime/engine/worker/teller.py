"""Says what there is to say beside the computing.

Turning events into JSON, and waking the process that reads them, would otherwise stand between two steps of the model.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from runtime.engine.messages import Message


class Teller:
    """Passes messages on to `send` from a thread of its own, in their order."""

    def __init__(self, send: Callable[..., None]) -> None:
        self._send = send
        self._untold: queue.SimpleQueue[tuple[Message, ...]] = queue.SimpleQueue()
        threading.Thread(target=self._tell, name="teller", daemon=True).start()

    def __call__(self, *messages: Message) -> None:
        """Say these together; returns at once."""
        self._untold.put(messages)

    def at_once(self, *messages: Message) -> None:
        """Say these before anything else happens; they overtake what is still untold."""
        self._send(*messages)

    def _tell(self) -> None:
        while True:
            self._send(*self._untold.get())
