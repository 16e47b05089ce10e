"""A dist for a classroom, opened from another device: what its spec decides, and how others join."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests import requirements
from tests.dist import running
from tests.dist.conftest import build
from tests.webui.access import faults, fits
from tests.webui.conftest import QUIET, require_browser
from tests.webui.driving import answered, ask, opened

SPEC = """
[dist]
name = "class-7b"

[model]
source = "demo"

[serve]
host = "0.0.0.0"
browser = false

[chat]
system_prompt = "You are a llama called Pan."
lock_system_prompt = true
starters = ["What is the capital of Japan?"]

[sampling]
temperature = 0.0

[ui]
title = "Class 7b"
welcome = "Ask about the world."
icon = "🌱"
accent = "#8a2be2"
language = "de"
settings = ["temperature", "max_tokens"]
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, settled: dict[str, str]) -> Iterator[str]:
    """Its address in the network."""
    folder = tmp_path_factory.mktemp("class")
    spec = folder / "class.toml"
    spec.write_text(SPEC, "utf-8")
    dist = build(folder / "out", spec=spec)
    with running.serving(dist, "--port", "0", env=settled) as serving:
        _, told = serving.get("/api/ui")
        if not told["addresses"]:
            requirements.missing("a network address that is not loopback")
        yield str(told["addresses"][0])


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=30_000)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=require_browser(), args=list(QUIET))
        yield started
        started.close()


def test_the_page_looks_and_speaks_as_the_spec_says(browser: Browser, shared: str) -> None:
    with opened(browser, shared, color_scheme="light") as page:
        expect(page).to_have_title("Class 7b")
        expect(page.locator("html")).to_have_attribute("lang", "de")
        expect(page.locator("#introduction")).to_have_text("Ask about the world.")
        assert "%F0%9F%8C%B1" in str(page.locator("link[rel=icon]").get_attribute("href"))
        accent = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--accent')")
        assert accent == "#8a2be2"
        page.click("text=What is the capital of Japan?")
        expect(answered(page)).to_contain_text("Tokyo")
        ask(page, "What is your name?")
        expect(answered(page, 2).last).to_contain_text("Pan")
        page.click("#open-settings")
        expect(page.locator("#set-system")).to_have_attribute("readonly", "")
        expect(page.locator("#set-system")).to_have_value("You are a llama called Pan.")
        expect(page.locator("#set-temperature")).to_have_attribute("placeholder", "Standard: 0")
        expect(page.locator("#set-max_tokens")).to_be_visible()
        for hidden in ("top_p", "seed", "form", "tools"):
            expect(page.locator(f"#set-{hidden}")).to_have_count(0)


def test_others_join_by_address_or_by_picture(browser: Browser, shared: str, tmp_path: Path) -> None:
    with opened(browser, shared) as page:
        expect(page.locator("#place")).to_contain_text(shared.removeprefix("http://").rpartition(":")[0])
        page.click("#open-join")
        expect(page.locator(".address a").first).to_have_text(shared)
        picture = tmp_path / "code.png"
        page.get_by_role("img", name=shared).screenshot(path=picture)
        assert faults(page) == []
    zbarimg = requirements.tool("zbarimg")
    read = subprocess.run([zbarimg, "--quiet", "--raw", picture], capture_output=True, text=True, check=True).stdout
    assert read.strip() == shared


def test_a_phone_from_right_to_left_has_all_of_it(browser: Browser, shared: str) -> None:
    phone = {"viewport": {"width": 360, "height": 700}, "has_touch": True}
    with opened(browser, shared, **phone) as page:
        page.click("#open-settings")
        page.locator("#set-language").select_option("ar")
        page.keyboard.press("Escape")
        expect(page.locator("html")).to_have_attribute("dir", "rtl")
        ask(page, "What is the capital of Japan?")
        expect(answered(page)).to_contain_text("Tokyo")
        fits(page)
        page.tap("#open-list")
        expect(page.locator("#side")).to_be_in_viewport()
        expect(page.locator(".chat")).to_have_count(1)
        assert faults(page) == []


def test_copying_works_without_a_secure_context(browser: Browser, shared: str) -> None:
    with opened(browser, shared) as page:
        assert page.evaluate("isSecureContext") is False
        ask(page, "What is the capital of Japan?")
        answer = answered(page)
        words = answer.locator(".prose").inner_text()
        answer.get_by_role("button", name="Kopieren", exact=True).click()
        page.fill("#prompt", "")
        page.press("#prompt", "Control+V")
        expect(page.locator("#prompt")).to_have_value(words)
