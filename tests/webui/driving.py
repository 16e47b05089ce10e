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


WATCH_PROGRESS = """() => {
    window.seen = []
    new MutationObserver(() => {
        const words = document.querySelector(".progress span:not(.dots)")?.textContent
        const { value, max, ariaLabel } = document.querySelector(".progress progress") ?? {}
        const told = JSON.stringify([words, value, max, ariaLabel])
        if (words && window.seen.at(-1) !== told) window.seen.push(told)
    }).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true })
}"""
"""Notes what the page says of a prompt that is being read, and its bar, with every change."""


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
    """Write and send, as soon as one may. The key goes to the field, whoever takes the focus meanwhile."""
    page.fill("#prompt", words)
    expect(page.locator("#send")).to_be_enabled()
    page.press("#prompt", "Enter")


def kept(page: Page) -> None:
    """Wait until all that was put on the browser's shelf lies there: of its transactions ours is the last."""
    page.evaluate(
        """() => new Promise((done, failed) => {
            const opening = indexedDB.open("pannier")
            opening.onerror = () => failed(opening.error)
            opening.onsuccess = () => {
                const last = opening.result.transaction(["chats", "turns"], "readwrite")
                last.objectStore("chats").count()
                last.oncomplete = () => (opening.result.close(), done())
            }
        })"""
    )


def first_paint(page: Page) -> float:
    """Milliseconds from the navigation to the first contentful paint, once the browser has noted it.

    What was drawn is noted a little later than it can be found in the document.
    """
    painted: float = page.evaluate(
        """() => new Promise((done, failed) => {
            const noted = (list) => list.getEntriesByName("first-contentful-paint").forEach((it) => done(it.startTime))
            new PerformanceObserver(noted).observe({ type: "paint", buffered: true })
            setTimeout(() => failed(new Error("nothing was painted in 30 seconds")), 30_000)
        })"""
    )
    return painted


def answered(page: Page, count: int = 1) -> Locator:
    """The answers, once so many are there and none is being written."""
    answers = page.locator(".turn.assistant")
    expect(answers).to_have_count(count)
    expect(page.locator('.turn.assistant[data-state="running"]')).to_have_count(0)
    return answers
