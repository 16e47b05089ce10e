"""The nouns of the training text: a call, an exchange, a scene.

Abilities produce exchanges; scenes put them in a conversation; the same scene is training text when its
phrasings come from the training split and an evaluation case when they are held out.
"""

import json
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

Message = dict[str, Any]
Tool = dict[str, Any]


class Split(Enum):
    """Which phrasings may be used; they never overlap, or `grammar.Phrases` refuses to be built."""

    TRAIN = "train"
    HELD_OUT = "held out"


@dataclass(frozen=True)
class Call:
    """One tool call."""

    name: str
    arguments: dict[str, Any]

    def to_message(self) -> Message:
        """The shape OpenAI's API gives a call, arguments as a JSON string."""
        arguments = json.dumps(self.arguments, ensure_ascii=False)
        return {"type": "function", "function": {"name": self.name, "arguments": arguments}}


@dataclass(frozen=True)
class Exchange:
    """A user's turn and the answer to it, with what the evaluation asks of that answer.

    `must` lists what has to occur in the answer; `a|b` inside an entry means that either will do.
    """

    user: str
    answer: str
    thought: str
    must: tuple[str, ...] = ()
    short: str = ""
    calls: tuple[Call, ...] = ()
    results: tuple[str, ...] = ()
    thought_after: str = ""

    def messages(self, *, thinking: bool) -> list[Message]:
        """The chat messages, thoughts kept only when asked for."""
        turns: list[Message] = [{"role": "user", "content": self.user}]
        if self.calls:
            call: Message = {
                "role": "assistant",
                "content": "",
                "tool_calls": [c.to_message() for c in self.calls],
            }
            if thinking:
                call["reasoning_content"] = self.thought
            turns.append(call)
            turns.extend({"role": "tool", "content": result} for result in self.results)
        answer: Message = {"role": "assistant", "content": self.answer}
        if thinking:
            answer["reasoning_content"] = self.thought_after if self.calls else self.thought
        turns.append(answer)
        return turns


@dataclass(frozen=True)
class Scene:
    """A whole conversation; only its last exchange is evaluated, the others are what came before."""

    exchanges: tuple[Exchange, ...]
    system: str | None = None
    tools: tuple[Tool, ...] = field(default=())
    thinking: bool = False

    @property
    def last(self) -> Exchange:
        """The exchange that is evaluated."""
        return self.exchanges[-1]

    def messages(self) -> list[Message]:
        """The conversation as chat messages, thoughts only in the last exchange, as the template keeps "
        "them."""
        turns: list[Message] = []
        if self.system is not None:
            turns.append({"role": "system", "content": self.system})
        for exchange in self.exchanges:
            turns.extend(exchange.messages(thinking=self.thinking and exchange is self.last))
        return turns
