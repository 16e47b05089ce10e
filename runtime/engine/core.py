"""The nouns of the engine: what a request is, what comes back, what the model tells about itself.

Everything here is plain, frozen data that travels between the server process and the worker process;
`runtime.engine.protocol` gives it its shape on the wire. Nothing here knows llama.cpp or HTTP.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class FinishReason(StrEnum):
    """Why a generation ended."""

    STOP = "stop"  # end-of-generation token or stop string
    LENGTH = "length"  # max_tokens reached, or the context is full
    CANCELLED = "cancelled"  # the caller went away


@dataclass(frozen=True, slots=True)
class TokenBias:
    """What to add to a token's logit; minus infinity forbids it."""

    token: int
    bias: float


@dataclass(frozen=True, slots=True)
class GrammarTrigger:
    """A text that switches the grammar on: from where it begins, the answer follows the grammar, trigger included.

    at_start: only where nothing but space came before. after: neither counts until this text has been said, and the
    start is behind it (the end of reasoning). Control tokens are texts here, visible or not.
    """

    text: str
    at_start: bool = False
    after: str = ""


@dataclass(frozen=True, slots=True)
class ReasoningBudget:
    """So many tokens may be reasoning, which stands between `opening` and `closing`; is_open: the prompt began it.

    When they are spent, `message` and `closing` are said in the model's stead.
    """

    tokens: int
    opening: str
    closing: str
    is_open: bool
    message: str = ""


SAMPLERS = ("penalties", "dry", "top_n_sigma", "top_k", "typ_p", "top_p", "min_p", "xtc", "temperature")
"""The samplers in llama.cpp's order, under the names it has for them."""


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How the next token is drawn. Names, order and defaults are llama.cpp's (common/sampling).

    temperature 0 means greedy. `seed` None draws one; the one used is in `Started.seed`. top_k 0, top_p 1, min_p 0,
    typical_p 1, top_n_sigma -1, xtc_probability 0, dry_multiplier 0 and mirostat 0 are off. penalty_last_n,
    dry_penalty_last_n: tokens looked back at, prompt included; -1 is the whole context. n_probs: with every token, tell
    its log-probability and those of so many of the likeliest; None tells nothing. after_sampling: tell what the
    samplers left of them instead. min_keep: so many tokens are always left to draw from. samplers: which of
    them, in which order ("infill", which belongs behind a small top_k, may be one); whatever else is set, one that is
    not among them is not used. Mirostat takes the place of all. grammar: the shape of the whole answer, or, with
    grammar_triggers, of what follows the first of them; until then the answer is free.
    """

    temperature: float = 0.8
    dynatemp_range: float = 0.0
    dynatemp_exponent: float = 1.0
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    typical_p: float = 1.0
    top_n_sigma: float = -1.0
    xtc_probability: float = 0.0
    xtc_threshold: float = 0.1
    penalty_last_n: int = 64
    repeat_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    dry_multiplier: float = 0.0
    dry_base: float = 1.75
    dry_allowed_length: int = 2
    dry_penalty_last_n: int = 64
    dry_sequence_breakers: tuple[str, ...] = ("\n", ":", '"', "*")
    mirostat: int = 0
    mirostat_tau: float = 5.0
    mirostat_eta: float = 0.1
    logit_bias: tuple[TokenBias, ...] = ()
    n_probs: int | None = None
    after_sampling: bool = False
    min_keep: int = 0
    samplers: tuple[str, ...] = SAMPLERS
    seed: int | None = None
    grammar: str | None = None  # GBNF
    grammar_triggers: tuple[GrammarTrigger, ...] = ()


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One thing to generate.

    prompt: rendered text (special tokens are parsed), or token ids.
    max_tokens: upper bound of generated tokens; None means until the model stops or the context ends. shift: do not
    stop at the end of the context, but forget the older half of what follows the first `shift` tokens, and go on; a
    beginning-of-text token that the vocabulary adds is kept besides, and -1 is all of the prompt.
    stop: strings that end the text; never part of it. answered: tokens of the answer that were told already, by a
    worker that is gone: the answer goes on after them, and they count. visible: texts of control tokens that are text
    of the answer, also where they end it; all others are silent. seconds: written for that long, the answer ends where
    it has a whole line, as at its limit. indent: it ends, as at its limit, before a line other than the first that
    begins with fewer spaces or tabs. prediction: what much of the answer may be; where it is so it is
    computed faster, and it is the same either way.
    """

    id: str
    prompt: str | Sequence[int]
    sampling: SamplingParams = field(default_factory=SamplingParams)
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    ignore_eos: bool = False
    answered: tuple[int, ...] = ()
    visible: tuple[str, ...] = ()
    shift: int | None = None
    seconds: float | None = None
    indent: int = 0
    prediction: str = ""
    reasoning: ReasoningBudget | None = None


@dataclass(frozen=True, slots=True)
class Queued:
    """The request waits; `place` - 1 others come before it. Told again when the place changes."""

    request_id: str
    place: int


@dataclass(frozen=True, slots=True)
class Started:
    """The request is being computed: its prompt has `prompt_tokens` tokens, `cached_tokens` of them known already."""

    request_id: str
    prompt_tokens: int
    cached_tokens: int
    seed: int


@dataclass(frozen=True, slots=True)
class Reading:
    """A step read more of the prompt, but not all: `processed` of `prompt_tokens`, the cached ones included.

    Prompts that fit into one step have none. A request that gave way to others, or whose worker died, begins anew.
    """

    request_id: str
    processed: int
    prompt_tokens: int


@dataclass(frozen=True, slots=True)
class TokenChance:
    """A token, its bytes, and the natural logarithm of its probability before any sampling."""

    token: int
    bytes: tuple[int, ...]
    logprob: float


@dataclass(frozen=True, slots=True)
class TokenChances:
    """What was drawn, and the likeliest tokens at that place."""

    drawn: TokenChance
    top: tuple[TokenChance, ...]


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More text, always whole UTF-8 characters, never part of a stop string. `tokens`: token ids behind it.

    chances: one for each of the tokens, if `SamplingParams.n_probs` asked for them.
    """

    request_id: str
    text: str
    tokens: tuple[int, ...]
    chances: tuple[TokenChances, ...] = ()


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds spent on the prompt and on generation, for the request alone."""

    prompt_seconds: float
    generation_seconds: float


@dataclass(frozen=True, slots=True)
class Finished:
    """The request is done. `stop` is the stop string that ended it, if one did.

    guessed: tokens that were computed before it was known that they come; right: those of them that came.
    """

    request_id: str
    reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    timings: Timings
    stop: str | None = None
    guessed: int = 0
    right: int = 0


class FailureKind(StrEnum):
    """Who has to act on a failure; the API maps each to a status."""

    INVALID = "invalid"  # the request itself cannot be served (bad grammar, empty prompt)
    TOO_LONG = "too_long"  # the prompt does not fit the context; the message has both numbers
    BUSY = "busy"  # the queue is full
    WORKER_DIED = "worker_died"  # the worker died of this request, again when it was tried once more
    UNAVAILABLE = "unavailable"  # not loaded (yet), or given up
    INTERNAL = "internal"  # a bug of ours


@dataclass(frozen=True, slots=True)
class Failed:
    """The request could not be served, or not to its end. `message` is fit for the person who asked.

    retry_after: seconds after which it may be worth asking again (BUSY), else None.
    """

    request_id: str
    kind: FailureKind
    message: str
    retry_after: float | None = None


Event = Queued | Started | Reading | TextDelta | Finished | Failed
"""What a request yields: Queued while it waits, Started, Reading while it does, TextDelta, then Finished or Failed."""


@dataclass(frozen=True, slots=True)
class Embedding:
    """A text as a vector of length 1, and how many tokens it had."""

    vector: tuple[float, ...]
    tokens: int


@dataclass(frozen=True, slots=True)
class Score:
    """How well a document answers a question, in the model's own measure; tokens: of both together."""

    value: float
    tokens: int


@dataclass(frozen=True, slots=True)
class Counters:
    """What an engine did since it began, and (waiting, running) what it has to do now.

    steps: calls of the model; batch_tokens: tokens computed in them. cached_tokens: prompt tokens that need not be
    computed. set_backs: how often a running request had to give way. cells: how much of the cache is used; lines: by
    how many texts, at rest or not. first_tokens: answers that began; first_seconds: what they waited for it, all
    together; next_seconds: what passed between the tokens of each answer. guessed, right: as in `Finished`.
    """

    waiting: int = 0
    running: int = 0
    steps: int = 0
    batch_tokens: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    generated_tokens: int = 0
    set_backs: int = 0
    cells: int = 0
    lines: int = 0
    first_tokens: int = 0
    first_seconds: float = 0.0
    next_seconds: float = 0.0
    guessed: int = 0
    right: int = 0


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What the server must know about the loaded model; told once by the worker.

    context_size: tokens a single request may use (prompt and answer). trained_context: what the model was trained on.
    metadata: the GGUF's scalar `general.*` values as text.
    """

    name: str
    architecture: str
    description: str  # llama.cpp's one-line description
    parameters: int
    size_bytes: int
    vocabulary_size: int
    trained_context: int
    context_size: int
    parallel: int
    chat_template: str | None
    bos_text: str
    eos_text: str
    adds_bos: bool
    has_encoder: bool
    backend: str  # the library that computes, as "cpu-haswell"
    metadata: dict[str, str] = field(default_factory=dict)
    embedding_size: int = 0  # numbers in a vector of `Engine.embed`
    fill_in: tuple[int, ...] = ()  # tokens before a beginning, an end, and what is between; none where it knows none
    repository: int = -1  # token before the name of a repository whose files follow; -1 where there is none
    file: int = -1  # token before the name of a file that text is filled in after
    ranks: bool = False  # it says how well documents answer a question, and makes no vectors
    # "used" where a draft guesses ahead, "the model's own layer" where that does, else why not; "" where there is none
    draft: str = ""


class EngineState(StrEnum):
    """The life of an engine as its client sees it."""

    STARTING = "starting"
    LOADING = "loading"
    READY = "ready"
    RESTARTING = "restarting"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """Where the engine stands. `progress` in 0..1 while loading; `detail` is one sentence for people.

    fallback: why another backend than the chosen one computes, as sentences; "" while none had to. short_of_memory: it
    FAILED for want of memory, as far as can be told.
    """

    state: EngineState
    detail: str = ""
    progress: float = 0.0
    restarts: int = 0
    worker_pid: int | None = None
    fallback: str = ""
    short_of_memory: bool = False


class Engine(Protocol):
    """What the server needs of an engine. The worker's client and the deterministic fake both are one."""

    @property
    def status(self) -> EngineStatus:
        """Where the engine stands now."""

    @property
    def facts(self) -> ModelFacts | None:
        """What the loaded model is; None until the state was READY once."""

    @property
    def counters(self) -> Counters:
        """What was done, as of a second ago. Begins anew with a new worker."""

    async def start(self) -> None:
        """Begin loading; returns at once. Raises nothing that loading may meet: see `status`."""

    async def wait_ready(self) -> ModelFacts:
        """Wait until the model answers. Raises a `PannierError` if it never will."""

    def try_again(self) -> None:
        """Begin anew after it FAILED: somebody made room, or hopes so. Otherwise of no effect."""

    def generate(self, request: GenerationRequest) -> AsyncIterator[Event]:
        """Run one request. Closing the iterator early cancels it. Failures come as `Failed`, not as exceptions."""

    async def tokenize(self, text: str, *, parse_special: bool, add_special: bool) -> list[int]:
        """Token ids of `text`. Raises `EngineError` if no worker is there to ask."""

    async def detokenize(self, tokens: Sequence[int]) -> str:
        """Text of token ids, special tokens rendered. Raises `EngineError` if no worker is there to ask."""

    async def embed(self, texts: Sequence[Sequence[int]]) -> list[Embedding]:
        """Token lists as vectors, beside whatever is generated. Raises `EngineError`, also for too long a text."""

    async def rank(self, query: str, documents: Sequence[str]) -> list[Score]:
        """How well each document answers. Raises `EngineError`, also where the model was not made for it."""

    async def stop(self) -> None:
        """End the worker and every running request; safe to call twice."""
