"""The engine as the server sees it: one worker process at a time, started again when it dies.

Everything here runs in the event loop's thread. What a worker says is handed in by its reader thread; what it is told
leaves through its writer thread. Importing this costs next to nothing: no llama.cpp, no web framework.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from runtime.engine import failures, turns
from runtime.engine.core import (
    Counters,
    Embedding,
    EngineState,
    EngineStatus,
    Event,
    Failed,
    Finished,
    GenerationRequest,
    ModelFacts,
    Queued,
    Reading,
    Score,
    Started,
    TextDelta,
)
from runtime.engine.ledger import Ledger
from runtime.engine.messages import (
    PROTOCOL_VERSION,
    Beat,
    Cancel,
    Detokenize,
    Drop,
    Embed,
    Generate,
    Hello,
    LoadFailed,
    Message,
    Pong,
    Progress,
    Rank,
    Ready,
    Refused,
    Reply,
    Scores,
    Text,
    Tokenize,
    Tokens,
    Vectors,
)
from runtime.engine.process import Death, LaunchedWorker, WorkerCommand, launch_worker
from runtime.engine.protocol import ProtocolError
from runtime.engine.restarts import RestartPolicy, Restarts
from runtime.engine.trust import FallBack, Trust
from runtime.engine.watch import TICK_SECONDS, Patience, Watch
from runtime.errors import CannotRunError, EngineError, PannierError, ShortOfMemoryError, WorkerDied

__all__ = ["Death", "LaunchedWorker", "RestartPolicy", "WorkerCommand", "WorkerEngine", "launch_worker"]

_STOP_SECONDS = 1.0
_SETTLED = (EngineState.READY, EngineState.FAILED, EngineState.STOPPED)


class WorkerEngine:
    """An `Engine` whose model lives in a worker process."""

    def __init__(
        self,
        command: WorkerCommand,
        *,
        launched: LaunchedWorker | None = None,
        renew: Callable[[], WorkerCommand] | None = None,
        fall_back: FallBack | None = None,
        policy: RestartPolicy | None = None,
        patience: Patience | None = None,
    ) -> None:
        """`launched`: a worker that `launch_worker(command)` started before; `start` takes it over.

        renew: gives the command of every further worker, where it may have changed (the program was renamed).
        fall_back: is told of a backend that fails, and readies the next one for `renew`.
        """
        self._launched = launched
        self._next_command: Callable[[], WorkerCommand] = lambda: command
        self._later_commands = renew or self._next_command
        self._fall_back = fall_back
        self._trust = Trust()
        self._fallback = ""
        self._replacing: asyncio.Task[None] | None = None  # held, or it might be collected
        self._policy = policy or RestartPolicy()
        self._restarts = Restarts(self._policy)
        self._patience = patience or Patience()
        self._watch = Watch(self._patience)
        self._hung = ""
        self._worker: LaunchedWorker | None = None
        self._status = EngineStatus(EngineState.STARTING)
        self._facts: ModelFacts | None = None
        self._failure: PannierError | None = None
        self._settled = asyncio.Event()
        self._ended = asyncio.Event()  # the current worker's process is gone
        self._ledger = Ledger()
        self._counters = Counters()
        self._calls: dict[int, asyncio.Future[Reply]] = {}
        self._call_ids = itertools.count(1)

    @property
    def status(self) -> EngineStatus:
        """Where the engine stands now."""
        return self._status

    @property
    def facts(self) -> ModelFacts | None:
        """What the loaded model is; None until the state was READY once."""
        return self._facts

    @property
    def counters(self) -> Counters:
        """What the worker did, as of a second ago. Begins anew with a new worker."""
        return self._counters

    async def start(self) -> None:
        """Begin loading, or take over the worker that already does; returns at once."""
        turns.take_short_turns()  # tokens are passed on from this thread
        self._begin()

    async def wait_ready(self) -> ModelFacts:
        """Wait until the model answers. Raises the `PannierError` for which it never will."""
        await self._settled.wait()
        if self._failure is not None:
            raise self._failure
        if self._facts is None or self._status.state is EngineState.STOPPED:
            raise EngineError("The engine was stopped before the model was loaded.")
        return self._facts

    def try_again(self) -> None:
        """Begin anew after it FAILED, with no deaths counted."""
        if self._status.state is not EngineState.FAILED:
            return
        self._failure, self._trust, self._restarts = None, Trust(), Restarts(self._policy)
        self._settled.clear()
        self._set(EngineState.LOADING if self._facts is None else EngineState.RESTARTING)
        self._begin()

    async def generate(self, request: GenerationRequest) -> AsyncIterator[Event]:
        """Run one request. If the worker dies under it, it goes on in the next one. Closing the iterator cancels."""
        if problem := self._problem(request):
            yield problem
            return
        ticket = self._ledger.open(request)
        try:
            self._send_due()
            while self._ledger.is_open(ticket):
                yield await ticket.events.get()
        finally:
            if self._ledger.close(ticket) and self._worker is not None:
                self._worker.send(Cancel(request.id))
                self._send_due()

    async def tokenize(self, text: str, *, parse_special: bool, add_special: bool) -> list[int]:
        """Token ids of `text`; answered while the model decodes, too. Raises `EngineError`."""
        call = next(self._call_ids)
        reply = await self._ask(Tokenize(call, text, parse_special, add_special), call)
        return [*reply.tokens] if isinstance(reply, Tokens) else []

    async def detokenize(self, tokens: Sequence[int]) -> str:
        """Text of token ids. Raises `EngineError`."""
        call = next(self._call_ids)
        reply = await self._ask(Detokenize(call, tuple(tokens)), call)
        return reply.text if isinstance(reply, Text) else ""

    async def embed(self, texts: Sequence[Sequence[int]]) -> list[Embedding]:
        """Token lists as vectors. Raises `EngineError`."""
        call = next(self._call_ids)
        reply = await self._ask(Embed(call, tuple(tuple(text) for text in texts)), call)
        return [*reply.embeddings] if isinstance(reply, Vectors) else []

    async def rank(self, query: str, documents: Sequence[str]) -> list[Score]:
        """How well each document answers. Raises `EngineError`."""
        call = next(self._call_ids)
        reply = await self._ask(Rank(call, query, tuple(documents)), call)
        return [*reply.scores] if isinstance(reply, Scores) else []

    async def stop(self) -> None:
        """End the worker and every running request; safe to call twice, and before `start`."""
        self._set(EngineState.STOPPED)
        self._fail_all(failures.stopping, EngineError("The engine is being stopped."))
        worker = self._worker or self._launched
        if worker is None or self._ended.is_set():
            return
        worker.close()
        if self._worker is None:
            worker.kill()  # nobody attached: nobody would hear of its end
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), _STOP_SECONDS)
            return
        worker.kill()
        await self._ended.wait()

    def _problem(self, request: GenerationRequest) -> Failed | None:
        """Why the request cannot be taken on now."""
        if self._status.state is EngineState.STOPPED:
            return failures.stopping(request.id)
        if self._status.state not in (EngineState.READY, EngineState.RESTARTING):
            return failures.not_ready(request.id, self._status.detail)
        if request.id in self._ledger:
            return failures.invalid(request.id, f"A request with the id {request.id} is running already.")
        return None

    def _send_due(self) -> None:
        """Give the worker what it should have now; nothing while there is none that answers."""
        if self._worker is None or self._status.state is not EngineState.READY:
            return
        for ticket in self._ledger.due():
            try:
                self._worker.send(Generate(ticket.remainder()))
            except ProtocolError as error:
                self._ledger.take(failures.invalid(ticket.request.id, error.message))

    async def _ask(self, message: Tokenize | Detokenize | Embed | Rank, call: int) -> Reply:
        if self._worker is None or self._status.state is not EngineState.READY:
            raise EngineError("The model is not loaded.", "Wait until /health answers 200.")
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._calls[call] = future
        try:
            self._worker.send(message)
            reply = await future
        except asyncio.CancelledError:
            if isinstance(message, Embed | Rank) and self._worker is not None:
                self._worker.send(Drop(call))
            raise
        finally:
            del self._calls[call]
        if isinstance(reply, Refused):
            raise EngineError(reply.message)
        return reply

    # The life of a worker: begin → what it says → its end → begin again.

    def _begin(self) -> None:
        if self._status.state is EngineState.STOPPED:
            return
        try:
            worker = self._launched or launch_worker(self._next_command())
        except PannierError as error:
            self._give_up(error)
            return
        self._launched, self._worker = None, worker
        self._next_command = self._later_commands
        self._watch, self._hung = Watch(self._patience), ""
        self._settled.clear()
        self._ended.clear()
        self._set(EngineState.LOADING if self._facts is None else EngineState.RESTARTING, self._status.detail)
        loop = asyncio.get_running_loop()

        worker.attach(partial(self._hear, worker), loop)
        loop.call_later(TICK_SECONDS, self._tick, worker, loop.time())

    def _tick(self, worker: LaunchedWorker, last: float) -> None:
        """Look after the worker, every second as long as it is the one."""
        if worker is not self._worker:
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._hung = self._watch.tick(now - last)
        if self._hung:
            worker.kill()
        else:
            loop.call_later(TICK_SECONDS, self._tick, worker, now)

    def _hear(self, worker: LaunchedWorker, said: Sequence[Message] | Death) -> None:
        if worker is not self._worker:
            return
        if isinstance(said, Death):
            self._bury(said)
        elif self._status.state not in (EngineState.STOPPED, EngineState.FAILED):
            for message in said:
                self._take(message)

    def _take(self, message: Message) -> None:
        match message:
            case Queued() | Started() | Reading():
                self._ledger.take(message)
            case TextDelta() | Finished() | Failed():
                self._trust.answered(over=isinstance(message, Finished))
                self._ledger.take(message)
                self._send_due()  # whoever had to wait for this one to prove harmless
            case Beat():
                self._watch.hear(message)
                self._counters = message.counters
            case Tokens() | Text() | Vectors() | Scores() | Pong() | Refused():
                if (future := self._calls.get(message.call)) and not future.done():
                    future.set_result(message)
            case Progress(value):
                self._status = replace(self._status, progress=value)
            case Ready(facts):
                self._facts = facts
                self._set(EngineState.READY)
                self._send_due()
            case LoadFailed(text, remedy):
                self._cannot_load(CannotRunError(text, remedy))
            case Hello(protocol) if protocol != PROTOCOL_VERSION:
                self._give_up(EngineError(f"The worker speaks protocol {protocol}, the server {PROTOCOL_VERSION}."))

    def _bury(self, death: Death) -> None:
        """The worker is gone: start another, with which everything goes on, unless too many died."""
        self._worker = None
        self._ended.set()
        if self._status.state in (EngineState.STOPPED, EngineState.FAILED):
            return
        death = replace(death, hung=self._hung)
        untried = self._fall_back is not None and not self._trust.has_answered and not death.is_own_fault
        self._ledger.worker_died(death, untried=untried)
        self._fail_calls(WorkerDied(f"The engine {death}."))
        if self._fall_back and self._trust.lost(death):
            how = f"{death}. {death.last_words}".rstrip()
            self._replace_backend(how, self._fall_back, loading=False, otherwise=partial(self._start_again, death))
        else:
            self._start_again(death)

    def _cannot_load(self, failure: PannierError) -> None:
        if self._fall_back is None:
            self._give_up(failure)
            return
        if self._worker is not None:
            self._worker.close()
            self._worker = None
        how = f"could not load the model: {failure.message}"
        self._replace_backend(how, self._fall_back, loading=True, otherwise=partial(self._give_up, failure))

    def _replace_backend(
        self, how: str, fall_back: FallBack, *, loading: bool, otherwise: Callable[[], None], certain: bool = True
    ) -> None:
        """Let the next backend take over. Proving one may take seconds, so it is done beside the event loop."""
        self._settled.clear()
        self._set(EngineState.LOADING if self._facts is None else EngineState.RESTARTING, f"The engine {how}")

        async def replace_it() -> None:
            told = await asyncio.to_thread(fall_back, how, loading=loading, certain=certain)
            if self._status.state is EngineState.STOPPED:
                return
            if told is None:
                self._fall_back = None  # there is none left
                otherwise()
                return
            self._fallback = f"{self._fallback} {told}".strip()
            self._trust, self._restarts = Trust(), Restarts(self._policy)
            self._set(self._status.state, told)
            self._begin()

        self._replacing = asyncio.get_running_loop().create_task(replace_it())

    def _start_again(self, death: Death) -> None:
        """The same backend once more, unless too many workers died."""
        loop = asyncio.get_running_loop()
        pause = self._restarts.after_death(loop.time())
        if pause is None:
            last_words = f" Its last words: {death.last_words}" if death.last_words else ""
            kind = ShortOfMemoryError if death.is_kill else EngineError
            failure = kind(f"The engine died {self._restarts}; the last time it {death}.{last_words}")
            if death.is_own_fault and self._fall_back:  # as a last resort, where another backend might not come upon it
                give_up = partial(self._give_up, failure)
                self._replace_backend(str(death), self._fall_back, loading=False, certain=False, otherwise=give_up)
            else:
                self._give_up(failure)
            return
        self._settled.clear()
        self._status = replace(self._status, restarts=self._status.restarts + 1)
        self._set(EngineState.LOADING if self._facts is None else EngineState.RESTARTING, f"The engine {death}.")
        loop.call_later(pause, self._begin)

    def _give_up(self, failure: PannierError) -> None:
        self._failure = failure
        self._set(EngineState.FAILED, str(failure))
        self._fail_all(lambda request_id: failures.not_ready(request_id, str(failure)), failure)
        if self._worker is not None:
            self._worker.close()

    def _fail_all(self, sentence: Callable[[str], Failed], error: PannierError) -> None:
        """End every request that is under way and every open call."""
        self._ledger.fail_all(sentence)
        self._fail_calls(error)

    def _fail_calls(self, error: PannierError) -> None:
        for future in self._calls.values():
            if not future.done():
                future.set_exception(error)

    def _set(self, state: EngineState, detail: str = "") -> None:
        pid = self._worker.pid if self._worker else None
        progress = 1.0 if state is EngineState.READY else 0.0
        short = isinstance(self._failure, ShortOfMemoryError)
        self._status = EngineStatus(state, detail, progress, self._status.restarts, pid, self._fallback, short)
        if state in _SETTLED:
            self._settled.set()
