"""The chat template, rendered the way chat programs render it (`tojson` without sorting or escaping)."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bundler.demo.core import Message, Tool

TEMPLATE = (Path(__file__).parent / "chat_template.jinja").read_text(encoding="utf-8").rstrip("\n")


def _to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


@cache
def _compiled() -> jinja2.Template:
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = _to_json
    return environment.from_string(TEMPLATE)


def render(
    messages: list[Message], tools: tuple[Tool, ...] = (), *, prompt: bool = False, thinking: bool = False
) -> str:
    """The text the model reads; with `prompt`, ready for the assistant to go on."""
    return _compiled().render(
        messages=messages, tools=list(tools) or None, add_generation_prompt=prompt, enable_thinking=thinking
    )
