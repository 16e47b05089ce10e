"""What an answer cost, in OpenAI's words and in llama.cpp's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from runtime.api.answer import Ended
from runtime.chat.parsers.pieces import Spent
from runtime.engine.core import TokenChance, TokenChances


def usage(ends: Sequence[Ended], *, foretold: bool = False) -> dict[str, Any]:
    """Of all answers to one prompt; the prompt counts once. foretold: much of them was said to be known."""
    first, completion = ends[0], sum(end.finished.completion_tokens for end in ends)
    details = {"reasoning_tokens": sum(end.reasoning_tokens for end in ends)}
    if foretold:
        right = sum(end.finished.right for end in ends)
        rejected = sum(end.finished.guessed for end in ends) - right
        details |= {"accepted_prediction_tokens": right, "rejected_prediction_tokens": rejected}
    return {
        "prompt_tokens": first.finished.prompt_tokens,
        "completion_tokens": completion,
        "total_tokens": first.finished.prompt_tokens + completion,
        "prompt_tokens_details": {"cached_tokens": first.cached_tokens},
        "completion_tokens_details": details,
    }


def timings(spent: Spent) -> dict[str, Any]:
    """As llama.cpp tells them: `prompt_n` counts the tokens that had to be computed, `draft_n` the guessed ones."""
    return {
        "cache_n": spent.cached_tokens,
        **_rate("prompt", spent.prompt_tokens - spent.cached_tokens, spent.prompt_seconds),
        **_rate("predicted", spent.completion_tokens, spent.generation_seconds),
        **({"draft_n": spent.guessed, "draft_n_accepted": spent.right} if spent.guessed else {}),
    }


def logprobs(chances: Sequence[TokenChances]) -> dict[str, Any]:
    """The tokens' probabilities, and those of what might have stood there."""
    content = [{**_chance(one.drawn), "top_logprobs": [_chance(other) for other in one.top]} for one in chances]
    return {"content": content, "refusal": None}


def probabilities(chances: Sequence[TokenChances], *, plain: bool = False) -> list[dict[str, Any]]:
    """The same as llama-server tells it: with the tokens' ids. plain: as probabilities instead of their logarithms."""

    def told(chance: TokenChance) -> dict[str, Any]:
        found = {"id": chance.token, **_chance(chance)}
        if plain:
            found["prob"] = math.exp(found.pop("logprob"))
        return found

    top = "top_probs" if plain else "top_logprobs"
    return [{**told(one.drawn), top: [told(other) for other in one.top]} for one in chances]


def legacy_logprobs(chances: Sequence[TokenChances], begin: int) -> dict[str, Any]:
    """The same as `/v1/completions` tells it: four lists; `begin` is where the text of the first token stands."""
    tokens = [bytes(one.drawn.bytes).decode("utf-8", "replace") for one in chances]
    return {
        "tokens": tokens,
        "token_logprobs": [_chance(one.drawn)["logprob"] for one in chances],
        "top_logprobs": [{_chance(other)["token"]: _chance(other)["logprob"] for other in one.top} for one in chances],
        "text_offset": [begin + sum(map(len, tokens[:at])) for at in range(len(tokens))],
    }


def _chance(chance: TokenChance) -> dict[str, Any]:
    text = bytes(chance.bytes).decode("utf-8", "replace")
    return {"token": text, "logprob": max(chance.logprob, _LEAST), "bytes": list(chance.bytes)}


_LEAST = -9999.0  # JSON has no infinity; OpenAI's documentation has this for "very unlikely"


def _rate(name: str, count: int, seconds: float) -> dict[str, Any]:
    milliseconds = seconds * 1000
    return {
        f"{name}_n": count,
        f"{name}_ms": round(milliseconds, 3),
        f"{name}_per_token_ms": round(milliseconds / count, 3) if count else 0.0,
        f"{name}_per_second": round(count / seconds, 3) if seconds > 0 else 0.0,
    }
