"""What `/v1/chat/completions` takes: every field is honoured, or refused with the reason, or named here as having
no meaning for a model that runs on one's own computer. A field that is not in this list is refused too.

The models are built with the first request (or by `warm_up`), not while the program starts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from runtime.api.errors import invalid
from runtime.api.service import Conversation
from runtime.engine.core import SamplingParams

MAX_STOPS = 16

_Ignored = Annotated[Any, Field(description="Has no meaning here; accepted and without effect.")]


def _Only(what: str) -> Any:  # noqa: N802 - reads as a type where it is used
    return Field(default=None, description=f"Not offered; refused unless {what}.")


class StreamOptions(BaseModel):
    """`stream_options`."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class ChatMessage(BaseModel):
    """One message. `reasoning_content` is handed to templates that know it."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[dict[str, Any]] | None = None
    name: str | None = None
    reasoning_content: str | None = None
    refusal: None = None
    audio: None = None
    annotations: _Ignored = None
    tool_calls: Any = _Only("empty")
    tool_call_id: Any = _Only("null")
    function_call: Any = _Only("null")


class ChatCompletionRequest(BaseModel):
    """OpenAI's chat completion request, with the sampling fields that llama.cpp adds."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True, allow_inf_nan=False)

    messages: Annotated[list[ChatMessage], Field(min_length=1)]
    model: Annotated[
        str | None, Field(description="Any name is taken; the file holds one model, and the answer says which.")
    ] = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int | None, Field(ge=-1, description="-1 is no limit but the context.")] = None
    max_completion_tokens: Annotated[int | None, Field(ge=-1)] = None
    stop: str | list[str] | None = None
    seed: Annotated[int | None, Field(ge=-(2**63), lt=2**64, description="-1 draws one.")] = None
    temperature: Annotated[float | None, Field(ge=0, le=100)] = None
    top_p: Annotated[float | None, Field(ge=0, le=1)] = None
    frequency_penalty: Annotated[float | None, Field(ge=-2, le=2)] = None
    presence_penalty: Annotated[float | None, Field(ge=-2, le=2)] = None

    top_k: Annotated[int | None, Field(ge=-1, lt=2**31, description="0 or -1 is no limit.")] = None
    min_p: Annotated[float | None, Field(ge=0, le=1)] = None
    repeat_penalty: Annotated[float | None, Field(gt=0, le=100)] = None
    ignore_eos: bool | None = None
    chat_template_kwargs: dict[str, Any] | None = None

    n: Annotated[int | None, Field(description="Not offered; refused unless 1.")] = None
    logprobs: Any = _Only("false")
    top_logprobs: Any = _Only("0")
    logit_bias: Any = _Only("empty")
    response_format: Any = _Only('{"type": "text"}')
    tools: Any = _Only("empty")
    tool_choice: Any = _Only('"none" or "auto"')
    functions: Any = _Only("empty")
    function_call: Any = _Only('"none" or "auto"')
    reasoning_effort: Any = _Only("null")
    verbosity: Any = _Only('"medium"')
    modalities: Any = _Only('["text"]')
    audio: Any = _Only("null")
    prediction: Any = _Only("null")
    web_search_options: Any = _Only("null")
    store: Any = _Only("false")
    service_tier: Any = _Only('"auto" or "default"')

    parallel_tool_calls: _Ignored = None
    metadata: _Ignored = None
    user: _Ignored = None
    safety_identifier: _Ignored = None
    prompt_cache_key: _Ignored = None
    prompt_cache_retention: _Ignored = None

    @property
    def wants_usage(self) -> bool:
        """Whether a stream ends with a chunk that tells the usage."""
        return bool(self.stream_options and self.stream_options.include_usage)


_YET = "is not offered yet"
_TOOLS = "tool calls are not read out of answers yet"

_ONLY: dict[str, tuple[tuple[Any, ...], str]] = {
    "n": ((1,), f"more than one answer per request {_YET}"),
    "logprobs": ((False,), _YET),
    "top_logprobs": ((0,), _YET),
    "logit_bias": (({},), _YET),
    "response_format": (({"type": "text"},), f"a prescribed form of the answer {_YET}"),
    "tools": (([],), _TOOLS),
    "tool_choice": (("none", "auto"), _TOOLS),
    "functions": (([],), _TOOLS),
    "function_call": (("none", "auto"), _TOOLS),
    "reasoning_effort": ((), f"{_YET}; templates with a switch for thinking take it in `chat_template_kwargs`"),
    "verbosity": (("medium",), "the model has no such switch"),
    "modalities": ((["text"],), "the model writes text only"),
    "audio": ((), "the model writes text only"),
    "prediction": ((), _YET),
    "web_search_options": ((), "this server never opens a connection to anywhere"),
    "store": ((False,), "this server stores no conversation"),
    "service_tier": (("auto", "default"), "there is one tier only"),
}
"""Field → the values that ask for nothing, and why any other is refused."""

_PARTS_REFUSED = {
    "image_url": "this model cannot see; images are not offered yet",
    "input_audio": "this model cannot hear; audio is not offered yet",
    "file": "files are not offered; put their text into the message",
}


def conversation(asked: ChatCompletionRequest, defaults: SamplingParams) -> Conversation:
    """The inner request. Raises `ApiError` 400 for whatever is asked and not offered."""
    for name, (harmless, reason) in _ONLY.items():
        value = getattr(asked, name)
        if value is not None and not any(value == one and type(value) is type(one) for one in harmless):
            raise invalid(f"'{name}' is refused: {reason}.", name, "unsupported_parameter")
    if asked.stream_options is not None:
        _check_stream_options(asked)
    return Conversation(
        messages=[_message(index, message) for index, message in enumerate(asked.messages)],
        sampling=_sampling(asked, defaults),
        max_tokens=_max_tokens(asked),
        stop=_stops(asked.stop),
        ignore_eos=bool(asked.ignore_eos),
        variables=asked.chat_template_kwargs,
    )


def _check_stream_options(asked: ChatCompletionRequest) -> None:
    if not asked.stream:
        raise invalid("'stream_options' has a meaning only with 'stream': true.", "stream_options")
    if asked.stream_options and asked.stream_options.include_obfuscation:
        raise invalid(
            "'stream_options.include_obfuscation' is refused: the stream is not padded.",
            "stream_options.include_obfuscation",
            "unsupported_parameter",
        )


def _message(index: int, message: ChatMessage) -> dict[str, Any]:
    where = f"messages[{index}]"
    for name in ("tool_calls", "tool_call_id", "function_call"):
        if getattr(message, name):
            raise invalid(f"'{where}.{name}' is refused: {_TOOLS}.", f"{where}.{name}", "unsupported_parameter")
    if message.role in ("tool", "function"):
        raise invalid(f"'{where}.role' {message.role!r} is refused: {_TOOLS}.", f"{where}.role", "unsupported_value")
    if message.content is None and message.role != "assistant":
        raise invalid(f"'{where}.content' is missing.", f"{where}.content")
    plain: dict[str, Any] = {
        "role": "system" if message.role == "developer" else message.role,
        "content": _text(f"{where}.content", message.content),
    }
    if message.name is not None:
        plain["name"] = message.name
    if message.reasoning_content is not None:
        plain["reasoning_content"] = message.reasoning_content
    return plain


def _text(where: str, content: str | list[dict[str, Any]] | None) -> str:
    """Parts are joined without anything between: templates of text models expect one string."""
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(_part(f"{where}[{index}]", part) for index, part in enumerate(content))


def _part(where: str, part: dict[str, Any]) -> str:
    kind, text = part.get("type"), part.get("text")
    if kind == "text" and isinstance(text, str):
        if unknown := part.keys() - {"type", "text", "cache_control", "prompt_cache_breakpoint"}:
            raise invalid(f"'{where}.{min(unknown)}' is not a field of a text part.", f"{where}.{min(unknown)}")
        return text
    if kind == "text":
        raise invalid(f"'{where}.text' must be a string.", f"{where}.text")
    reason = _PARTS_REFUSED.get(str(kind), "only parts of type 'text' are")
    raise invalid(f"'{where}' of type {str(kind)[:40]!r} is refused: {reason}.", where, "unsupported_content")


def _sampling(asked: ChatCompletionRequest, defaults: SamplingParams) -> SamplingParams:
    names = ("temperature", "top_p", "min_p", "repeat_penalty", "frequency_penalty", "presence_penalty")
    given = {name: value for name in names if (value := getattr(asked, name)) is not None}
    if asked.top_k is not None:
        given["top_k"] = max(asked.top_k, 0)
    if asked.seed is not None:
        given["seed"] = None if asked.seed == -1 else asked.seed % 2**32  # the engine's seeds have 32 bits
    return replace(defaults, **given)


def _max_tokens(asked: ChatCompletionRequest) -> int | None:
    if asked.max_tokens is not None and asked.max_completion_tokens not in (None, asked.max_tokens):
        raise invalid("'max_tokens' and 'max_completion_tokens' contradict each other; give one.", "max_tokens")
    name = "max_tokens" if asked.max_completion_tokens is None else "max_completion_tokens"
    limit: int | None = getattr(asked, name)
    if limit == 0:
        raise invalid(f"'{name}' must be at least 1, or -1 for no limit.", name)
    return None if limit == -1 else limit


def _stops(stop: str | list[str] | None) -> tuple[str, ...]:
    stops = (stop,) if isinstance(stop, str) else tuple(stop or ())
    if len(stops) > MAX_STOPS:
        raise invalid(f"'stop' takes at most {MAX_STOPS} strings.", "stop")
    if "" in stops:
        raise invalid("A string in 'stop' is empty; every answer would end before it began.", "stop")
    return stops


def warm_up() -> None:
    """Build the models now, so that the first request does not pay for it."""
    for model in (StreamOptions, ChatMessage, ChatCompletionRequest):
        model.model_rebuild()
