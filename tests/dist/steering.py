"""How a test steers the page of a built dist: what is set, and what the model is made to write."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, expect

RICH = """\
# Leaves

A **leaf** is [green](https://example.org) and `thin`: $a^2$

1. one
   - inner

| a | b |
|---|--:|
| 1 | 2 |

```python
print("leaf")  # a remark
```

The end. <img src=x onerror="window.hit=1">"""
SLOW = 'root ::= "one " ("word "){300}'
"""An answer that lasts: there is time to do something meanwhile."""


@contextmanager
def settings(page: Page) -> Iterator[None]:
    page.click("#open-settings")
    yield
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)


def make_it_write(page: Page, grammar: str) -> None:
    """The model may write nothing but this."""
    with settings(page):
        page.get_by_label("Form of the answer").select_option("grammar")
        page.locator("#set-text").fill(grammar)


def exactly(text: str) -> str:
    return f"root ::= {json.dumps(text)}"
