"""A deterministic engine without llama.cpp: whatever speaks to an engine can be tested and shown with it.

Same prompt, same seed, same answer, on every machine. It keeps the contract of `core.Engine` in every respect the
server can see (statuses, events and their order, stop strings, limits, cancelling), and fails on request.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import cycle

from runtime.engine import failures
from runtime.engine.core import (
    Counters,
    Embedding,
    EngineState,
    EngineStatus,
    Event,
    Finished,
    FinishReason,
    GenerationRequest,
    ModelFacts,
    Queued,
    Reading,
    Score,
    Started,
    TextDelta,
    Timings,
    TokenChance,
    TokenChances,
)
from runtime.engine.text import TextAssembler
from runtime.errors import EngineError, PannierError, ShortOfMemoryError

_SPECIAL = ("<|im_start|>", "<|im_end|>")
_TEXT = (
    "the a one every no some green quiet bright early small old new river garden teacher student stone light water "
    "paper morning question answer leaf road grows asks finds carries opens keeps follows gently slowly often never "
    "and or but because while . , ! é 世界 🙂"
)
_WORDS = tuple(_TEXT.split())
_PIECES = (*_SPECIAL, *(f" {word}" for word in _WORDS))
_FIRST_PIECE = 256  # ids below are single bytes
_DIMENSIONS = 8
END_OF_TURN = _FIRST_PIECE + _SPECIAL.index("<|im_end|>")
"""Token id of `<|im_end|>`, which ends an answer."""

_CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@dataclass(frozen=True, slots=True)
class FakeBehaviour:
    """What the fake does; every default is the pleasant case.

    answer: the text it gives, or a function of the request; None makes up sentences from prompt and seed.
    token_seconds, load_seconds: how long a token, and loading, take.
    never_ready: stay LOADING for ever. load_error: loading ends in FAILED, and `wait_ready` raises it.
    die_at_token: the worker "dies" before this token index (0 is the first), `deaths` times. It is back after
    `load_seconds`, and the answer goes on; of two deaths in one place the request is told to be the cause.
    queue: the places it waits in, told before it is admitted, for `queue_seconds` each.
    steps: in how many steps, of `step_seconds` each, it reads a prompt.
    refuse: called with each request; what it returns (a `Failed`, as from `runtime.engine.failures`) is its only event.
    """

    answer: str | Callable[[GenerationRequest], str] | None = None
    token_seconds: float = 0.0
    load_seconds: float = 0.0
    never_ready: bool = False
    load_error: PannierError | None = None
    die_at_token: int | None = None
    deaths: int = 1
    refuse: Callable[[GenerationRequest], Event | None] | None = None
    queue: tuple[int, ...] = ()
    queue_seconds: float = 0.0
    steps: int = 1
    step_seconds: float = 0.0
    context_size: int = 4096
    chat_template: str | None = _CHATML
    fill_in: tuple[int, ...] = ()
    file: int = -1
    ranks: bool = False


class FakeEngine:
    """An `Engine` whose words are a function of prompt and seed. See `FakeBehaviour`.

    `cancelled` lists the ids of the requests whose iterator was closed early, "embed" and "rank" for calls.
    """

    def __init__(self, behaviour: FakeBehaviour | None = None) -> None:
        self.behaviour = behaviour or FakeBehaviour()
        self.cancelled: list[str] = []
        self._status = EngineStatus(EngineState.STARTING)
        self._settled = asyncio.Event()  # READY, FAILED or STOPPED
        self._facts: ModelFacts | None = None
        self._loading: asyncio.Task[None] | None = None
        self._deaths_left = self.behaviour.deaths if self.behaviour.die_at_token is not None else 0

    @property
    def status(self) -> EngineStatus:
        """Where the engine stands now."""
        return self._status

    @property
    def facts(self) -> ModelFacts | None:
        """What the "model" is; None until the state was READY once."""
        return self._facts

    @property
    def counters(self) -> Counters:
        """Nothing is counted: there is no work."""
        return Counters()

    async def start(self) -> None:
        """Begin loading; returns at once."""
        self._begin_loading(EngineState.LOADING, restarts=0)

    def try_again(self) -> None:
        """Load anew after a failure, which does not come again."""
        if self._status.state is EngineState.FAILED:
            self.behaviour = replace(self.behaviour, load_error=None)
            self._begin_loading(EngineState.LOADING, self._status.restarts)

    async def wait_ready(self) -> ModelFacts:
        """Wait until READY. Raises `load_error`, or `EngineError` once stopped."""
        await self._settled.wait()
        if self._status.state is EngineState.FAILED and self.behaviour.load_error:
            raise self.behaviour.load_error
        if self._facts is None or self._status.state is EngineState.STOPPED:
            raise EngineError("The engine was stopped before the model was loaded.")
        return self._facts

    async def generate(self, request: GenerationRequest) -> AsyncIterator[Event]:
        """Run one request; closing the iterator early notes its id in `cancelled`."""
        if self._status.state is EngineState.RESTARTING:
            await self._settled.wait()
        if self._status.state is not EngineState.READY:
            yield failures.not_ready(request.id, self._status.detail)
            return
        refusal = self.behaviour.refuse and self.behaviour.refuse(request)
        if refusal:
            yield refusal
            return
        ended = False
        try:
            async for event in self._run(request):
                ended = not isinstance(event, Queued | Started | Reading | TextDelta)
                yield event
        finally:
            if not ended:
                self.cancelled.append(request.id)

    async def tokenize(self, text: str, *, parse_special: bool, add_special: bool) -> list[int]:
        """Known words are one token each, anything else is its bytes; `add_special` adds nothing."""
        self._require_worker()
        return encode(text, parse_special=parse_special)

    async def detokenize(self, tokens: Sequence[int]) -> str:
        """The inverse of `tokenize`; unknown ids raise `EngineError`."""
        self._require_worker()
        return b"".join(map(piece, tokens)).decode("utf-8", "replace")

    async def embed(self, texts: Sequence[Sequence[int]]) -> list[Embedding]:
        """A direction in eight dimensions that depends on the tokens and nothing else."""
        self._require_worker()
        if self.behaviour.ranks:
            raise EngineError("This model makes no vectors.")
        await self._take_time("embed")
        return [Embedding(_direction(text), len(text)) for text in texts]

    async def rank(self, query: str, documents: Sequence[str]) -> list[Score]:
        """How many of the question's words the document has, but for one."""
        self._require_worker()
        if not self.behaviour.ranks:
            raise EngineError("This model was not made to rank documents.")
        await self._take_time("rank")
        wanted = {*query.split()}
        counts = [len(encode(f"{query}{document}", parse_special=False)) for document in documents]
        return [
            Score(len(wanted & {*document.split()}) - 1.0, count)
            for document, count in zip(documents, counts, strict=True)
        ]

    async def _take_time(self, call: str) -> None:
        """As long as a prompt's steps take; who leaves meanwhile is noted in `cancelled`."""
        try:
            await asyncio.sleep((self.behaviour.steps - 1) * self.behaviour.step_seconds)
        except asyncio.CancelledError:
            self.cancelled.append(call)
            raise

    async def stop(self) -> None:
        """STOPPED from now on; running requests end in `Failed`. Safe to call twice."""
        if self._loading:
            self._loading.cancel()
        self._set(EngineState.STOPPED)

    async def _run(self, request: GenerationRequest) -> AsyncIterator[Event]:
        """The life of one admitted request, as the worker would tell it."""
        begin = time.perf_counter()
        prompt = encode(request.prompt, parse_special=True) if isinstance(request.prompt, str) else [*request.prompt]
        seed = request.sampling.seed if request.sampling.seed is not None else int.from_bytes(os.urandom(4))
        if problem := self._problem(request, len(prompt)):
            yield problem
            return
        for place in self.behaviour.queue:
            yield Queued(request.id, place)
            await asyncio.sleep(self.behaviour.queue_seconds)
        yield Started(request.id, len(prompt), 0, seed)
        for step in range(1, self.behaviour.steps):
            await asyncio.sleep(self.behaviour.step_seconds)
            yield Reading(request.id, len(prompt) * step // self.behaviour.steps, len(prompt))
        room = math.inf if request.shift is not None else self.behaviour.context_size - len(prompt)
        limit = room if request.max_tokens is None else min(room, request.max_tokens)
        assembler, reason, count, pending = (
            TextAssembler(request.stop, request.indent),
            FinishReason.LENGTH,
            0,
            list[int](),
        )
        first = time.perf_counter()
        for index, token in enumerate(self._answer(request, prompt, seed)):
            if index >= limit:
                break
            await asyncio.sleep(self.behaviour.token_seconds)
            if self._dies_at(index):
                await self._settled.wait()
                if self._dies_at(index):
                    yield failures.worker_died(request.id, "was killed by signal 9")
                    return
            await self._settled.wait()  # another request may have been the death of the worker
            if self._status.state is EngineState.STOPPED:
                yield failures.stopping(request.id)
                return
            count += 1
            if token == END_OF_TURN:
                if request.ignore_eos:
                    continue
                reason = FinishReason.STOP
                break
            pending.append(token)
            if text := assembler.push(piece(token)):
                yield TextDelta(request.id, text, tuple(pending), _chances(pending, request.sampling.n_probs))
                pending.clear()
            if assembler.stopped_by is not None:
                reason = FinishReason.STOP
                break
            if assembler.is_outdented:
                break
        if text := assembler.finish():
            yield TextDelta(request.id, text, tuple(pending), _chances(pending, request.sampling.n_probs))
        timings = Timings(first - begin, time.perf_counter() - first)
        yield Finished(request.id, reason, len(prompt), count, timings, assembler.stopped_by)

    def _problem(self, request: GenerationRequest, prompt_tokens: int) -> Event | None:
        if not prompt_tokens:
            return failures.empty_prompt(request.id)
        if prompt_tokens >= self.behaviour.context_size:
            return failures.too_long(request.id, prompt_tokens, self.behaviour.context_size)
        if request.sampling.grammar is not None and "root" not in request.sampling.grammar:
            return failures.invalid_grammar(request.id)
        return None

    def _answer(self, request: GenerationRequest, prompt: list[int], seed: int) -> Iterable[int]:
        """All tokens of the answer with the end of turn; over and over where that is to be ignored."""
        answer = self.behaviour.answer
        if answer is None:
            greedy = request.sampling.temperature <= 0
            choices = hashlib.sha256(f"{'' if greedy else seed} {prompt}".encode()).digest()
            answer = "".join(f" {_WORDS[choice % len(_WORDS)]}" for choice in choices)
        text = answer if isinstance(answer, str) else answer(request)
        tokens = [*encode(text, parse_special=True), END_OF_TURN]
        return cycle(tokens) if request.ignore_eos else tokens

    def _dies_at(self, index: int) -> bool:
        if self._deaths_left == 0 or index != self.behaviour.die_at_token:
            return False
        self._deaths_left -= 1
        self._begin_loading(EngineState.RESTARTING, self._status.restarts + 1)
        return True

    def _begin_loading(self, state: EngineState, restarts: int) -> None:
        self._settled.clear()
        self._set(state, restarts)
        self._loading = asyncio.get_running_loop().create_task(self._load(restarts))

    async def _load(self, restarts: int) -> None:
        await asyncio.sleep(self.behaviour.load_seconds)
        if self.behaviour.never_ready:
            return
        if self.behaviour.load_error:
            error = self.behaviour.load_error
            short = isinstance(error, ShortOfMemoryError)
            self._status = EngineStatus(EngineState.FAILED, str(error), short_of_memory=short)
            self._settled.set()
            return
        self._facts = _facts(self.behaviour)
        self._set(EngineState.READY, restarts)

    def _set(self, state: EngineState, restarts: int = 0) -> None:
        ready = state is EngineState.READY
        self._status = EngineStatus(state, progress=float(ready), restarts=restarts, worker_pid=os.getpid())
        if state in (EngineState.READY, EngineState.STOPPED):
            self._settled.set()

    def _require_worker(self) -> None:
        if self._status.state is not EngineState.READY:
            raise EngineError("The model is not loaded.", "Wait until /health answers 200.")


def encode(text: str, *, parse_special: bool) -> list[int]:
    """The fake's tokenizer: the longest known piece, else one byte."""
    known = _PIECES if parse_special else _PIECES[len(_SPECIAL) :]
    tokens: list[int] = []
    at = 0
    while at < len(text):
        found = max((known_piece for known_piece in known if text.startswith(known_piece, at)), key=len, default="")
        if found:
            tokens.append(_FIRST_PIECE + _PIECES.index(found))
            at += len(found)
        else:
            tokens.extend(text[at].encode("utf-8", "replace"))
            at += 1
    return tokens


def piece(token: int) -> bytes:
    """The bytes of one token of the fake. Raises `EngineError` for an id that is none."""
    if 0 <= token < _FIRST_PIECE:
        return bytes([token])
    if token < _FIRST_PIECE + len(_PIECES) and token >= 0:
        return _PIECES[token - _FIRST_PIECE].encode()
    raise EngineError(f"There is no token {token}; the vocabulary has {_FIRST_PIECE + len(_PIECES)}.")


def _chances(tokens: Sequence[int], count: int | None) -> tuple[TokenChances, ...]:
    """Every token was as likely as not, and the first pieces of the vocabulary were the others."""
    if count is None:
        return ()
    top = tuple(TokenChance(other, tuple(piece(other)), -1.0 - other) for other in range(count))
    return tuple(TokenChances(TokenChance(token, tuple(piece(token)), -0.5), top) for token in tokens)


def _direction(tokens: Sequence[int]) -> tuple[float, ...]:
    digest = hashlib.sha256(repr([*tokens]).encode()).digest()
    values = [byte - 127.5 for byte in digest[:_DIMENSIONS]]
    length = math.hypot(*values)
    return tuple(value / length for value in values)


def _facts(behaviour: FakeBehaviour) -> ModelFacts:
    return ModelFacts(
        name="fake",
        architecture="fake",
        description="fake engine, no model",
        parameters=0,
        size_bytes=0,
        vocabulary_size=_FIRST_PIECE + len(_PIECES),
        trained_context=behaviour.context_size,
        context_size=behaviour.context_size,
        parallel=1,
        chat_template=behaviour.chat_template,
        bos_text="",
        eos_text="<|im_end|>",
        adds_bos=False,
        has_encoder=False,
        backend="fake",
        metadata={"general.name": "fake"},
        embedding_size=_DIMENSIONS,
        fill_in=behaviour.fill_in,
        file=behaviour.file,
        repository=behaviour.file,
        ranks=behaviour.ranks,
    )
