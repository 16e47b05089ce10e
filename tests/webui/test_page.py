"""The page in a real browser, against the fake engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from runtime.api.settings import ServerSettings, UiConfig
from runtime.engine.core import Failed, FailureKind, GenerationRequest
from runtime.engine.fake import FakeBehaviour
from tests.api.running import MODEL, Running, running
from tests.api.test_unverified import Told
from tests.webui.conftest import require_browser

UI = UiConfig(
    title="Biology class", welcome="Ask about plants.", starters=("What is a leaf?",), system_prompt="Be kind."
)

MARKDOWN = """\
<think>Let me *see*.</think>
A **leaf** is `green`:

1. one
2. two
   - inner

```python
print("<b>hi</b>")
```

<img src=x onerror="document.title='hacked'"> <script>document.title='hacked'</script>
"""


@contextmanager
def opened(browser: Browser, server: Running) -> Iterator[Page]:
    """The page, which must not complain, and must not ask anybody but its server."""
    context = browser.new_context(viewport={"width": 1000, "height": 700}, locale="en-US")
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if "Content Security" in message.text else None)
    page.on("request", lambda request: None if request.url.startswith(server.url) else faults.append(request.url))
    page.goto(server.url)
    try:
        yield page
    finally:
        context.close()
    assert faults == []


def ask(page: Page, words: str) -> None:
    expect(page.locator(".starter").first.or_(page.locator(".message").first)).to_be_visible()
    page.fill("#prompt", words)
    expect(page.locator("#send")).to_be_enabled()
    page.keyboard.press("Enter")


def test_a_question_is_answered_as_markdown_and_nothing_in_it_runs(browser: Browser) -> None:
    with running(FakeBehaviour(answer=MARKDOWN), ui=UI) as server, opened(browser, server) as page:
        expect(page).to_have_title("Biology class")
        expect(page.locator("#introduction")).to_have_text("Ask about plants.")
        page.click("text=What is a leaf?")
        answer = page.locator(".message.assistant")
        expect(answer.locator("strong")).to_have_text("leaf")
        expect(answer.locator("p code")).to_have_text("green")
        expect(answer.locator("ol > li")).to_have_count(2)
        expect(answer.locator("ol ul li")).to_have_text("inner")
        expect(answer.locator("pre code")).to_have_text('print("<b>hi</b>")')
        expect(answer.locator("details summary")).to_have_text("Thoughts")
        expect(answer.locator("details div")).to_be_hidden()
        answer.locator("summary").click()
        expect(answer.locator("details em")).to_have_text("see")
        expect(answer).to_contain_text("<script>document.title='hacked'</script>")
        expect(page.locator("#about-model")).to_contain_text(f"{MODEL} · fake")
        expect(page.locator("#about-place")).to_have_text("Nothing leaves this computer")
        expect(page).to_have_title("Biology class")


def test_the_server_is_asked_what_was_said_without_thoughts(browser: Browser) -> None:
    prompts: list[str] = []

    def answer(request: GenerationRequest) -> str:
        prompts.append(str(request.prompt))
        return "<think>hm</think>fine"

    template = "{% for m in messages %}{{ m.role }}={{ m.content }};{% endfor %}"
    with (
        running(FakeBehaviour(answer=answer, chat_template=template), ui=UI) as server,
        opened(browser, server) as page,
    ):
        ask(page, "one")
        expect(page.locator("#send")).to_be_visible()
        page.fill("#prompt", "two")
        page.keyboard.press("Shift+Enter")
        page.keyboard.type("lines")
        page.keyboard.press("Enter")
        expect(page.locator(".message.assistant .words")).to_have_count(2)
    assert prompts == ["system=Be kind.;user=one;", "system=Be kind.;user=one;assistant=fine;user=two\nlines;"]


@pytest.mark.parametrize("how", ["Escape", "button"])
def test_an_answer_can_be_stopped_and_the_engine_is_told(browser: Browser, how: str) -> None:
    with running(FakeBehaviour(token_seconds=0.03, answer="word " * 500), ui=UI) as server:
        with opened(browser, server) as page:
            ask(page, "go on")
            expect(page.locator(".message.assistant .words")).to_contain_text("word")
            if how == "button":
                page.click("#stop")
            else:
                page.keyboard.press("Escape")
            expect(page.locator(".note")).to_have_text("Stopped.")
            expect(page.locator("#send")).to_be_visible()
        assert len(server.wait_cancelled()) == 1


def test_the_conversation_survives_a_reload_and_new_chat_empties_it(browser: Browser) -> None:
    with running(FakeBehaviour(answer="remembered"), ui=UI) as server, opened(browser, server) as page:
        ask(page, "keep this")
        expect(page.locator(".message.assistant")).to_contain_text("remembered")
        page.reload()
        expect(page.locator(".message.user")).to_contain_text("keep this")
        expect(page.locator(".message.assistant")).to_contain_text("remembered")
        page.click("#new-chat")
        expect(page.locator(".message")).to_have_count(0)
        expect(page.locator(".starter")).to_be_visible()
        page.reload()
        expect(page.locator(".starter")).to_be_visible()
        expect(page.locator(".message")).to_have_count(0)


def test_the_page_waits_for_the_model_and_says_so(browser: Browser) -> None:
    slow = FakeBehaviour(load_seconds=2, answer="ready")
    with running(slow, ui=UI, ready=False) as server, opened(browser, server) as page:
        expect(page.locator("#loading-label")).to_contain_text("Loading the model")
        page.fill("#prompt", "early")
        expect(page.locator("#send")).to_be_disabled()
        expect(page.locator("#send")).to_be_enabled()
        expect(page.locator("#loading")).to_be_hidden()
        page.click("#send")
        expect(page.locator(".message.assistant")).to_contain_text("ready")


def test_an_answer_that_breaks_off_can_be_asked_for_again(browser: Browser) -> None:
    behaviour = FakeBehaviour(answer="a b c d e f g h", die_at_token=5, deaths=2, load_seconds=0.3)
    with running(behaviour, ui=UI) as server, opened(browser, server) as page:
        ask(page, "try")
        problem = page.locator(".problem")
        expect(problem).to_contain_text("The engine stopped in the middle of this answer")
        problem.locator("button").click()
        expect(page.locator(".problem")).to_have_count(0)
        expect(page.locator(".message.assistant")).to_have_text("Answera b c d e f g h")
        expect(page.locator(".message.user")).to_have_count(1)


def test_a_full_context_offers_a_new_chat(browser: Browser) -> None:
    with running(FakeBehaviour(context_size=200), ui=UI) as server, opened(browser, server) as page:
        ask(page, "x" * 400)
        expect(page.locator(".problem")).to_contain_text("too long for the model")
        page.click(".problem button")
        expect(page.locator(".message")).to_have_count(0)


def test_a_busy_model_is_told_in_words(browser: Browser) -> None:
    behaviour = FakeBehaviour(refuse=lambda request: Failed(request.id, FailureKind.BUSY, "The queue is full."))
    with running(behaviour, ui=UI) as server, opened(browser, server) as page:
        ask(page, "hello")
        expect(page.locator(".problem")).to_contain_text("busy with other questions")


def test_a_server_that_is_gone_is_told_in_words(browser: Browser) -> None:
    with running(FakeBehaviour(answer="x"), ui=UI) as server, opened(browser, server) as page:
        expect(page.locator(".starter")).to_be_enabled()
        server.stop()
        ask(page, "hello")
        expect(page.locator(".problem")).to_contain_text("Is the program still running?")


def test_answers_are_marked_until_the_model_is_verified(browser: Browser) -> None:
    check = Told()
    with running(FakeBehaviour(answer="early"), ui=UI, check=check) as server, opened(browser, server) as page:
        ask(page, "hello")
        expect(page.locator(".message.assistant")).to_contain_text("early")
        expect(page.locator(".unverified")).to_contain_text("still being checked")
        page.reload()
        expect(page.locator(".unverified")).to_contain_text("still being checked")
        check.verified = "yes"
        expect(page.locator(".unverified")).to_have_count(0)
        page.reload()
        expect(page.locator(".message.assistant")).to_contain_text("early")
        expect(page.locator(".unverified")).to_have_count(0)


def test_a_damaged_model_is_told_where_the_answer_was(browser: Browser) -> None:
    behaviour = FakeBehaviour(token_seconds=0.03, answer="word " * 500)
    with running(behaviour, ui=UI, check=Told()) as server, opened(browser, server) as page:
        ask(page, "hello")
        expect(page.locator(".message.assistant .words")).to_contain_text("word")
        server.condemn("The model is damaged: model.gguf has another SHA-256 than it should.")
        expect(page.locator(".problem")).to_contain_text("The model is damaged")
        expect(page.locator(".unverified")).to_have_count(1)


def test_a_server_with_keys_is_opened_with_one(browser: Browser) -> None:
    settings = ServerSettings(MODEL, api_keys=("open-sesame",))
    with running(FakeBehaviour(answer="inside"), settings, UI) as server, opened(browser, server) as page:
        page.fill("#key", "wrong")
        page.keyboard.press("Enter")
        expect(page.locator("#key-form label")).to_have_text("That key was not accepted.")
        page.fill("#key", "open-sesame")
        page.keyboard.press("Enter")
        ask(page, "hello")
        expect(page.locator(".message.assistant")).to_contain_text("inside")


def test_everything_can_be_reached_by_keyboard_and_has_a_name(browser: Browser) -> None:
    with running(FakeBehaviour(answer="fine"), ui=UI) as server, opened(browser, server) as page:
        expect(page.locator(".starter")).to_be_enabled()
        expect(page.locator("#prompt")).to_be_focused()
        names = set()
        for _ in range(6):
            page.keyboard.press("Tab")
            names.add(page.evaluate("(document.activeElement.ariaLabel || document.activeElement.textContent).trim()"))
        assert {"Skip to the message field", "What is a leaf?"} <= names
        unnamed = page.evaluate(
            """[...document.querySelectorAll('button, input, textarea, progress')].filter(
                (e) => !(e.ariaLabel || e.textContent.trim() || e.labels?.length)).map((e) => e.outerHTML)"""
        )
        assert unnamed == []


def test_nothing_overflows_on_a_phone_in_either_direction(browser: Browser) -> None:
    answer = "https://" + "long" * 80 + "\n\n```\n" + "x" * 300 + "\n```\n"
    with running(FakeBehaviour(answer=answer), ui=UI) as server, opened(browser, server) as page:
        page.set_viewport_size({"width": 320, "height": 640})
        ask(page, "w" * 200)
        expect(page.locator("pre")).to_be_visible()
        for direction in ("ltr", "rtl"):
            page.evaluate(f"document.documentElement.dir = '{direction}'")
            assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")


def test_without_a_browser_the_tests_are_skipped_but_fail_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PANNIER_CHROMIUM", "/nowhere/chromium")
    monkeypatch.delenv("PANNIER_CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no Chromium"):
        require_browser()
    monkeypatch.setenv("PANNIER_CI", "1")
    with pytest.raises(pytest.fail.Exception, match="no Chromium"):
        require_browser()
