"""When things go wrong the page says a sentence and offers a button."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from runtime.api.settings import ServerSettings
from runtime.engine.core import Failed, FailureKind
from runtime.engine.fake import FakeBehaviour
from runtime.errors import EngineError, ShortOfMemoryError
from tests.api.running import MODEL, running
from tests.api.test_unverified import Told
from tests.webui.conftest import require_browser
from tests.webui.driving import UI, WATCH_PROGRESS, answered, ask, kept, opened


def test_the_page_waits_for_the_model_and_says_so(browser: Browser) -> None:
    slow = FakeBehaviour(load_seconds=6, answer="ready")
    with running(slow, ui=UI, ready=False) as server, opened(browser, server.url) as page:
        expect(page.locator("#loading-label")).to_contain_text("Loading the model")
        page.fill("#prompt", "early")
        expect(page.locator("#send")).to_be_disabled()
        expect(page.locator("#send")).to_be_enabled()
        expect(page.locator("#loading")).to_have_count(0)
        page.click("#send")
        expect(answered(page)).to_contain_text("ready")


def test_an_answer_that_breaks_off_can_be_asked_for_again(browser: Browser) -> None:
    behaviour = FakeBehaviour(answer="a b c d e f g h", die_at_token=5, deaths=2, load_seconds=0.3)
    with running(behaviour, ui=UI) as server, opened(browser, server.url) as page:
        ask(page, "try")
        problem = page.locator(".problem")
        expect(problem).to_contain_text("The engine stopped in the middle of this answer")
        problem.locator("button").click()
        expect(page.locator(".problem")).to_have_count(0)
        expect(answered(page).locator(".prose")).to_have_text("a b c d e f g h")
        expect(page.locator(".turn.user")).to_have_count(1)


def test_an_answer_goes_on_when_the_worker_comes_back(browser: Browser) -> None:
    behaviour = FakeBehaviour(answer="a b c d e f g h", die_at_token=5, deaths=1, load_seconds=4)
    with running(behaviour, ui=UI) as server, opened(browser, server.url) as page:
        ask(page, "try")
        expect(page.locator(".progress")).to_contain_text("The engine is restarting")
        expect(answered(page).locator(".prose")).to_have_text("a b c d e f g h")
        expect(page.locator(".problem")).to_have_count(0)
        expect(page.locator("#loading")).to_have_count(0)


def test_the_place_in_the_queue_is_told_while_waiting(browser: Browser) -> None:
    waiting = FakeBehaviour(answer="at last", queue=(2, 1), queue_seconds=1.5)
    with running(waiting, ui=UI) as server, opened(browser, server.url) as page:
        ask(page, "hello")
        expect(page.locator(".progress")).to_contain_text("number 2 in the queue")
        expect(page.locator(".progress")).to_contain_text("number 1 in the queue")
        expect(answered(page)).to_contain_text("at last")


def test_how_far_the_model_has_read_moves_on_until_the_first_word(browser: Browser) -> None:
    reading = FakeBehaviour(answer="at last", queue=(1,), queue_seconds=0.4, steps=4, step_seconds=0.4)
    with running(reading, ui=UI) as server, opened(browser, server.url) as page:
        page.evaluate(WATCH_PROGRESS)
        ask(page, "hello " * 100)
        expect(answered(page)).to_contain_text("at last")
        expect(page.locator(".progress")).to_have_count(0)
        queued, first, *steps = map(json.loads, page.evaluate("window.seen"))
    assert queued == ["Waiting; number 1 in the queue", None, None, None]
    total = first[2]
    assert first[:2] == [f"Reading the conversation: {total} tokens", 0]
    for part, (words, value, largest, name) in enumerate(steps, 1):
        assert (value, largest) == (total * part // 4, total)
        assert words == name == f"Reading the conversation: {value} of {total} tokens"
    assert len(steps) == 3


def test_an_answer_survives_a_reload_of_the_page(browser: Browser) -> None:
    words = [f"word{number}" for number in range(120)]
    slow = FakeBehaviour(token_seconds=0.01, answer=" ".join(words))
    with running(slow, ui=UI) as server, opened(browser, server.url) as page:
        ask(page, "go")
        expect(page.locator(".turn.assistant .prose")).to_contain_text("word3")
        page.reload()
        expect(page.locator(".turn.assistant .prose")).to_contain_text("word3")
        expect(answered(page).locator(".prose")).to_have_text(" ".join(words))
        assert server.engine.cancelled == []


def test_a_full_context_offers_a_new_chat(browser: Browser) -> None:
    with running(FakeBehaviour(context_size=200), ui=UI) as server, opened(browser, server.url) as page:
        ask(page, "x" * 400)
        expect(page.locator(".problem")).to_contain_text("too long for the model")
        page.click(".problem button")
        expect(page.locator(".turn")).to_have_count(0)


def test_a_busy_model_is_told_in_words(browser: Browser) -> None:
    behaviour = FakeBehaviour(refuse=lambda request: Failed(request.id, FailureKind.BUSY, "The queue is full."))
    with running(behaviour, ui=UI) as server, opened(browser, server.url) as page:
        ask(page, "hello")
        expect(page.locator(".problem")).to_contain_text("busy with other questions")
        expect(page.locator(".problem button")).to_have_text("Try again")


def test_a_server_that_is_gone_is_told_in_words(browser: Browser) -> None:
    with running(FakeBehaviour(answer="x"), ui=UI) as server, opened(browser, server.url) as page:
        expect(page.locator(".starter")).to_be_enabled()
        server.stop()
        ask(page, "hello")
        expect(page.locator(".problem")).to_contain_text("Is it still running?")
        expect(page.locator("#loading")).to_contain_text("Start the file again")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ShortOfMemoryError("The engine died 5 times."), "too little free memory"),
        (EngineError("The engine died 5 times."), "The model cannot be loaded"),
    ],
)
def test_an_engine_that_failed_is_begun_anew_by_a_button(browser: Browser, error: EngineError, sentence: str) -> None:
    failing = FakeBehaviour(load_error=error, load_seconds=0.5, answer="back again")
    with running(failing, ui=UI, ready=False) as server, opened(browser, server.url) as page:
        notice = page.locator("#loading")
        expect(notice).to_contain_text(sentence)
        expect(notice).to_contain_text("The engine died 5 times.")
        expect(notice.locator("text=Close other programs")).to_have_count(int("memory" in sentence))
        page.fill("#prompt", "hello")
        expect(page.locator("#send")).to_be_disabled()
        notice.get_by_role("button", name="Try again").click()
        expect(notice).to_have_count(0)
        ask(page, "hello")
        expect(answered(page)).to_contain_text("back again")


def test_answers_are_marked_until_the_model_is_verified(browser: Browser) -> None:
    check = Told()
    early = FakeBehaviour(answer="early")
    with running(early, ui=UI, check=check) as server, opened(browser, server.url) as page:
        ask(page, "hello")
        expect(answered(page)).to_contain_text("early")
        expect(page.locator(".unverified")).to_contain_text("still being checked")
        page.reload()
        expect(page.locator(".unverified")).to_contain_text("still being checked")
        check.verified = "yes"
        expect(page.locator(".unverified")).to_have_count(0)
        kept(page)
        page.reload()
        expect(answered(page)).to_contain_text("early")
        expect(page.locator(".unverified")).to_have_count(0)


def test_a_damaged_model_is_told_where_the_answer_was(browser: Browser) -> None:
    behaviour = FakeBehaviour(token_seconds=0.03, answer="word " * 500)
    with running(behaviour, ui=UI, check=Told()) as server, opened(browser, server.url) as page:
        ask(page, "hello")
        expect(page.locator(".turn.assistant .prose")).to_contain_text("word")
        server.condemn("The model is damaged: model.gguf has another SHA-256 than it should.")
        expect(page.locator(".problem")).to_contain_text("The model is damaged")
        expect(page.locator(".problem button")).to_have_count(0)
        expect(page.locator(".unverified")).to_have_count(1)


def test_a_server_with_keys_is_opened_with_one(browser: Browser) -> None:
    settings = ServerSettings(MODEL, api_keys=("open-sesame",))
    with running(FakeBehaviour(answer="inside"), settings, UI) as server, opened(browser, server.url) as page:
        give_key(page, "wrong")
        expect(page.locator("#key-form label")).to_have_text("That key was not accepted.")
        give_key(page, "open-sesame")
        ask(page, "hello")
        expect(answered(page)).to_contain_text("inside")


def give_key(page: Page, key: str) -> None:
    page.fill("#key", key)
    page.press("#key", "Enter")


def held(page: Page, pattern: str, count: int) -> list[Route]:
    """The first of these requests, which go on only when they are told to; later ones go on by themselves."""
    routes: list[Route] = []
    page.route(pattern, lambda route: routes.append(route) if len(routes) < count else route.continue_())
    return routes


def wait_for(page: Page, routes: list[Route], count: int) -> None:
    for _ in range(400):
        if len(routes) >= count:
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"only {len(routes)} of {count} requests came")


def test_a_key_is_called_wrong_only_when_the_server_has_said_so(browser: Browser) -> None:
    settings = ServerSettings(MODEL, api_keys=("open-sesame",))
    with running(FakeBehaviour(answer="inside"), settings, UI) as server, opened(browser, server.url) as page:
        label, button = page.locator("#key-form label"), page.locator("#key-form button")
        expect(label).to_have_text("This server asks for a key.")
        routes = held(page, "**/api/ui", 2)
        give_key(page, "wrong")
        wait_for(page, routes, 1)
        expect(button).to_have_text("Trying…")
        expect(button).to_be_disabled()
        expect(page.locator("#key")).to_have_attribute("readonly", "")
        expect(label).to_have_text("This server asks for a key.")
        routes[0].continue_()
        expect(label).to_have_text("That key was not accepted.")
        expect(button).to_have_text("Continue")
        expect(page.locator("#key")).to_be_focused()
        page.keyboard.type("open-sesame")  # over the wrong one, which is selected
        page.keyboard.press("Enter")
        wait_for(page, routes, 2)
        routes[1].continue_()
        ask(page, "hello")
        expect(answered(page)).to_contain_text("inside")


def test_a_right_key_stays_right_when_a_look_with_none_is_answered_later(browser: Browser) -> None:
    settings = ServerSettings(MODEL, api_keys=("open-sesame",))
    with running(FakeBehaviour(answer="inside"), settings, UI) as server, opened(browser, server.url) as page:
        expect(page.locator("#key")).to_be_visible()
        page.route("**/api/ui", lambda route: route.abort())
        page.route("**/health", lambda route: route.abort())
        give_key(page, "open-sesam")
        expect(page.locator("#loading")).to_contain_text("Is it still running?")
        expect(page.locator("#key-form label")).to_have_text("This server asks for a key.")
        page.unroute("**/api/ui")
        routes = held(page, "**/api/ui", 2)
        page.unroute("**/health")
        wait_for(page, routes, 1)  # the page looks after the server, with the key it has
        give_key(page, "open-sesame")
        wait_for(page, routes, 2)
        routes[1].continue_()
        expect(page.locator("#prompt")).to_be_visible()
        routes[0].continue_()
        ask(page, "hello")
        expect(answered(page)).to_contain_text("inside")
        expect(page.locator("#key-form")).to_have_count(0)


def test_without_a_browser_the_tests_are_skipped_but_fail_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PANNIER_CHROMIUM", "/nowhere/chromium")
    monkeypatch.delenv("PANNIER_CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no Chromium"):
        require_browser()
    monkeypatch.setenv("PANNIER_CI", "1")
    with pytest.raises(pytest.fail.Exception, match="no Chromium"):
        require_browser()
