"""What `/v1/messages` takes, and how it becomes a conversation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from runtime.api.errors import ApiError, invalid
from runtime.api.fields import Ignored, SamplingFields, only, refuse, sampling_of, shift_of
from runtime.api.limits import MAX_MESSAGES, checked_schema, checked_stops
from runtime.api.tools import checked_calls, checked_tools, with_names
from runtime.chat.prompt import AUTO, NONE, REQUIRED, Conversation
from runtime.engine.core import SamplingParams

_EFFORTS = {"max": "xhigh"}


class Thinking(BaseModel):
    """`thinking`. When the budget is spent the thinking is ended, and the answer begins."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)

    type: Literal["enabled", "disabled", "adaptive"]
    budget_tokens: Annotated[int | None, Field(ge=0)] = None
    display: Literal["summarized"] | None = None


class OutputConfig(BaseModel):
    """`output_config`."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)

    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: dict[str, Any] | None = None


class ToolChoice(BaseModel):
    """`tool_choice`."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)

    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class Message(BaseModel):
    """One message."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)

    role: Literal["user", "assistant", "system"]
    content: str | list[dict[str, Any]]


class CountRequest(SamplingFields):
    """Anthropic's request to count tokens; what its message request has beside the answer's own fields."""

    messages: Annotated[list[Message], Field(min_length=1, max_length=MAX_MESSAGES)]
    model: str | None = None
    system: str | list[dict[str, Any]] | None = None
    tools: list[Any] | None = None
    tool_choice: ToolChoice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    cache_control: Ignored = None
    mcp_servers: Any = only("empty")
    speed: Any = only('"standard"')


class MessagesRequest(CountRequest):
    """Anthropic's message request, with the sampling fields that llama.cpp adds."""

    max_tokens: Annotated[int, Field(ge=1)]
    stop_sequences: list[str] | None = None
    stream: bool | None = None
    container: Any = only("null")
    service_tier: Any = only('"auto" or "standard_only"')
    context_management: Any = only("null")
    diagnostics: Any = only("null")
    metadata: Ignored = None
    inference_geo: Ignored = None


_ONLY: dict[str, tuple[tuple[Any, ...], str]] = {
    "mcp_servers": (([],), "this server never opens a connection to anywhere"),
    "container": ((), "this server runs no code"),
    "service_tier": (("auto", "standard_only"), "there is one tier only"),
    "speed": (("standard",), "there is one speed only"),
    "diagnostics": ((), "this server stores no message to compare with"),
    "context_management": ((), "nothing is ever cut out of a prompt"),
}


def conversation(asked: CountRequest, defaults: SamplingParams) -> Conversation:
    """The inner request. Raises `ApiError` 400 for whatever is asked and not offered."""
    refuse(asked, {name: row for name, row in _ONLY.items() if name in type(asked).model_fields})
    tools = checked_tools([_tool(f"tools[{index}]", tool) for index, tool in enumerate(asked.tools or ())])
    choice, tool = _choice(asked.tool_choice, [one["function"]["name"] for one in tools])
    sampling = sampling_of(asked, defaults)
    if asked.output_config and (form := asked.output_config.format):
        if form.get("type") != "json_schema" or "schema" not in form:
            raise invalid(
                "'output_config.format' should be of type 'json_schema' with a 'schema'.", "output_config.format"
            )
        sampling = replace(sampling, grammar=checked_schema(form["schema"], "output_config.format.schema"))
    constrained = sampling.grammar is not None
    if constrained and tools and choice != NONE:
        raise invalid("A prescribed form of the answer leaves no room for 'tools'.", "output_config.format")
    answer = asked if isinstance(asked, MessagesRequest) else None
    limit = answer.max_tokens if answer else None
    return Conversation(
        messages=_messages(asked),
        sampling=sampling,
        max_tokens=limit,
        stop=checked_stops(answer.stop_sequences, "stop_sequences") if answer else (),
        ignore_eos=bool(asked.ignore_eos),
        shift=shift_of(asked, limit),
        tools=tools,
        tool_choice=choice,
        tool=tool,
        parallel=not (asked.tool_choice and asked.tool_choice.disable_parallel_tool_use),
        effort=_effort(asked),
        budget=asked.thinking.budget_tokens if asked.thinking else None,
        constrained=constrained,
    )  # fmt: skip


def _effort(asked: CountRequest) -> str | None:
    if asked.thinking and asked.thinking.type == "disabled":
        return "none"
    if asked.output_config and asked.output_config.effort:
        return _EFFORTS.get(asked.output_config.effort, asked.output_config.effort)
    if asked.thinking and asked.thinking.type == "enabled":
        return "high"
    return None


def _tool(where: str, tool: Any) -> Any:
    if not isinstance(tool, Mapping):
        return tool
    if tool.get("type", "custom") not in ("custom", None):
        raise invalid(
            f"'{where}' of type {str(tool['type'])[:40]!r} is refused: this server calls no tools itself.", where,
            "unsupported_value",
        )  # fmt: skip
    function = {name: tool[name] for name in ("name", "description") if name in tool}
    return {"type": "function", "function": {**function, "parameters": tool.get("input_schema")}}


def _choice(choice: ToolChoice | None, names: list[str]) -> tuple[str, str | None]:
    if choice is None or choice.type == "auto":
        return AUTO, None
    if choice.type == "none":
        return NONE, None
    if not names:
        raise invalid("'tool_choice' asks for a call, but there are no 'tools'.", "tool_choice")
    if choice.type == "any":
        return REQUIRED, None
    if choice.name not in names:
        raise invalid("'tool_choice.name' names a tool that 'tools' does not hold.", "tool_choice.name")
    return REQUIRED, choice.name


def _messages(asked: CountRequest) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    if asked.system:
        messages.append({"role": "system", "content": _text("system", asked.system)})
    for index, message in enumerate(asked.messages):
        where = f"messages[{index}].content"
        if isinstance(message.content, str):
            messages.append({"role": message.role, "content": message.content})
        elif message.role == "assistant":
            messages.append(_assistant(where, message.content))
        else:
            messages.extend(_user(where, message.role, message.content))
    return with_names(messages)


def _assistant(where: str, blocks: list[dict[str, Any]]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": ""}
    calls: list[dict[str, Any]] = []
    for index, block in enumerate(blocks):
        match block.get("type"):
            case "text":
                message["content"] += _string(f"{where}[{index}].text", block.get("text"))
            case "thinking":
                message["reasoning_content"] = _string(f"{where}[{index}].thinking", block.get("thinking"))
            case "redacted_thinking":
                pass  # sealed for another server
            case "tool_use":
                function = {"name": block.get("name"), "arguments": block.get("input")}
                calls += checked_calls([{"id": block.get("id"), "function": function}], f"{where}[{index}]")
            case kind:
                raise _refused_block(f"{where}[{index}]", kind)
    if calls:
        message["tool_calls"] = calls
    return message


def _user(where: str, role: str, blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Results become messages of their own, in the order in which they stand between the texts."""
    messages: list[dict[str, Any]] = []
    for index, block in enumerate(blocks):
        here = f"{where}[{index}]"
        match block.get("type"):
            case "text":
                text = _string(f"{here}.text", block.get("text"))
                if messages and messages[-1]["role"] == role:
                    messages[-1]["content"] += text
                else:
                    messages.append({"role": role, "content": text})
            case "tool_result":
                identity = _string(f"{here}.tool_use_id", block.get("tool_use_id"))
                result = _text(f"{here}.content", block.get("content") or "")
                told = f"Error: {result}" if block.get("is_error") else result
                messages.append({"role": "tool", "tool_call_id": identity, "content": told})
            case kind:
                raise _refused_block(here, kind)
    if not messages:
        raise invalid(f"'{where}' must not be empty.", where)
    return messages


def _text(where: str, content: Any) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise invalid(f"'{where}' should be a string or a list of blocks.", where)
    texts = []
    for index, block in enumerate(content):
        kind = block.get("type") if isinstance(block, Mapping) else None
        if kind != "text":
            raise _refused_block(f"{where}[{index}]", kind)
        texts.append(_string(f"{where}[{index}].text", block.get("text")))
    return "".join(texts)


def _string(where: str, value: Any) -> str:
    if not isinstance(value, str):
        raise invalid(f"'{where}' should be a string.", where)
    return value


def _refused_block(where: str, kind: Any) -> ApiError:
    return invalid(
        f"'{where}' of type {str(kind)[:40]!r} is refused: this model reads text only.", where, "unsupported_content"
    )
