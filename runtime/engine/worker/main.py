"""The worker process: hello → load → facts → serve until the pipe ends.

Four threads. The main one loads the model and decodes. The teller says what came of it. The heart beats. The listening
one reads the pipe and answers by itself what must not wait for a decode (tokenising, pings, the end: at end-of-file it
ends the process at once, in the middle of a decode too, because a server that is gone can neither read an answer nor
ask for the memory back).
"""

from __future__ import annotations

import os
import queue
import signal
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from runtime.engine import failures, turns
from runtime.engine.bindings import Llama, backend_name
from runtime.engine.messages import (
    OWN_FAULT,
    PROTOCOL_VERSION,
    Cancel,
    Detokenize,
    Drop,
    Embed,
    Generate,
    Hello,
    Load,
    LoadFailed,
    Message,
    Ping,
    Pong,
    Progress,
    Rank,
    Ready,
    Refused,
    Reply,
    Text,
    Tokenize,
    Tokens,
    Unknown,
)
from runtime.engine.protocol import MessageWriter, ProtocolError, read_batches
from runtime.engine.worker.context import Context
from runtime.engine.worker.drafting import Drafting
from runtime.engine.worker.embedding import Texts
from runtime.engine.worker.guessers import guesser_for
from runtime.engine.worker.heart import Heart
from runtime.engine.worker.log import EngineLog, say
from runtime.engine.worker.loop import NOT_OURS, Loop
from runtime.engine.worker.model import Model
from runtime.engine.worker.pages import Pages
from runtime.engine.worker.pairing import paired
from runtime.engine.worker.teller import Teller
from runtime.errors import CannotRunError, EngineError, PannierError

Send = Callable[..., None]
"""Takes any number of messages and writes them together."""


def main(die_with_parent: Callable[[], None] | None = None) -> int:
    """Run a worker on this process's stdin and stdout; returns only if the model could not be loaded.

    `die_with_parent`: asks the system to end this process with its parent, where the system can do that; end-of-file
    on the pipe does it everywhere.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the server decides what it means
    os.environ.setdefault("GGML_NO_BACKTRACE", "1")  # when ggml aborts it would first start a debugger, if there is one
    threading.excepthook = lambda fault: _end_with(fault.exc_value or fault.exc_type())
    incoming, outgoing = _take_pipes()
    if die_with_parent is not None:
        die_with_parent()
    send = _sender(MessageWriter(outgoing))
    send(Hello(PROTOCOL_VERSION, os.getpid()))
    heart = Heart(send)
    heart.start()
    listener = _Listener(send)
    threading.Thread(target=listener.listen, args=(incoming,), name="listener", daemon=True).start()
    load = listener.loads.get()
    log = EngineLog(load.verbose)
    try:
        loop = _load(load, log, listener, send, heart)
    except PannierError as error:
        reason = f"{error.message} llama.cpp says: {log.errors}" if log.errors else error.message
        send(LoadFailed(reason, error.remedy))
        return error.exit_code
    except Exception as error:
        _end_with(error)
    try:
        loop.run()
    except EngineError as error:
        say(f"{error.message} {log.errors}")
        os._exit(error.exit_code)
    except Exception as error:
        _end_with(error)
    return 0


def _end_with(error: BaseException) -> NoReturn:
    """End the process, of which no thread can do without the others."""
    try:
        frames = traceback.extract_tb(error.__traceback__)
        where = "".join(f" < {Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
        say(f"{type(error).__name__}: {' '.join(str(error).split())}{where}")  # one line: it may be shown to users
    finally:
        os._exit(1 if isinstance(error, NOT_OURS) else OWN_FAULT)


def _load(load: Load, log: EngineLog, listener: _Listener, send: Send, heart: Heart) -> Loop:
    """Libraries, backends, model, context; then the facts. Raises `PannierError`."""
    if load.processors and hasattr(os, "sched_setaffinity"):
        with suppress(OSError):  # a container may have taken some of them away
            os.sched_setaffinity(0, load.processors)
    engine_dir = Path(load.engine_dir)
    llama = Llama(engine_dir, log)
    devices = [device for library in load.backends for device in llama.load_backend(engine_dir / library)]
    device = next((one for one in devices if not load.device or one.name == load.device), None)
    if device is None:
        raise CannotRunError(f"The device {load.device} is no longer there.")
    llama.initialise()
    report, pages = _ProgressReport(send), Pages.of(load)
    with pages.left_alone() as ours:
        wait = ours and not pages.are_in_memory()
        model = Model(llama, load, device, _say_nothing if wait else report)
    if wait:
        pages.fill(report)
    elif ours:
        pages.fill_beside()
    teller = Teller(send)
    turns.take_long_turns()  # as do the threads that compute, which begin with the context
    context = Context(model, load, device.memory_free)
    guesser, draft = guesser_for(model, context, load, device)
    loop = Loop(context, load, teller, heart, Drafting(guesser) if guesser else None)
    listener.serve(model, loop)
    backend = backend_name(load.backends[0])
    size, parallel = context.size, load.parallel
    send(Ready(model.facts(context_size=size, parallel=parallel, backend=backend, ranks=context.ranks, draft=draft)))
    return loop


def _say_nothing(_: float) -> None:
    """Where llama.cpp is done with the loading before anything has been read."""


class _Listener:
    """Reads the pipe and sees to every message. `loads` gets the `Load`."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._model: Model | None = None
        self._loop: Loop | None = None
        self.loads: queue.SimpleQueue[Load] = queue.SimpleQueue()

    def serve(self, model: Model, loop: Loop) -> None:
        """From now on there is a model to ask."""
        self._model, self._loop = model, loop

    def listen(self, incoming: int) -> None:
        """Until end-of-file, which ends the process; so do bytes that are no frame."""
        batches = read_batches(incoming)
        while True:
            try:
                batch = next(batches, None)
            except ProtocolError as error:
                say(error.message)
                os._exit(error.exit_code)
            except OSError:
                batch = None
            if batch is None:
                os._exit(0)
            for message in batch:
                self._see_to(message)

    def _see_to(self, message: Message) -> None:
        match message:
            case Load():
                self.loads.put(message)
            case Generate(request):
                if self._loop:
                    self._loop.submit(request)
                else:
                    self._send(failures.not_ready(request.id))
            case Cancel(request_id):
                if self._loop:
                    self._loop.cancel(request_id)
            case Embed() | Rank():
                if self._loop and self._model:
                    self._embed(message, self._loop, self._model)
                else:
                    self._send(Refused(message.call, "The model is still being loaded."))
            case Drop(call):
                if self._loop:
                    self._loop.drop(call)
            case Tokenize() | Detokenize() | Ping():
                self._send(self._answer(message))
            case Unknown(name):
                say(f"ignored a message of the unknown type {name}")
            case _:
                say(f"ignored a message that is not for a worker: {type(message).__name__}")

    def _embed(self, call: Embed | Rank, loop: Loop, model: Model) -> None:
        """A question is put together with its documents here, beside the computing."""
        try:
            if isinstance(call, Embed):
                loop.embed(Texts(call.call, [[*text] for text in call.texts]))
            else:
                pairs = [paired(model, call.query, document) for document in call.documents]
                loop.embed(Texts(call.call, pairs, ranks=True))
        except EngineError as error:
            self._send(Refused(call.call, error.message))

    def _answer(self, call: Tokenize | Detokenize | Ping) -> Reply:
        if isinstance(call, Ping):
            return Pong(call.call)
        if self._model is None:
            return Refused(call.call, "The model is still being loaded.")
        try:
            if isinstance(call, Detokenize):
                return Text(call.call, self._model.detokenize(call.tokens))
            special = {"parse_special": call.parse_special, "add_special": call.add_special}
            return Tokens(call.call, tuple(self._model.tokenize(call.text, **special)))
        except EngineError as error:
            return Refused(call.call, error.message)


class _ProgressReport:
    """Passes on whole percents; llama.cpp reports every tensor."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._percent = -1

    def __call__(self, value: float) -> None:
        if int(value * 100) > self._percent:
            self._percent = int(value * 100)
            self._send(Progress(value))


def _take_pipes() -> tuple[int, int]:
    """Private copies of stdin and stdout for the frames; whatever C code prints goes to stderr and corrupts nothing."""
    incoming, outgoing = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return incoming, outgoing


def _sender(writer: MessageWriter) -> Send:
    """Sends, and ends the process where nobody is left to read."""

    def send(*messages: Message) -> None:
        try:
            writer.send(*messages)
        except OSError:
            os._exit(0)

    return send
