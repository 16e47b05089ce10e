"""Tools for a model whose template has never heard of any: told in the system message, calls and results as text.

Hermes's writing is used: of all of them the most models have seen it in their training.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

_PREAMBLE = """\
You may call tools. To call one, write exactly this, and nothing after it:
<tool_call>
{"name": "<name of the tool>", "arguments": {<its arguments>}}
</tool_call>
Answer in words where no tool is needed. The tools, with JSON Schemas of their arguments:"""


def rewritten(messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The same conversation for a template that knows only roles and text."""
    plain = [_as_text(message) for message in messages]
    if tools:
        told = "\n".join([_PREAMBLE, *(json.dumps(tool["function"], ensure_ascii=False) for tool in tools)])
        if plain and plain[0]["role"] == "system":
            plain[0] = {**plain[0], "content": f"{plain[0]['content']}\n\n{told}"}
        else:
            plain.insert(0, {"role": "system", "content": told})
    return plain


def _as_text(message: Mapping[str, Any]) -> dict[str, Any]:
    if message["role"] == "tool":
        return {"role": "user", "content": f"<tool_response>\n{message['content']}\n</tool_response>"}
    calls = [call["function"] for call in message.get("tool_calls") or ()]
    texts = [str(message.get("content") or "")] if message.get("content") else []
    for call in calls:
        called = json.dumps({"name": call["name"], "arguments": call["arguments"]}, ensure_ascii=False)
        texts.append(f"<tool_call>\n{called}\n</tool_call>")
    left = {key: value for key, value in message.items() if key not in ("tool_calls", "tool_call_id")}
    return {**left, "content": "\n".join(texts)}
