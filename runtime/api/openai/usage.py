"""What an answer cost, in OpenAI's words and in llama.cpp's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runtime.api.answer import Ended


def usage(ends: Sequence[Ended]) -> dict[str, Any]:
    """Of all answers to one prompt; the prompt counts once."""
    first, completion = ends[0], sum(end.finished.completion_tokens for end in ends)
    return {
        "prompt_tokens": first.finished.prompt_tokens,
        "completion_tokens": completion,
        "total_tokens": first.finished.prompt_tokens + completion,
        "prompt_tokens_details": {"cached_tokens": first.cached_tokens},
    }


def timings(ended: Ended) -> dict[str, Any]:
    """As llama.cpp tells them: `prompt_n` counts the tokens that had to be computed."""
    finished = ended.finished
    return {
        "cache_n": ended.cached_tokens,
        **_rate("prompt", finished.prompt_tokens - ended.cached_tokens, finished.timings.prompt_seconds),
        **_rate("predicted", finished.completion_tokens, finished.timings.generation_seconds),
    }


def _rate(name: str, count: int, seconds: float) -> dict[str, Any]:
    milliseconds = seconds * 1000
    return {
        f"{name}_n": count,
        f"{name}_ms": round(milliseconds, 3),
        f"{name}_per_token_ms": round(milliseconds / count, 3) if count else 0.0,
        f"{name}_per_second": round(count / seconds, 3) if seconds > 0 else 0.0,
    }
