"""What `/api/chat` and `/api/generate` take, and how it becomes a conversation."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from runtime.api.errors import invalid
from runtime.api.fields import Ignored, SamplingFields, only, refuse, sampling_of, shift_of, with_logprobs
from runtime.api.limits import MAX_MESSAGES, checked_schema, checked_stops
from runtime.api.tools import checked_calls, checked_tools, with_names
from runtime.chat.prompt import Conversation
from runtime.engine.core import SamplingParams


class Options(SamplingFields):
    """`options`. What Ollama decides while it loads a model was decided here when the server was started."""

    num_keep: Annotated[int | None, Field(ge=-1, lt=2**31, description="Ollama's name of n_keep.")] = None
    num_predict: Annotated[int | None, Field(ge=-2, description="-1 and -2 are no limit but the context.")] = None
    stop: str | list[str] | None = None
    num_ctx: Ignored = None
    num_batch: Ignored = None
    num_gpu: Ignored = None
    main_gpu: Ignored = None
    num_thread: Ignored = None
    numa: Ignored = None
    low_vram: Ignored = None
    f16_kv: Ignored = None
    use_mmap: Ignored = None
    use_mlock: Ignored = None
    logits_all: Ignored = None
    vocab_only: Ignored = None
    embedding_only: Ignored = None
    tfs_z: Any = only("1.0")
    penalize_newline: Any = only("true")


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True, allow_inf_nan=False)

    model: str | None = None
    stream: Annotated[bool | None, Field(description="Ollama streams unless this is false.")] = None
    format: Literal["", "json"] | dict[str, Any] | None = None
    options: Options | None = None
    think: bool | Literal["low", "medium", "high"] | None = None
    keep_alive: Ignored = None
    logprobs: Annotated[bool | None, Field(description="Of the content's tokens, before any sampling.")] = None
    top_logprobs: Annotated[int | None, Field(ge=0, le=20)] = None


class Message(BaseModel):
    """One message."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)

    role: Literal["system", "user", "assistant", "tool"]
    content: str | None = None
    thinking: str | None = None
    images: Any = only("empty")
    tool_calls: list[dict[str, Any]] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None


class ChatRequest(_Body):
    """Ollama's chat request."""

    messages: Annotated[list[Message], Field(max_length=MAX_MESSAGES)] = Field(default_factory=list)
    tools: list[Any] | None = None


class GenerateRequest(_Body):
    """Ollama's request to go on with a prompt."""

    prompt: str | None = None
    system: str | None = None
    raw: bool | None = None
    suffix: Annotated[str | None, Field(description="The text is written between the prompt and this.")] = None
    template: Any = only("empty")
    context: Any = only("empty")
    images: Any = only("empty")
    width: Any = only("null")
    height: Any = only("null")
    steps: Any = only("null")


_NO_IMAGES = "this model makes no images"

_ONLY: dict[str, tuple[tuple[Any, ...], str]] = {
    "template": (("",), "the chat template is chosen when the server is started"),
    "context": (([],), "send the conversation to /api/chat instead"),
    "images": (([],), "this model cannot see; images are not offered yet"),
    "width": ((), _NO_IMAGES),
    "height": ((), _NO_IMAGES),
    "steps": ((), _NO_IMAGES),
    "tfs_z": ((1.0, 1), "the sampler was given up by llama.cpp"),
    "penalize_newline": ((True,), "the option was given up by llama.cpp"),
}


def _refuse(asked: BaseModel) -> None:
    refuse(asked, {name: row for name, row in _ONLY.items() if name in type(asked).model_fields})


def conversation(asked: ChatRequest, defaults: SamplingParams) -> Conversation:
    """The inner request of a chat."""
    messages = with_names([_message(index, message) for index, message in enumerate(asked.messages)])
    return _conversation(asked, messages, checked_tools(asked.tools or ()), defaults)


def generation(asked: GenerateRequest, defaults: SamplingParams) -> Conversation:
    """The inner request of a prompt that is not raw: a conversation of one message."""
    messages = [{"role": "system", "content": asked.system}] if asked.system else []
    return _conversation(asked, [*messages, {"role": "user", "content": asked.prompt or ""}], [], defaults)


def _conversation(
    asked: _Body, messages: list[dict[str, Any]], tools: list[dict[str, Any]], defaults: SamplingParams
) -> Conversation:
    sampling = sampling_for(asked, defaults)
    constrained = sampling.grammar is not None
    if constrained and tools:
        raise invalid("'format' prescribes the answer's form and leaves no room for 'tools'.", "format")
    return Conversation(
        messages=messages,
        sampling=sampling,
        max_tokens=limit(asked),
        shift=shift(asked),
        stop=stops(asked),
        ignore_eos=bool(asked.options and asked.options.ignore_eos),
        tools=tools,
        effort=_effort(asked.think),
        constrained=constrained,
    )


def sampling_for(asked: _Body, defaults: SamplingParams) -> SamplingParams:
    """The sampling with the form that `format` prescribes. Raises `ApiError` 400 for what is not offered."""
    _refuse(asked)
    sampling = defaults
    if asked.options is not None:
        _refuse(asked.options)
        sampling = sampling_of(asked.options, defaults)
    sampling = with_logprobs(sampling, asked.logprobs, asked.top_logprobs)
    if asked.format == "json":
        return replace(sampling, grammar=checked_schema({"type": "object"}, "format"))
    if isinstance(asked.format, dict):
        return replace(sampling, grammar=checked_schema(asked.format, "format"))
    return sampling


def limit(asked: _Body) -> int | None:
    """The largest number of tokens of the answer."""
    count = asked.options.num_predict if asked.options else None
    if count == 0:
        raise invalid("'options.num_predict' must be at least 1, or -1 for no limit.", "options.num_predict")
    return None if count is None or count < 0 else count


def shift(asked: _Body) -> int | None:
    """What of the prompt is kept where the answer outgrows the context; None: it ends there."""
    options = asked.options or Options()
    if options.n_keep is None:
        options = options.model_copy(update={"n_keep": options.num_keep})
    return shift_of(options, limit(asked))


def stops(asked: _Body) -> tuple[str, ...]:
    """The strings that end the answer."""
    return checked_stops(asked.options.stop, "options.stop") if asked.options else ()


def _effort(think: bool | str | None) -> str | None:
    if isinstance(think, bool):
        return "medium" if think else "none"
    return think


def _message(index: int, message: Message) -> dict[str, Any]:
    where = f"messages[{index}]"
    if message.images:
        raise invalid(f"'{where}.images' is refused: this model cannot see.", f"{where}.images", "unsupported_content")
    plain: dict[str, Any] = {"role": message.role, "content": message.content or ""}
    if message.thinking:
        plain["reasoning_content"] = message.thinking
    if message.tool_calls:
        calls = [{key: value for key, value in call.items() if key != "type"} for call in message.tool_calls]
        plain["tool_calls"] = checked_calls(calls, f"{where}.tool_calls")
    if message.role == "tool":
        plain["tool_call_id"] = message.tool_call_id or ""
        if message.tool_name:
            plain["name"] = message.tool_name
    return plain
