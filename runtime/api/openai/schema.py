"""What `/v1/chat/completions` takes: every field is honoured, or refused with the reason, or named here as having
no meaning for a model that runs on one's own computer. A field that is not in this list is refused too.

The models are built with the first request (or by `warm_up`), not while the program starts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from runtime.api.errors import invalid
from runtime.api.fields import Ignored, SamplingFields, only, refuse, sampling_of, shift_of, with_logprobs
from runtime.api.limits import MAX_ANSWERS, MAX_MESSAGES, checked_schema, checked_stops
from runtime.api.tools import checked_calls, checked_tools, chosen, with_names
from runtime.chat.prompt import NONE, Conversation
from runtime.engine.core import SamplingParams


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
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None
    refusal: None = None
    audio: None = None
    annotations: Ignored = None
    parsed: Ignored = None  # what the client's own helper for streams puts into the answer it hands back
    function_call: Any = only("null")


class Prediction(BaseModel):
    """`prediction`."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)

    type: Literal["content"]
    content: str | list[dict[str, Any]]


class ChatCompletionRequest(SamplingFields):
    """OpenAI's chat completion request, with the fields that llama.cpp adds."""

    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=MAX_MESSAGES)]
    model: Annotated[
        str | None, Field(description="Any name is taken; the file holds one model, and the answer says which.")
    ] = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int | None, Field(ge=-1, description="-1 is no limit but the context.")] = None
    max_completion_tokens: Annotated[int | None, Field(ge=-1)] = None
    n_predict: Annotated[int | None, Field(ge=-1, description="llama.cpp's name of max_tokens.")] = None
    stop: str | list[str] | None = None
    n: Annotated[int | None, Field(ge=1, le=MAX_ANSWERS)] = None

    tools: list[Any] | None = None
    tool_choice: Annotated[
        str | dict[str, Any] | None, Field(description='"none", "auto", "required", or a function.')
    ] = None
    parallel_tool_calls: bool | None = None
    response_format: dict[str, Any] | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None
    reasoning_format: Annotated[
        Literal["none", "auto", "deepseek"] | None, Field(description='"none" leaves reasoning in the content.')
    ] = None
    reasoning_budget_tokens: Annotated[
        int | None, Field(ge=-1, description="Then the reasoning is ended, and the answer begins; -1 is no limit.")
    ] = None
    thinking_budget_tokens: Annotated[
        int | None, Field(ge=-1, description="Another name of reasoning_budget_tokens.")
    ] = None
    reasoning_budget_message: Annotated[
        str | None, Field(max_length=1024, description="What is said where the budget ends the reasoning.")
    ] = None
    chat_template_kwargs: dict[str, Any] | None = None
    documents: list[dict[str, Any]] | None = None
    continue_final_message: Annotated[
        bool | None, Field(description="A last message of the assistant is continued; false answers it.")
    ] = None
    add_generation_prompt: Any = only("true, or false with continue_final_message")

    timings_per_token: Annotated[
        bool | None, Field(description="Streams only: timings with every piece of content.")
    ] = None
    return_progress: Annotated[bool | None, Field(description="Streams only: as the header X-Stream-Progress.")] = None
    prediction: Annotated[
        Prediction | None,
        Field(description="What is as foretold comes faster; the answer is the same either way."),
    ] = None
    logprobs: Annotated[bool | None, Field(description="Of the content's tokens, before any sampling.")] = None
    top_logprobs: Annotated[int | None, Field(ge=0, le=20)] = None
    functions: Any = only("empty")
    function_call: Any = only('"none" or "auto"')
    verbosity: Any = only('"medium"')
    modalities: Any = only('["text"]')
    audio: Any = only("null")
    web_search_options: Any = only("null")
    moderation: Any = only("null")
    store: Any = only("false")
    service_tier: Any = only('"auto" or "default"')

    metadata: Ignored = None
    user: Ignored = None
    safety_identifier: Ignored = None
    prompt_cache_key: Ignored = None
    prompt_cache_options: Ignored = None
    prompt_cache_retention: Ignored = None

    @property
    def wants_usage(self) -> bool:
        """Whether a stream ends with a chunk that tells the usage."""
        return bool(self.stream_options and self.stream_options.include_usage)


_ONLY: dict[str, tuple[tuple[Any, ...], str]] = {
    "add_generation_prompt": ((True, False), "it is true or false"),
    "functions": (([],), "its successor 'tools' is offered"),
    "function_call": (("none", "auto"), "its successor 'tool_choice' is offered"),
    "verbosity": (("medium",), "the model has no such switch"),
    "modalities": ((["text"],), "the model writes text only"),
    "audio": ((), "the model writes text only"),
    "web_search_options": ((), "this server never opens a connection to anywhere"),
    "moderation": ((), "nothing here judges texts"),
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
    refuse(asked, _ONLY)
    if asked.stream_options is not None:
        _check_stream_options(asked)
    tools = checked_tools(asked.tools or ())
    choice, tool = chosen(asked.tool_choice, tools)
    sampling = formatted(
        sampling_of(asked, defaults, offered=("timings_per_token", "return_progress")), asked.response_format
    )
    sampling = with_logprobs(sampling, asked.logprobs, asked.top_logprobs)
    constrained = sampling.grammar is not None
    if constrained and tools and choice != NONE:
        name = "response_format" if asked.response_format else "json_schema" if asked.json_schema else "grammar"
        raise invalid(
            f"'{name}' prescribes the answer's form and leaves no room for tool calls; "
            "leave out 'tools', or set 'tool_choice' to 'none'.",
            name,
        )
    limit = _max_tokens(asked)
    return Conversation(
        messages=with_names([_message(index, message) for index, message in enumerate(asked.messages)]),
        sampling=sampling,
        max_tokens=limit,
        shift=shift_of(asked, limit),
        prediction=text_of("prediction.content", asked.prediction.content) if asked.prediction else "",
        stop=checked_stops(asked.stop),
        ignore_eos=bool(asked.ignore_eos),
        variables=asked.chat_template_kwargs,
        documents=asked.documents,
        tools=tools,
        tool_choice=choice,
        tool=tool,
        parallel=asked.parallel_tool_calls is not False,
        effort=asked.reasoning_effort,
        budget=_budget(asked),
        budget_message=asked.reasoning_budget_message or "",
        reads_reasoning=asked.reasoning_format != "none",
        continues=_continues(asked),
        constrained=constrained,
        answers=asked.n or 1,
    )


def formatted(sampling: SamplingParams, form: dict[str, Any] | None, param: str = "response_format") -> SamplingParams:
    """`sampling` with the form of the answer that OpenAI's `response_format` prescribes."""
    kind = (form or {}).get("type", "text")
    if form is None or kind == "text":
        return sampling
    if sampling.grammar is not None:
        raise invalid(f"'{param}' contradicts 'grammar' or 'json_schema'; give one of them.", param)
    if kind == "json_object":
        schema = form.get("schema") or {"type": "object"}  # llama.cpp's addition
        return replace(sampling, grammar=checked_schema(schema, f"{param}.schema"))
    if kind == "json_schema":
        inner = form.get("json_schema")
        inner = inner if isinstance(inner, dict) else form
        if "schema" not in inner:
            raise invalid(f"'{param}.json_schema.schema' is missing.", f"{param}.json_schema")
        return replace(sampling, grammar=checked_schema(inner["schema"], f"{param}.json_schema.schema"))
    raise invalid(f"'{param}.type' should be 'text', 'json_object' or 'json_schema'.", f"{param}.type")


def _budget(asked: ChatCompletionRequest) -> int | None:
    budget = asked.reasoning_budget_tokens
    budget = asked.thinking_budget_tokens if budget is None else budget
    return None if budget == -1 else budget


def _continues(asked: ChatCompletionRequest) -> bool:
    if asked.add_generation_prompt is False and not asked.continue_final_message:
        raise invalid(
            "'add_generation_prompt': false has a meaning only with 'continue_final_message': true.",
            "add_generation_prompt",
        )
    if asked.continue_final_message and asked.messages[-1].role != "assistant":
        raise invalid("'continue_final_message' needs a last message of the assistant.", "continue_final_message")
    return asked.continue_final_message is not False


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
    if message.function_call or message.role == "function":
        name = "function_call" if message.function_call else "role"
        raise invalid(
            f"'{where}.{name}' is refused: functions are called by 'tool_calls' now.", f"{where}.{name}",
            "unsupported_parameter",
        )  # fmt: skip
    if message.content is None and message.role != "assistant":
        raise invalid(f"'{where}.content' is missing.", f"{where}.content")
    plain: dict[str, Any] = {
        "role": "system" if message.role == "developer" else message.role,
        "content": text_of(f"{where}.content", message.content),
    }
    if message.name is not None:
        plain["name"] = message.name
    if message.reasoning_content is not None:
        plain["reasoning_content"] = message.reasoning_content
    if message.tool_calls:
        if message.role != "assistant":
            raise invalid(f"'{where}.tool_calls' belongs to an assistant's message.", f"{where}.tool_calls")
        plain["tool_calls"] = checked_calls(message.tool_calls, f"{where}.tool_calls")
    if message.role == "tool":
        if message.tool_call_id is None:
            raise invalid(f"'{where}.tool_call_id' is missing.", f"{where}.tool_call_id")
        plain["tool_call_id"] = message.tool_call_id
    return plain


def text_of(where: str, content: str | list[dict[str, Any]] | None) -> str:
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


def _max_tokens(asked: ChatCompletionRequest) -> int | None:
    names = ("max_completion_tokens", "max_tokens", "n_predict")
    given = {name: value for name in names if (value := getattr(asked, name)) is not None}
    if len(set(given.values())) > 1:
        raise invalid("'max_tokens' and 'max_completion_tokens' contradict each other; give one.", "max_tokens")
    name, limit = next(iter(given.items()), ("max_tokens", -1))
    return checked_limit(limit, name)


def checked_limit(limit: int, name: str) -> int | None:
    """The largest number of tokens of an answer; None for -1."""
    if limit == 0:
        raise invalid(f"'{name}' must be at least 1, or -1 for no limit.", name)
    return None if limit == -1 else limit
