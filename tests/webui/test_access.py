"""Everybody can use it: with a keyboard, with a screen reader, on a phone, from right to left."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from runtime.engine.fake import FakeBehaviour
from tests.api.running import running
from tests.webui.driving import UI, answered, ask, opened


def test_nothing_overflows_on_a_phone_in_either_direction(browser: Browser) -> None:
    answer = "https://" + "long" * 80 + "\n\n```\n" + "x" * 300 + "\n```\n"
    with running(FakeBehaviour(answer=answer), ui=UI) as server:
        for locale in ("en-US", "ar"):
            with opened(browser, server.url, viewport={"width": 320, "height": 640}, locale=locale) as page:
                ask(page, "w" * 200)
                answered(page)
                expect(page.locator("pre")).to_be_visible()
                assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
                assert page.evaluate("document.querySelector('main').scrollWidth <= innerWidth")
