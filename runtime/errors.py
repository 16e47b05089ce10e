"""Everything that can go wrong in a running dist, as one tree.

    PannierError                 exit 1   base; also what an unforeseen error is wrapped in
    ├── UsageError               exit 2   the command line asks for something that does not exist
    ├── DamagedError             exit 3   the file, or a part of it, is not what its manifest says
    ├── CannotRunError           exit 4   this machine cannot run this model (backend, memory, system)
    ├── SurroundingsError        exit 5   a port is taken, a disk is full, no directory can be used
    └── EngineError              exit 6   the worker failed and could not be brought back
        └── WorkerDied           exit 6   it died while a request was running

Every message says what happened and where; `remedy` says what to do next.
"""

from __future__ import annotations

from typing import ClassVar


class PannierError(Exception):
    """Base of every error shown to a user.

    message: what happened and where, one sentence.
    remedy: what to do next, one sentence, may be empty.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".rstrip()


class UsageError(PannierError):
    """The command line or a request asks for something that does not exist or does not fit."""

    exit_code = 2


class DamagedError(PannierError):
    """The file, or a part of it, is not what its manifest says it is."""

    exit_code = 3


class CannotRunError(PannierError):
    """This machine cannot run this model: no working backend, too little memory, too old a system."""

    exit_code = 4


class SurroundingsError(PannierError):
    """The surroundings refuse: a taken port, a full disk, no directory that can be used."""

    exit_code = 5


class EngineError(PannierError):
    """The engine failed and could not be brought back, or refused a request."""

    exit_code = 6


class ShortOfMemoryError(EngineError):
    """The system ended the engine again and again, which it does where memory runs out."""


class WorkerDied(EngineError):  # noqa: N818 - named for the event, as the API reports it
    """The worker process ended while a request was running."""


def unforeseen(error: Exception) -> PannierError:
    """What a user is told of an error nobody foresaw, in place of a traceback."""
    return PannierError(
        f"Something unforeseen happened: {type(error).__name__}: {error}.",
        "Run it again with PANNIER_DEBUG=1 for the details, and report them.",
    )


INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells expect (128 + SIGINT)."""
