"""The page is there at once, and stays quick in a conversation of hundreds of turns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from bench.long_talk import Subject
from runtime.engine.fake import FakeBehaviour
from tests.api.running import running
from tests.webui.driving import UI, answered, ask, first_paint, opened

TURNS = 500
ALL_OF_IT = 120_000
"""Milliseconds: what is out of sight comes in pauses, and a busy machine has few."""
NO_PAUSE = "window.requestIdleCallback = () => 0"
"""The page finds no time to do more than it must."""
WATCH_TURNS = """() => {
    window.redrawn = new Set()
    const there = new Set([...document.querySelectorAll(".turn")].slice(0, -1))
    new MutationObserver((changes) => {
        const turns = changes.map(({ target }) => target.parentElement?.closest(".turn"))
        for (const turn of turns) if (there.has(turn)) window.redrawn.add(turn.textContent)
    }).observe(document.querySelector(".log"), { subtree: true, childList: true, characterData: true })
}"""
"""Notes which turns that are there now, all but the last, change."""


def test_the_first_paint_waits_for_no_module_and_looks_as_the_page_did_last_time(browser: Browser) -> None:
    with running(FakeBehaviour(), ui=UI) as server, opened(browser, server.url, color_scheme="light") as page:
        page.click("#open-settings")
        page.get_by_label("Colours").select_option("dark")
        page.get_by_label("Language").select_option("ar")
        expect(page.locator("html")).to_have_attribute("dir", "rtl")
        page.route("**/assets/*.js", lambda route: route.abort())
        page.reload()
        assert first_paint(page) > 0
        expect(page.locator(".field")).to_be_in_viewport()
        expect(page.locator("html")).to_have_attribute("dir", "rtl")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(25, 26, 26)"
        page.unroute("**/assets/*.js")
        page.reload()
        expect(page.locator("#prompt")).to_be_focused()
        expect(page.locator(".field")).to_have_count(1)  # the frame has gone


@contextmanager
def long_talk(browser: Browser, server: str, *scripts: str) -> Iterator[Page]:
    """A conversation of many turns, opened anew."""
    with opened(browser, server) as page:
        expect(page.locator("#send")).to_be_visible()
        address = Subject("pannier", server, "pannier", "/#{id}", "#prompt", "#stop").put(page, TURNS)
        for script in scripts:
            page.add_init_script(script)
        page.goto("about:blank")
        page.goto(address)
        expect(page.locator(".turn.last")).to_contain_text(f"That was number {TURNS - 1}.")
        yield page


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running(FakeBehaviour(answer="the newest", context_size=200_000), ui=UI) as serving:
        yield serving.url


def test_a_long_conversation_is_seen_at_its_end_and_all_of_it_comes_and_is_found(browser: Browser, server: str) -> None:
    with long_talk(browser, server) as page:
        expect(page.locator(".turn.last .prose > :last-child")).to_be_in_viewport()
        expect(page.locator(".turn")).to_have_count(TURNS, timeout=ALL_OF_IT)
        assert page.evaluate("find('Question 0?', false, false, true)")  # as the browser's own search would
        page.evaluate("getSelection().anchorNode.parentElement.scrollIntoView()")
        expect(page.locator(".turn").first).to_be_in_viewport()
        expect(page.locator(".to-end")).to_be_visible()
        ask(page, "And now?")
        expect(answered(page, TURNS // 2 + 1).last).to_contain_text("the newest")
        expect(page.locator(".turn.last")).to_be_in_viewport()


def test_an_answer_to_a_long_conversation_redraws_nothing_that_was_said_before(browser: Browser, server: str) -> None:
    with long_talk(browser, server) as page:
        expect(page.locator(".turn")).to_have_count(TURNS, timeout=ALL_OF_IT)
        expect(page.locator(".turn.last .hljs-keyword").first).to_be_visible()  # colours and formulas have come
        expect(page.locator(".turn math")).to_have_count(TURNS // 2, timeout=ALL_OF_IT)
        page.evaluate(WATCH_TURNS)
        ask(page, "And now?")
        answered(page, TURNS // 2 + 1)
        assert page.evaluate("[...window.redrawn]") == []


def test_printing_waits_for_no_pause_to_show_all_of_it(browser: Browser, server: str) -> None:
    with long_talk(browser, server, NO_PAUSE) as page:
        shown = page.locator(".turn").count()
        assert 0 < shown < 20
        page.emulate_media(media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        expect(page.locator(".turn")).to_have_count(TURNS, timeout=ALL_OF_IT)
        assert page.locator(".turn").first.evaluate("(turn) => getComputedStyle(turn).contentVisibility") == "visible"
        height = page.evaluate("document.querySelector('.log').scrollHeight")
        assert page.evaluate("document.scrollingElement.scrollHeight") >= height
