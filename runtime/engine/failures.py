"""The sentences in which a request fails, so that the worker, its client and the fake say the same thing."""

from __future__ import annotations

from runtime.engine.core import Failed, FailureKind


def invalid(request_id: str, message: str) -> Failed:
    """The request itself cannot be served."""
    return Failed(request_id, FailureKind.INVALID, message)


def empty_prompt(request_id: str) -> Failed:
    """Nothing to continue."""
    return invalid(request_id, "The prompt is empty.")


def busy(request_id: str, waiting: int, seconds: float) -> Failed:
    """The queue is full. seconds: a guess of when it will not be."""
    message = f"The model is busy and {waiting} others are waiting already; please try again in {seconds:.0f} s."
    return Failed(request_id, FailureKind.BUSY, message, round(seconds, 1))


def internal(request_id: str, message: str) -> Failed:
    """What should not happen."""
    return Failed(request_id, FailureKind.INTERNAL, message)


def invalid_grammar(request_id: str) -> Failed:
    """The GBNF does not parse, or has no `root` rule."""
    return invalid(request_id, "The grammar is not valid GBNF, or has no rule called root.")


def too_long(request_id: str, prompt_tokens: int, context_size: int) -> Failed:
    """The prompt leaves no room for even one token of an answer."""
    return Failed(
        request_id,
        FailureKind.TOO_LONG,
        f"The prompt has {prompt_tokens} tokens; the context holds {context_size}, the answer included.",
    )


def worker_died(request_id: str, how: str) -> Failed:
    """The worker ended under the request, twice. `how` tells the end, as "was killed by signal 9"."""
    return Failed(
        request_id,
        FailureKind.WORKER_DIED,
        f"The engine {how} while it worked on this request, for the second time; it is not tried again.",
    )


def not_ready(request_id: str, detail: str = "") -> Failed:
    """No model is loaded (yet)."""
    return Failed(request_id, FailureKind.UNAVAILABLE, detail or "The model is still being loaded.")


def stopping(request_id: str) -> Failed:
    """The engine is being stopped, or was."""
    return Failed(request_id, FailureKind.UNAVAILABLE, "The engine is being stopped.")
