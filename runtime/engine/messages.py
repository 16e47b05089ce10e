"""What the server and the worker say to each other.

    worker  Hello · Progress* · (Ready | LoadFailed) · events of requests, answers to calls; a Beat every second
    server  Load · Generate, Cancel, Tokenize, Detokenize, Embed, Rank, Drop, Ping in any order; end-of-file ends it

Both ends are the same executable, so `Hello.protocol` must be equal, not merely compatible.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from runtime.engine.core import (
    Counters,
    Embedding,
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

PROTOCOL_VERSION = 10
"""Goes up with every change to a message or an event."""

OWN_FAULT = 70  # EX_SOFTWARE of BSD's sysexits.h
"""Exit code of a worker that came upon a mistake in the code around the engine: most likely every backend's."""


@dataclass(frozen=True, slots=True)
class Hello:
    """The worker runs; sent before anything else."""

    protocol: int
    pid: int


@dataclass(frozen=True, slots=True)
class DraftFile:
    """Where a small model that guesses ahead is, as `Load` tells it of the model. gpu_layers: -1 = all, 0 = none."""

    path: str = ""
    fd: int | None = None
    offset: int = 0
    size: int = 0
    gpu_layers: int = 0


@dataclass(frozen=True, slots=True)
class Load:
    """What the worker is to load, and how; the first thing it is told.

    model_fd: inherited descriptor of the file with the model, or None: then `model_path` is opened. The GGUF begins at
    `model_offset` and has `model_size` bytes (0 = not known). model_splits: instead of all that, the files of a model
    in parts. engine_dir: folder of libllama and libggml; backends: files of the backend libraries to load, the one that
    computes first. context_size: tokens a request may use, 0 = what the model was trained on. parallel: requests at
    once. queue_limit: requests that may wait besides. threads: 0 = as many as this process may use. gpu_layers: -1 =
    all. repack: let llama.cpp copy weights into layouts it likes better (private memory, slower start). cells: tokens
    remembered at a time, 0 = by the device's memory. cache_type: format of what is remembered, "f16" or "q8_0".
    split_cache: a part of the cache for each request, where there is memory for that. experts_on_cpu: of the layers on
    the GPU, the first so many leave their experts in main memory. lookup: guess tokens from what the text said before.
    draft: a model that guesses tokens, too. foresight: the model has a layer of its own that does, where there is no
    draft. processors: those to stay on, () = any. device: the backend's device to use by its ggml name, "" for its only
    one. verbose: llama.cpp's whole log to stderr.
    """

    engine_dir: str
    backends: tuple[str, ...]
    model_fd: int | None = None
    model_path: str = ""
    model_offset: int = 0
    model_size: int = 0
    model_splits: tuple[str, ...] = ()
    context_size: int = 0
    parallel: int = 1
    queue_limit: int = 128
    threads: int = 0
    batch_tokens: int = 512
    gpu_layers: int = 0
    repack: bool = False
    cells: int = 0
    cache_type: str = "f16"
    split_cache: bool = False
    lookup: bool = False
    draft: DraftFile | None = None
    foresight: bool = False
    experts_on_cpu: int = 0
    device: str = ""
    processors: tuple[int, ...] = ()
    verbose: bool = False

    @property
    def foresees(self) -> bool:
        """Whether the model's own layer is to guess: a draft goes first, for somebody chose it."""
        return self.foresight and self.draft is None

    @property
    def fds(self) -> tuple[int, ...]:
        """The descriptors that must be inherited."""
        found = (self.model_fd, self.draft.fd if self.draft else None)
        return tuple(dict.fromkeys(fd for fd in found if fd is not None))


@dataclass(frozen=True, slots=True)
class Progress:
    """Share of the model that is loaded, 0..1."""

    value: float


@dataclass(frozen=True, slots=True)
class Ready:
    """The model answers."""

    facts: ModelFacts


@dataclass(frozen=True, slots=True)
class LoadFailed:
    """The model cannot be loaded, and trying again would not help. The worker ends after it."""

    message: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Beat:
    """The worker lives; every second. working: seconds into the current step, 0 between steps; expected: its length."""

    working: float
    expected: float
    counters: Counters


@dataclass(frozen=True, slots=True)
class Generate:
    """Run a request; its events follow."""

    request: GenerationRequest


@dataclass(frozen=True, slots=True)
class Cancel:
    """Nobody waits for this request any more; ends in `Finished(CANCELLED)` unless it was over already."""

    request_id: str


@dataclass(frozen=True, slots=True)
class Tokenize:
    """Answered by `Tokens` or `Refused`, also while the model decodes, like every message with a `call`."""

    call: int
    text: str
    parse_special: bool
    add_special: bool


@dataclass(frozen=True, slots=True)
class Tokens:
    """Answer to `Tokenize`."""

    call: int
    tokens: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Detokenize:
    """Answered by `Text` or `Refused`."""

    call: int
    tokens: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """Answer to `Detokenize`."""

    call: int
    text: str


@dataclass(frozen=True, slots=True)
class Embed:
    """Answered by `Vectors` or `Refused`, after the step that is being computed and others' calls before it."""

    call: int
    texts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Vectors:
    """Answer to `Embed`."""

    call: int
    embeddings: tuple[Embedding, ...]


@dataclass(frozen=True, slots=True)
class Rank:
    """Answered by `Scores` or `Refused`, in turn with `Embed`."""

    call: int
    query: str
    documents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scores:
    """Answer to `Rank`."""

    call: int
    scores: tuple[Score, ...]


@dataclass(frozen=True, slots=True)
class Drop:
    """Nobody waits for the answer to this `Embed` or `Rank` any more; it has none unless it was on its way."""

    call: int


@dataclass(frozen=True, slots=True)
class Ping:
    """Answered by `Pong`: the worker's reader thread lives."""

    call: int


@dataclass(frozen=True, slots=True)
class Pong:
    """Answer to `Ping`."""

    call: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The call cannot be answered."""

    call: int
    message: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """A message of a type this version does not have."""

    type: str


Reply = Tokens | Text | Vectors | Scores | Pong | Refused
ToServer = Hello | Progress | Ready | LoadFailed | Beat | Event | Reply | Unknown
ToWorker = Load | Generate | Cancel | Tokenize | Detokenize | Embed | Rank | Drop | Ping | Unknown
Message = ToServer | ToWorker

TYPES: dict[str, type[Any]] = {
    cls.__name__: cls
    for cls in (
        *(Hello, Load, Progress, Ready, LoadFailed, Beat),
        *(Generate, Cancel, Queued, Started, Reading, TextDelta, Finished, Failed),
        *(Tokenize, Tokens, Detokenize, Text, Embed, Vectors, Rank, Scores, Drop, Ping, Pong, Refused),
    )
}
"""Every message that travels, by the name it has there."""
