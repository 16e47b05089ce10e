"""Says what there is to say beside the computing.

Turning events into JSON, and waking the process that reads them, would otherwise stand between two steps of the model.
"""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from runtime.engine import turns
from runtime.engine.core import Event
from runtime.engine.messages import Message


@dataclass(slots=True)
class _Held:
    """Events to be told together, once it is time."""

    due: float
    events: list[Event]


class Teller:
    """Passes messages on to `send` from a thread of its own: at once, or when they are due; a request's in their order.

    Whatever is told of a request at once brings what was held back of it along.
    """

    def __init__(self, send: Callable[..., None]) -> None:
        self._send = send
        self._untold: queue.SimpleQueue[tuple[Message, ...] | _Held] = queue.SimpleQueue()
        self._held: deque[_Held] = deque()
        threading.Thread(target=self._tell, name="teller", daemon=True).start()

    def __call__(self, *messages: Message) -> None:
        """Say these together; returns at once."""
        self._untold.put(messages)

    def at(self, due: float, *events: Event) -> None:
        """Say these together at that moment of `time.perf_counter`, and nothing handed in earlier any later than these.

        Returns at once.
        """
        self._untold.put(_Held(due, [*events]))

    def at_once(self, *messages: Message) -> None:
        """Say these before anything else happens; they overtake what is still untold."""
        self._send(*messages)

    def _tell(self) -> None:
        turns.take_short_turns()
        while True:
            wait = max(0.0, self._held[0].due - time.perf_counter()) if self._held else None
            with suppress(queue.Empty):
                heard = self._untold.get(timeout=wait)
                if isinstance(heard, _Held):
                    self._held.append(heard)
                else:
                    self._send(*self._released(heard), *heard)
            if self._held and self._held[-1].due <= time.perf_counter():  # what came before it is due as well
                self._send(*itertools.chain.from_iterable(held.events for held in self._held))
                self._held.clear()
            while self._held and self._held[0].due <= time.perf_counter():
                self._send(*self._held.popleft().events)

    def _released(self, messages: Sequence[Message]) -> list[Event]:
        """What is held back of those whom the messages are about; it is held back no longer."""
        if not self._held:
            return []
        about = {getattr(message, "request_id", None) for message in messages}
        released = [event for held in self._held for event in held.events if event.request_id in about]
        for held in self._held:
            held.events = [event for event in held.events if event.request_id not in about]
        self._held = deque(held for held in self._held if held.events)
        return released
