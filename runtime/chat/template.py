"""The chat template: from a list of messages to the one text the model was trained to continue.

The model brings its template inside its GGUF, in Jinja; the dist's author or user may replace it; where neither
has one, a plain ChatML stands in and says so (`ChatTemplate.origin`). Jinja itself is imported with the first
rendering, not with the program: it would cost a tenth of the start.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from runtime.engine.core import ModelFacts
from runtime.errors import UsageError

if TYPE_CHECKING:
    from runtime.chat.sandbox import CompiledTemplate

FALLBACK = """\
{%- for message in messages -%}
<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}
<|im_start|>assistant
{% endif -%}
"""
FALLBACK_STOPS = ("<|im_end|>",)

RESERVED = frozenset({"messages", "tools", "documents", "add_generation_prompt", "bos_token", "eos_token"})
"""Names the template gets from us; `variables` must not shadow them."""


class TemplateError(UsageError):
    """The template could not be used. `broken`: it is not even valid Jinja, so no conversation would do."""

    def __init__(self, message: str, remedy: str = "", *, broken: bool = False) -> None:
        super().__init__(message, remedy)
        self.broken = broken


class Origin(StrEnum):
    """Who wrote the template."""

    MODEL = "model"
    GIVEN = "given"
    FALLBACK = "fallback"


@dataclass(frozen=True)
class ChatTemplate:
    """One template with the facts it needs of its model. Safe to use from several threads.

    stops: strings that end an answer although the model may not know them as special (only of the fallback).
    """

    source: str
    origin: Origin
    bos_text: str = ""
    eos_text: str = ""
    adds_bos: bool = False
    stops: tuple[str, ...] = ()
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)
    _compiled: list[CompiledTemplate] = field(default_factory=list, repr=False, compare=False)

    @classmethod
    def of(cls, facts: ModelFacts, given: str | None = None) -> ChatTemplate:
        """The template to use with this model: the given one, else the model's own, else the fallback."""
        if given is not None:
            source, origin = given, Origin.GIVEN
        elif facts.chat_template and facts.chat_template.strip():
            source, origin = facts.chat_template, Origin.MODEL
        else:
            source, origin = FALLBACK, Origin.FALLBACK
        stops = FALLBACK_STOPS if origin is Origin.FALLBACK else ()
        return cls(source, origin, facts.bos_text, facts.eos_text, facts.adds_bos, stops)

    @property
    def mentions_tools(self) -> bool:
        """Whether the template looks at `tools` at all; one that does not would drop them in silence."""
        return "tools" in self.source

    def compile(self) -> CompiledTemplate:
        """The template as code, made once. Raises `TemplateError` (broken) if it is not valid Jinja."""
        with self._lock:
            if not self._compiled:
                from runtime.chat.sandbox import CompiledTemplate

                try:
                    self._compiled.append(CompiledTemplate(self.source))
                except Exception as error:
                    raise TemplateError(
                        f"{_WHOSE[self.origin]} cannot be read: {_reason(error, 'it is nested too deeply')}.",
                        "Give another one with --chat-template.",
                        broken=True,
                    ) from None
            return self._compiled[0]

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Mapping[str, Any]] | None = None,
        documents: Sequence[Mapping[str, Any]] | None = None,
        add_generation_prompt: bool = True,
        variables: Mapping[str, Any] | None = None,
    ) -> str:
        """The prompt for these messages, as text in which special tokens are still to be parsed.

        A BOS that the template writes is dropped where the tokenizer adds its own: two of them would be one too many.
        Raises `TemplateError` with the template's own reason if it refuses the conversation, or with ours if it
        reaches for what it must not have, loops, or swells.
        """
        variables = variables or {}
        if shadowed := RESERVED & variables.keys():
            raise TemplateError(f"The template variable {min(shadowed)!r} is set by the server and cannot be replaced.")
        compiled = self.compile()
        try:
            prompt = compiled.render(
                {
                    **variables,
                    "messages": messages,
                    "tools": tools,
                    "documents": documents,
                    "add_generation_prompt": add_generation_prompt,
                    "bos_token": self.bos_text,
                    "eos_token": self.eos_text,
                }
            )
        except Exception as error:
            raise TemplateError(f"{_WHOSE[self.origin]} refused the conversation: {_reason(error)}.") from None
        return self._without_second_bos(prompt)

    def _without_second_bos(self, prompt: str) -> str:
        if self.adds_bos and self.bos_text:
            return prompt.removeprefix(self.bos_text)
        return prompt


_WHOSE = {
    Origin.MODEL: "The model's own chat template",
    Origin.GIVEN: "The given chat template",
    Origin.FALLBACK: "The generic chat template",
}


def _reason(error: Exception, recursion: str = "it calls itself without end") -> str:
    """One line for people. The line of the template is told where Jinja knows it."""
    if isinstance(error, RecursionError):
        return recursion
    if isinstance(error, MemoryError):
        return "it needs too much memory"
    text = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    line = getattr(error, "lineno", None)
    return f"{text} (line {line})" if line else text
