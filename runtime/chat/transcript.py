"""A conversation in the terminal, and its file: the one the chat page exports and imports, too."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

FORMAT, VERSION = "pannier-conversations", 1
_TITLE = 60


@dataclass(slots=True)
class Turn:
    """A question and its answer, None while there is none."""

    question: str
    answer: str | None = None


@dataclass(slots=True)
class Transcript:
    """What was said. system: what the model is told before, "" for nothing."""

    system: str = ""
    turns: list[Turn] = field(default_factory=list)

    def messages(self) -> list[dict[str, str]]:
        """As templates expect them. A question without an answer is asked together with the next one."""
        told = [{"role": "system", "content": self.system}] if self.system else []
        for turn in self.turns:
            if told and told[-1]["role"] == "user":
                told[-1]["content"] += f"\n\n{turn.question}"
            else:
                told.append({"role": "user", "content": turn.question})
            if turn.answer:
                told.append({"role": "assistant", "content": turn.answer})
        return told


def to_json(transcript: Transcript) -> str:
    """The document; the chat page imports it."""
    now = int(time.time() * 1000)
    turns: list[dict[str, Any]] = []
    for turn in transcript.turns:
        for role, content in (("user", turn.question), ("assistant", turn.answer)):
            if content is not None:
                parent = turns[-1]["id"] if turns else None
                turns.append(_turn(role, content, parent, now + len(turns)))
    title = transcript.turns[0].question.strip().splitlines()[0][:_TITLE] if transcript.turns else ""
    conversation = {
        "id": uuid.uuid4().hex,
        "title": title,
        "named": False,
        "pinned": False,
        "created": now,
        "updated": now,
        "leaf": turns[-1]["id"] if turns else None,
        "system": transcript.system or None,
        "turns": turns,
    }
    document = {"format": FORMAT, "version": VERSION, "conversations": [conversation]}
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def from_json(text: str) -> Transcript:
    """The first conversation of a document, along the branch that was shown. Raises `ValueError` if it is none."""
    document = json.loads(text)
    if not isinstance(document, dict) or document.get("format") != FORMAT or document.get("version") != VERSION:
        raise ValueError("it was not saved by this program or its page")
    try:
        (conversation, *_) = document["conversations"]
        by_id = {turn["id"]: turn for turn in conversation["turns"]}
        transcript = Transcript(str(conversation.get("system") or ""))
        path: list[dict[str, Any]] = []
        at = conversation["leaf"]
        while at is not None and len(path) < len(by_id):
            path.append(by_id[at])
            at = by_id[at]["parent"]
        for turn in reversed(path):
            if turn["role"] == "user":
                transcript.turns.append(Turn(str(turn["content"])))
            elif transcript.turns:
                transcript.turns[-1].answer = str(turn["content"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ValueError("a part of it is missing") from None
    return transcript


def _turn(role: str, content: str, parent: str | None, created: int) -> dict[str, Any]:
    return {"id": uuid.uuid4().hex, "parent": parent, "role": role, "created": created, "content": content,
            "reasoning": "", "calls": [], "attachments": [], "state": "done", "problem": None,
            "stats": None}  # fmt: skip
