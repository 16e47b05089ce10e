"""Tools, calls and results as OpenAI writes them, which is also how templates expect them. Other dialects translate."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from runtime.api.errors import invalid
from runtime.api.limits import MAX_TOOLS, check_advice

_NAME = re.compile(r"[\w.:/-]{1,128}")


def checked_tools(tools: Sequence[Any], param: str = "tools") -> list[dict[str, Any]]:
    """The tools with what templates read of them. Raises `ApiError` 400."""
    if len(tools) > MAX_TOOLS:
        raise invalid(f"'{param}' takes at most {MAX_TOOLS} tools.", param)
    checked = [_tool(f"{param}[{index}]", tool) for index, tool in enumerate(tools)]
    names = [tool["function"]["name"] for tool in checked]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise invalid(f"'{param}' holds two tools called {twice!r}.", param)
    return checked


def _tool(where: str, tool: Any) -> dict[str, Any]:
    if not isinstance(tool, Mapping):
        raise invalid(f"'{where}' should be an object.", where)
    kind = tool.get("type", "function")
    function = tool.get("function")
    if kind != "function":
        raise invalid(f"'{where}' of type {str(kind)[:40]!r} is refused: only functions are offered.", where,
                      "unsupported_value")  # fmt: skip
    if not isinstance(function, Mapping):
        raise invalid(f"'{where}.function' is missing.", f"{where}.function")
    name, parameters = function.get("name"), function.get("parameters")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise invalid(f"'{where}.function.name' should be a name of letters, digits, '_' and '-'.",
                      f"{where}.function.name")  # fmt: skip
    description = function.get("description")
    if not isinstance(description, str | None):
        raise invalid(f"'{where}.function.description' should be a string.", f"{where}.function.description")
    if parameters is not None:
        check_advice(parameters, f"{where}.function.parameters")
        if not isinstance(parameters, dict):
            raise invalid(f"'{where}.function.parameters' should be an object.", f"{where}.function.parameters")
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": description or "",
            "parameters": parameters or {"type": "object", "properties": {}},
        },
    }


def chosen(choice: Any, tools: Sequence[Mapping[str, Any]], param: str = "tool_choice") -> tuple[str, str | None]:
    """REQUIRED, AUTO or NONE, and the tool that must be called if one is named."""
    if choice in (None, "auto"):
        return "auto", None
    if choice == "none":
        return "none", None
    name = choice
    if isinstance(choice, Mapping):
        function = choice.get("function")
        name = function.get("name") if isinstance(function, Mapping) else choice.get("name")
        if choice.get("type", "function") != "function" or not isinstance(name, str):
            raise invalid(f"'{param}' should be 'none', 'auto', 'required' or name a function.", param)
    elif choice != "required":
        raise invalid(f"'{param}' should be 'none', 'auto', 'required' or name a function.", param)
    if not tools:
        raise invalid(f"'{param}' asks for a call, but there are no 'tools'.", param)
    if isinstance(choice, str):
        return "required", None
    if all(tool["function"]["name"] != name for tool in tools):
        raise invalid(f"'{param}' names a tool that 'tools' does not hold: {str(name)[:100]!r}.", param)
    return "required", name


def checked_calls(calls: Any, where: str) -> list[dict[str, Any]]:
    """The calls of an assistant's message, their arguments as values."""
    if not isinstance(calls, list):
        raise invalid(f"'{where}' should be a list.", where)
    return [_call(f"{where}[{index}]", call) for index, call in enumerate(calls)]


def _call(where: str, call: Any) -> dict[str, Any]:
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise invalid(f"'{where}.function' should be an object with a name and arguments.", f"{where}.function")
    if call.get("type", "function") not in ("function", None):
        raise invalid(f"'{where}.type' should be 'function'.", f"{where}.type")
    arguments = function.get("arguments", "{}")
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments or "{}")
        except (ValueError, RecursionError):
            raise invalid(f"'{where}.function.arguments' is not valid JSON.", f"{where}.function.arguments") from None
    if not isinstance(arguments, dict):
        raise invalid(f"'{where}.function.arguments' should hold an object.", f"{where}.function.arguments")
    identity = call.get("id")
    return {
        **({"id": identity} if isinstance(identity, str) else {}),
        "type": "function",
        "function": {"name": function["name"], "arguments": arguments},
    }


def with_names(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Results with the name of the tool they are from, which some templates need and OpenAI's messages lack."""
    names: dict[str, str] = {}
    named = []
    for message in messages:
        for call in message.get("tool_calls", ()):
            if "id" in call:
                names[call["id"]] = call["function"]["name"]
        if message["role"] == "tool" and "name" not in message and message.get("tool_call_id") in names:
            message = {**message, "name": names[message["tool_call_id"]]}
        named.append(message)
    return named
