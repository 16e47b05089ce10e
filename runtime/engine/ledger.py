"""The requests that are under way, and what of their answers is known: all it takes to go on with another worker.

A worker may die of anything, and then every answer goes on in the next one, from the tokens that were told. Unless it
died *of* a request: that one would kill the next worker, too. Who did it cannot be seen, so it is found out. Blamed is
who had been begun and told nothing since; where the worker crashed of its own accord, everybody who had been begun. The
blamed are tried again one at a time; the first new token clears one, a second death at that time is the end of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from runtime.engine import failures
from runtime.engine.core import Event, Failed, Finished, GenerationRequest, Queued, Reading, Started, TextDelta
from runtime.engine.process import Death

_STRIKES = 2


@dataclass(slots=True, eq=False)
class Ticket:
    """A request that is under way. events: for the caller, who takes them.

    sent: a worker has it. begun: that worker has begun it. told: and has told something new. strikes: deaths it is
    blamed for.
    """

    request: GenerationRequest
    events: asyncio.Queue[Event] = field(default_factory=asyncio.Queue)
    tokens: list[int] = field(default_factory=list)
    started: Started | None = None
    sent: bool = False
    begun: bool = False
    told: bool = False
    strikes: int = 0

    def remainder(self) -> GenerationRequest:
        """What is still to be done: the request with the seed it drew, and the tokens it has."""
        if self.started is None:
            return self.request
        sampling = replace(self.request.sampling, seed=self.started.seed)
        return replace(self.request, sampling=sampling, answered=(*self.request.answered, *self.tokens))


class Ledger:
    """Tickets by the id of their request."""

    def __init__(self) -> None:
        self._tickets: dict[str, Ticket] = {}
        self._leaving: set[str] = set()  # cancelled, but the worker has not said their end yet

    def __contains__(self, request_id: str) -> bool:
        """Whether the id is taken."""
        return request_id in self._tickets or request_id in self._leaving

    def open(self, request: GenerationRequest) -> Ticket:
        """A new request."""
        ticket = self._tickets[request.id] = Ticket(request)
        return ticket

    def is_open(self, ticket: Ticket) -> bool:
        """Whether more is to come, told or not yet taken."""
        return self._tickets.get(ticket.request.id) is ticket or not ticket.events.empty()

    def close(self, ticket: Ticket) -> bool:
        """Its caller is gone, or needs no more; whether a worker has to be told."""
        if self._tickets.get(ticket.request.id) is not ticket:
            return False
        del self._tickets[ticket.request.id]
        if ticket.sent:
            self._leaving.add(ticket.request.id)
        return ticket.sent

    def due(self) -> Iterable[Ticket]:
        """The tickets to send to the worker now; they count as sent. Of the blamed, one at a time."""
        on_trial = any(ticket.sent and ticket.strikes for ticket in self._tickets.values())
        for ticket in [*self._tickets.values()]:
            if ticket.sent or (ticket.strikes and on_trial):
                continue
            on_trial = on_trial or ticket.strikes > 0
            ticket.sent = True
            yield ticket

    def take(self, event: Event) -> None:
        """A worker said something about a request."""
        ticket = self._tickets.get(event.request_id)
        if isinstance(event, Finished | Failed):
            self._leaving.discard(event.request_id)
            self._tickets.pop(event.request_id, None)
        if ticket is None:
            return
        match event:
            case Started():
                ticket.begun = True
                if ticket.started is not None:
                    return  # its caller knows
                ticket.started = event
            case Queued() if ticket.started is not None:
                return
            case Reading() if ticket.tokens:
                return  # what another worker had read already
            case TextDelta():
                ticket.tokens += event.tokens
                ticket.told, ticket.strikes = True, 0
        ticket.events.put_nowait(event)

    def worker_died(self, death: Death, *, untried: bool = False) -> None:
        """Nothing is sent any more; who is to blame for the second time is told so.

        untried: the worker's backend had never answered anybody, so it may be its fault as well: once more, then.
        """
        limit = _STRIKES + untried
        self._leaving.clear()
        for ticket in [*self._tickets.values()]:
            if ticket.begun and (death.is_crash or not ticket.told):
                ticket.strikes += 1
            ticket.sent = ticket.begun = ticket.told = False
            if ticket.strikes >= limit:
                self.take(failures.worker_died(ticket.request.id, str(death)))

    def fail_all(self, sentence: Callable[[str], Failed]) -> None:
        """End every request."""
        for request_id in [*self._tickets]:
            self.take(sentence(request_id))
        self._leaving.clear()
