"""What `/v1/responses` takes, and how it becomes a conversation."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from runtime.api.errors import invalid
from runtime.api.fields import Ignored, SamplingFields, only, refuse, sampling_of, shift_of
from runtime.api.limits import MAX_MESSAGES
from runtime.api.openai.schema import formatted
from runtime.api.tools import checked_calls, checked_tools, chosen, with_names
from runtime.chat.prompt import NONE, Conversation
from runtime.engine.core import SamplingParams

_LOGPROBS = "message.output_text.logprobs"
_STATELESS = "this server stores no conversation; send the whole of it as 'input'"


class Reasoning(BaseModel):
    """`reasoning`."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)

    effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None
    summary: Ignored = None
    generate_summary: Ignored = None


class TextOptions(BaseModel):
    """`text`."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)

    format: dict[str, Any] | None = None
    verbosity: Literal["medium"] | None = None


class ResponsesRequest(SamplingFields):
    """OpenAI's request for a response, stateless, with the sampling fields that llama.cpp adds."""

    input: str | Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MAX_MESSAGES)]
    model: str | None = None
    instructions: str | None = None
    stream: bool | None = None
    max_output_tokens: Annotated[int | None, Field(ge=1)] = None
    tools: list[Any] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    text: TextOptions | None = None
    reasoning: Reasoning | None = None
    chat_template_kwargs: dict[str, Any] | None = None

    store: Annotated[bool | None, Field(description="Nothing is ever stored, and the answer says so.")] = None
    previous_response_id: Any = only("null")
    conversation: Any = only("null")
    prompt: Any = only("null")
    background: Any = only("false")
    truncation: Any = only('"disabled"')
    top_logprobs: Annotated[
        int | None, Field(ge=0, le=20, description="With `message.output_text.logprobs` in `include`, or alone.")
    ] = None
    service_tier: Any = only('"auto" or "default"')
    max_tool_calls: Any = only("null")
    moderation: Any = only("null")
    access_programs: Any = only("null")
    image: Any = only("null")
    context_management: Any = only("null")
    include: Annotated[list[str] | None, Field(description="What is not there is left out.")] = None
    stream_options: Ignored = None
    metadata: dict[str, Any] | None = None
    user: Ignored = None
    safety_identifier: Ignored = None
    prompt_cache_key: Ignored = None
    prompt_cache_options: Ignored = None
    prompt_cache_retention: Ignored = None


_ONLY: dict[str, tuple[tuple[Any, ...], str]] = {
    "previous_response_id": ((), _STATELESS),
    "conversation": ((), _STATELESS),
    "prompt": ((), "this server stores no prompts"),
    "background": ((False,), "a response lives as long as its request"),
    "truncation": (("disabled",), "nothing is ever cut out of a prompt"),
    "service_tier": (("auto", "default"), "there is one tier only"),
    "moderation": ((), "nothing here judges texts"),
    "access_programs": ((), "there are none"),
    "image": ((), "the model reads and writes text only"),
    "max_tool_calls": ((), "there are no tools that this server would call itself"),
    "context_management": ((), "nothing is ever cut out of a prompt"),
}


def conversation(asked: ResponsesRequest, defaults: SamplingParams) -> Conversation:
    """The inner request. Raises `ApiError` 400 for whatever is asked and not offered."""
    refuse(asked, _ONLY)
    tools = checked_tools([_nested(tool) for tool in asked.tools or ()])
    choice, tool = chosen(asked.tool_choice, tools)
    form = asked.text.format if asked.text else None
    sampling = formatted(sampling_of(asked, defaults), form, "text.format")
    if asked.top_logprobs or _LOGPROBS in (asked.include or ()):
        sampling = replace(sampling, n_probs=asked.top_logprobs or 0)
    constrained = sampling.grammar is not None
    if constrained and tools and choice != NONE:
        raise invalid("'text.format' prescribes the answer's form and leaves no room for 'tools'.", "text.format")
    limit = asked.max_output_tokens
    return Conversation(
        messages=_messages(asked),
        sampling=sampling,
        max_tokens=limit,
        ignore_eos=bool(asked.ignore_eos),
        shift=shift_of(asked, limit),
        variables=asked.chat_template_kwargs,
        tools=tools,
        tool_choice=choice,
        tool=tool,
        parallel=asked.parallel_tool_calls is not False,
        effort=asked.reasoning.effort if asked.reasoning else None,
        continues=False,
        constrained=constrained,
    )


def _nested(tool: Any) -> Any:
    """A function as the chat dialect writes it; anything else stays, to be refused by name."""
    if isinstance(tool, dict) and tool.get("type") == "function" and "function" not in tool:
        return {"type": "function", "function": {key: value for key, value in tool.items() if key != "type"}}
    return tool


def _messages(asked: ResponsesRequest) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    if asked.instructions:
        messages.append({"role": "system", "content": asked.instructions})
    if isinstance(asked.input, str):
        return [*messages, {"role": "user", "content": asked.input}]
    thought = ""
    for index, item in enumerate(asked.input):
        where = f"input[{index}]"
        match item.get("type", "message"):
            case "message":
                messages.append(_message(where, item))
            case "reasoning":
                thought = _thought(item)
                continue
            case "function_call":
                _add_call(messages, where, item)
            case "function_call_output":
                if not isinstance(item.get("call_id"), str):
                    raise invalid(f"'{where}.call_id' is missing.", f"{where}.call_id")
                content = _text(f"{where}.output", item.get("output"))
                messages.append({"role": "tool", "content": content, "tool_call_id": item["call_id"]})
            case kind:
                raise invalid(f"'{where}' of type {str(kind)[:40]!r} is not offered.", where, "unsupported_content")
        if thought and messages[-1]["role"] == "assistant":
            messages[-1]["reasoning_content"] = thought
        thought = ""
    if not any(message["role"] != "system" for message in messages):
        raise invalid("'input' must not be empty.", "input")
    return with_names(messages)


def _message(where: str, item: dict[str, Any]) -> dict[str, Any]:
    role = item.get("role")
    if role not in ("system", "developer", "user", "assistant"):
        raise invalid(f"'{where}.role' should be 'user', 'assistant', 'system' or 'developer'.", f"{where}.role")
    text = _text(f"{where}.content", item.get("content"))
    return {"role": "system" if role == "developer" else role, "content": text}


def _add_call(messages: list[dict[str, Any]], where: str, item: dict[str, Any]) -> None:
    function = {"name": item.get("name"), "arguments": item.get("arguments", "{}")}
    call = checked_calls([{"id": item.get("call_id"), "function": function}], where)
    if messages and messages[-1]["role"] == "assistant":
        messages[-1].setdefault("tool_calls", []).extend(call)
    else:
        messages.append({"role": "assistant", "content": "", "tool_calls": call})


def _text(where: str, content: Any) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise invalid(f"'{where}' should be a string or a list of parts.", where)
    texts = []
    for index, part in enumerate(content):
        kind = part.get("type") if isinstance(part, dict) else None
        text = part.get("text", part.get("refusal")) if isinstance(part, dict) else None
        if kind not in ("input_text", "output_text", "text", "refusal") or not isinstance(text, str):
            raise invalid(
                f"'{where}[{index}]' of type {str(kind)[:40]!r} is refused: this model reads text only.",
                f"{where}[{index}]", "unsupported_content",
            )  # fmt: skip
        texts.append(text)
    return "".join(texts)


def _thought(item: dict[str, Any]) -> str:
    parts = item.get("content") or item.get("summary") or ()
    return "".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))
