"""What is pasted into a support question says nothing of who asks: names and homes are taken out."""

from __future__ import annotations

import getpass
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Veil:
    """home: becomes "~". user: becomes "USER" where it stands as a word of a path."""

    home: str
    user: str

    @classmethod
    def of_this_user(cls) -> Veil:
        """For whoever runs this program; of a system that does not tell, nothing is hidden because nothing is known."""
        try:
            user = getpass.getuser()
        except (OSError, KeyError, ImportError):
            user = ""
        try:
            home = str(Path.home())
        except RuntimeError:
            home = os.environ.get("HOME", "")
        return cls(home if len(home) > 1 else "", user)

    def over(self, told: Any) -> Any:
        """The same without them: text, or JSON with text in it."""
        if isinstance(told, dict):
            return {key: self.over(value) for key, value in told.items()}
        if isinstance(told, list | tuple):
            return [self.over(value) for value in told]
        return self._veiled(told) if isinstance(told, str) else told

    def _veiled(self, text: str) -> str:
        if self.home:
            text = re.sub(re.escape(self.home) + r"(?![\w.-])", "~", text)
        if self.user:
            text = re.sub(rf"(?<=[/\\]){re.escape(self.user)}(?=[/\\\s:;,)]|$)", "USER", text)
        return text
