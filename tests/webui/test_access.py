"""Everybody can use it: with a keyboard, with a screen reader, enlarged, on a phone, from right to left."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from runtime.engine.fake import FakeBehaviour
from tests.api.running import running
from tests.webui.access import faults, fits, has_focus, tab_to
from tests.webui.driving import UI, answered, ask, opened
from tests.webui.test_chat import CALLING, TOOLS, offer_tools

RICH = """\
# Leaves

A **leaf** is [green](https://example.org) and `thin`: $a^2$

- [x] done
- [ ] open

| a | b |
|---|---|
| 1 | 2 |

> quoted

```python
print("leaf")  # a remark
```
"""
SHARED = replace(UI, addresses=("http://192.168.1.20:8080",))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_view(browser: Browser, scheme: str) -> None:
    behaviour = FakeBehaviour(answer=RICH)
    with running(behaviour, ui=SHARED) as server, opened(browser, server.url, color_scheme=scheme) as page:
        expect(page.locator(".starter")).to_be_enabled()
        found = {"welcome": faults(page)}
        ask(page, "What is a leaf?")
        answer = answered(page)
        expect(answer.locator(".hljs-comment")).to_be_visible()
        expect(answer.locator("math")).to_be_visible()
        found["conversation"] = faults(page)
        answer.get_by_role("button", name="Answer again").click()
        answered(page)
        page.locator(".turn.user").hover()
        page.get_by_role("button", name="Edit").click()
        found["editing"] = faults(page)
        page.keyboard.press("Escape")
        for name in ("settings", "about", "developer", "join"):
            page.click(f"#open-{name}")
            expect(page.locator("dialog[open]")).to_be_visible()
            found[name] = faults(page)
            page.keyboard.press("Escape")
        row = page.locator(".chat")
        row.hover()
        row.locator(".menu > button").click()
        found["menu"] = faults(page)
        row.get_by_role("button", name="Delete").click()
        found["deleting"] = faults(page)
        page.get_by_role("button", name="Cancel").click()
        server.stop()
        ask(page, "still there?")
        expect(page.locator(".problem")).to_be_visible()
        found["trouble"] = faults(page)
    assert {view: list_ for view, list_ in found.items() if list_} == {}


def test_axe_finds_nothing_where_tools_are_asked_for(browser: Browser) -> None:
    calling = FakeBehaviour(answer=CALLING, chat_template=TOOLS)
    with running(calling, ui=UI) as server, opened(browser, server.url) as page:
        offer_tools(page)
        ask(page, "Is it warm?")
        answered(page).locator(".call summary").first.click()
        expect(page.get_by_role("button", name="Send to the model")).to_be_enabled()
        assert faults(page) == []


def test_axe_finds_nothing_on_a_phone_from_right_to_left(browser: Browser) -> None:
    phone = {"viewport": {"width": 360, "height": 700}, "locale": "ar", "has_touch": True}
    with running(FakeBehaviour(answer=RICH), ui=SHARED) as server, opened(browser, server.url, **phone) as page:
        ask(page, "ما هي الورقة؟")
        answered(page)
        found = faults(page)
        page.click("#open-list")
        expect(page.locator("#side")).to_be_in_viewport()
        found += faults(page)
    assert found == []


def test_a_whole_conversation_by_keyboard_alone(browser: Browser) -> None:
    listing = FakeBehaviour(answer="a\n\n```js\nlet b\n```")
    with running(listing, ui=UI) as server, opened(browser, server.url) as page:
        expect(page.locator("#prompt")).to_be_focused()
        page.keyboard.type("hello")
        expect(page.locator("#send")).to_be_enabled()
        page.keyboard.press("Enter")
        answered(page)
        expect(page.locator("#prompt")).to_be_focused()
        tab_to(page, "Answer again", back=True)
        page.keyboard.press("Enter")
        expect(page.locator(".versions")).to_contain_text("2/2")
        answered(page)
        tab_to(page, "Earlier version", back=True)
        page.keyboard.press("Space")
        expect(page.locator(".versions")).to_contain_text("1/2")
        tab_to(page, "Edit", back=True)
        page.keyboard.press("Enter")
        expect(page.get_by_label("Edit message")).to_be_focused()
        page.keyboard.type(" again")
        page.keyboard.press("Control+Enter")
        expect(page.locator(".turn.user")).to_contain_text("hello again")
        expect(page.locator("#prompt")).to_be_focused()
        answered(page)
        tab_to(page, "Actions for hello", back=True)
        page.keyboard.press("Enter")
        has_focus(page, "Rename")
        page.keyboard.press("ArrowDown")
        has_focus(page, "Pin")
        page.keyboard.press("ArrowUp")
        page.keyboard.press("ArrowUp")
        has_focus(page, "Delete")
        page.keyboard.press("Escape")
        has_focus(page, "Actions for hello")
        tab_to(page, "Settings")
        page.keyboard.press("Enter")
        expect(page.locator("dialog")).to_be_visible()
        for _ in range(40):  # the focus stays inside
            page.keyboard.press("Tab")
            assert page.evaluate(
                "document.activeElement === document.body || !!document.activeElement.closest('dialog')"
            )
        page.keyboard.press("Escape")
        has_focus(page, "Settings")
        tab_to(page, "New chat", back=True)
        page.keyboard.press("Enter")
        expect(page.locator(".turn")).to_have_count(0)
        expect(page.locator("#prompt")).to_be_focused()


def test_a_screen_reader_hears_that_an_answer_begins_and_ends(browser: Browser) -> None:
    slow = FakeBehaviour(answer="word " * 40, token_seconds=0.05)
    with running(slow, ui=UI) as server, opened(browser, server.url) as page:
        ask(page, "hello")
        expect(page.locator("#status")).to_have_text("The model is answering.")
        expect(page.locator(".turn.assistant")).to_have_attribute("aria-busy", "true")
        answered(page)
        expect(page.locator("#status")).to_have_text("The answer is complete.")
        expect(page.get_by_role("article").last.get_by_role("heading")).to_have_text("Answer")


def test_nothing_overflows_on_a_phone_in_either_direction(browser: Browser) -> None:
    answer = "https://" + "long" * 80 + "\n\n```\n" + "x" * 300 + "\n```\n"
    with running(FakeBehaviour(answer=answer), ui=SHARED) as server:
        for locale in ("en-US", "ar"):
            with opened(browser, server.url, viewport={"width": 320, "height": 640}, locale=locale) as page:
                ask(page, "w" * 200)
                answered(page)
                expect(page.locator("pre")).to_be_visible()
                fits(page)


def test_enlarged_to_twice_the_size_everything_is_still_there(browser: Browser) -> None:
    """At 200 % a window of 1280 by 720 has 640 by 360 of the page's pixels."""
    small = {"viewport": {"width": 640, "height": 360}, "device_scale_factor": 2}
    with running(FakeBehaviour(answer=RICH), ui=SHARED) as server, opened(browser, server.url, **small) as page:
        for starter in page.locator(".starter").all():
            starter.scroll_into_view_if_needed()
            expect(starter).to_be_in_viewport()
        ask(page, "hello")
        answered(page)
        expect(page.locator("#prompt")).to_be_in_viewport()
        fits(page)
        page.click("#open-settings")
        page.get_by_role("button", name="Reset all").scroll_into_view_if_needed()
        expect(page.get_by_role("button", name="Reset all")).to_be_in_viewport()


def test_nothing_moves_for_whom_it_would_disturb(browser: Browser) -> None:
    slow = FakeBehaviour(answer="word " * 500, token_seconds=0.05)
    with running(slow, ui=UI) as server, opened(browser, server.url, reduced_motion="reduce") as page:
        ask(page, "hello")
        expect(page.locator(".dots").first).to_be_visible()
        page.wait_for_timeout(300)
        moving = "document.getAnimations().filter((a) => a.playState === 'running').length"
        assert page.evaluate(moving) == 0


def test_pictures_of_the_page_are_small_and_there() -> None:
    """The README shows them."""
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    pictures = sorted((Path(__file__).parents[2] / "docs" / "images").glob("page-*.png"))
    assert len(pictures) >= 2
    for picture in pictures:
        assert picture.stat().st_size < 150_000
    assert sum(f"docs/images/{picture.name}" in readme for picture in pictures) == 2
