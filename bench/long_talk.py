"""A conversation of many turns, put where each page keeps its own, and the ways to open it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Page

TEXT = """\
A **leaf** turns light into sugar, see [the book](https://example.org).

1. Light falls on it.
2. `chlorophyll` takes up the energy of $h\\nu$.

| part | does |
|---|---|
| stoma | breathes |

```python
def grow(light: float) -> float:
    return light * 0.42  # sugar
```
"""
_PUT = """async ({database, rows}) => {
    const opening = indexedDB.open(database)
    const db = await new Promise((done, failed) => {
        opening.onsuccess = () => done(opening.result); opening.onerror = () => failed(opening.error) })
    const stores = Object.keys(rows), all = db.transaction(stores, 'readwrite')
    for (const store of stores) for (const row of rows[store]) all.objectStore(store).put(row)
    await new Promise((done, failed) => { all.oncomplete = done; all.onerror = () => failed(all.error) })
    db.close() }"""


@dataclass(frozen=True, slots=True)
class Subject:
    """A page. database: where it keeps conversations. address: of one, behind its own. field: where one writes.

    stop: what ends an answer under way; it is there as long as one comes.
    """

    name: str
    url: str
    database: str
    address: str
    field: str
    stop: str

    def put(self, page: Page, turns: int) -> str:
        """Give it a conversation; its address."""
        rows = _ours(turns) if self.name == "pannier" else _theirs(turns)
        page.evaluate(_PUT, {"database": self.database, "rows": rows})
        return self.url + self.address.format(id="long")


def said(turns: int) -> Sequence[str]:
    """What is said, question and answer in turn."""
    return [f"Question {index}?" if index % 2 == 0 else f"{TEXT}\n\nThat was number {index}." for index in range(turns)]


def _ours(turns: int) -> dict[str, list[dict[str, Any]]]:
    chat = {"id": "long", "title": "A long one", "named": False, "pinned": False, "created": 1, "updated": 1,
            "leaf": f"t{turns - 1}", "system": None}  # fmt: skip
    rows = [
        {"id": f"t{index}", "chat": "long", "parent": f"t{index - 1}" if index else None, "created": index + 1,
         "role": ("user", "assistant")[index % 2], "content": words, "reasoning": "", "calls": [], "attachments": [],
         "state": "done", "problem": None, "stats": None, "stream": None, "unverified": False}
        for index, words in enumerate(said(turns))
    ]  # fmt: skip
    return {"chats": [chat], "turns": rows}


def _theirs(turns: int) -> dict[str, list[dict[str, Any]]]:
    root = {"id": "root", "convId": "long", "type": "root", "role": "system", "content": "", "parent": None,
            "children": ["t0"], "timestamp": 1, "toolCalls": ""}  # fmt: skip
    rows = [
        {"id": f"t{index}", "convId": "long", "type": "text", "role": ("user", "assistant")[index % 2],
         "content": words, "parent": f"t{index - 1}" if index else "root", "timestamp": index + 2, "toolCalls": "",
         "children": [f"t{index + 1}"] if index + 1 < turns else []}
        for index, words in enumerate(said(turns))
    ]  # fmt: skip
    talk = {"id": "long", "name": "A long one", "lastModified": turns + 2, "currNode": f"t{turns - 1}"}
    return {"conversations": [talk], "messages": [root, *rows]}
