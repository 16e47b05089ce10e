"""The page in a real browser, watched: it must not complain, and must not ask anybody but its server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect

from runtime.api.settings import UiConfig

UI = UiConfig(
    title="Biology class", welcome="Ask about plants.", starters=("What is a leaf?",), system_prompt="Be kind."
)
ROLES = "{% for m in messages %}{{ m.role }}={{ m.content }};{% endfor %}"
"""A template that shows in the prompt what the server was asked."""


@contextmanager
def opened(browser: Browser, url: str, path: str = "", **options: Any) -> Iterator[Page]:
    """The page in a context of its own."""
    context = browser.new_context(**{"viewport": {"width": 1100, "height": 750}, "locale": "en-US", **options})
    page = context.new_page()
    with watched(page, url):
        page.goto(url + path)
        try:
            yield page
        finally:
            context.close()


@contextmanager
def watched(page: Page, url: str) -> Iterator[None]:
    """Any error of the page, any complaint of its policy, any request elsewhere fails the test."""
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if "Content Security" in message.text else None)
    page.on("request", lambda request: None if request.url.startswith((url, "blob:")) else faults.append(request.url))
    yield
    assert faults == []


def ask(page: Page, words: str) -> None:
    """Write and send, as soon as one may."""
    page.fill("#prompt", words)
    expect(page.locator("#send")).to_be_enabled()
    page.keyboard.press("Enter")


def answered(page: Page, count: int = 1) -> Locator:
    """The answers, once so many are there and none is being written."""
    answers = page.locator(".turn.assistant")
    expect(answers).to_have_count(count)
    expect(page.locator('.turn.assistant[data-state="running"]')).to_have_count(0)
    return answers
