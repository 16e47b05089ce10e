"""Conversations: the list, and what becomes of them."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from runtime.engine.fake import FakeBehaviour
from tests.api.running import running
from tests.webui.driving import UI, answered, ask, kept, opened

FINE = FakeBehaviour(answer="**fine**")


def talk_about(page: Page, *subjects: str) -> None:
    """A conversation about each."""
    for subject in subjects:
        page.click("#new-chat")
        ask(page, subject)
        answered(page)


def choose(page: Page, title: str, action: str) -> None:
    row = page.locator(".chat", has_text=title)
    row.hover()
    row.locator(".menu > button").click()
    row.get_by_role("button", name=action).click()


def test_conversations_are_listed_searched_and_opened(browser: Browser) -> None:
    with running(FakeBehaviour(answer="about roots"), ui=UI) as server, opened(browser, server.url) as page:
        talk_about(page, "cats", "dogs", "birds")
        expect(page.locator(".chat .open")).to_have_text(["birds", "dogs", "cats"])
        page.fill("#search", "DOG")
        expect(page.locator(".chat .open")).to_have_text(["dogs"])
        page.fill("#search", "roots")  # in what was answered
        expect(page.locator(".chat")).to_have_count(3)
        page.fill("#search", "nowhere")
        expect(page.locator(".nothing")).to_have_text("Nothing found")
        page.fill("#search", "")
        page.click("text=cats")
        expect(page.locator(".turn.user")).to_contain_text("cats")
        kept(page)
        page.reload()
        expect(page.locator(".turn.user")).to_contain_text("cats")


def test_a_conversation_is_renamed_pinned_and_deleted(browser: Browser) -> None:
    with running(FINE, ui=UI) as server, opened(browser, server.url) as page:
        talk_about(page, "cats", "dogs")
        choose(page, "cats", "Rename")
        page.get_by_label("Name of the conversation").fill("Felines")
        page.keyboard.press("Enter")
        choose(page, "Felines", "Pin")
        expect(page.locator(".chats h2")).to_have_text(["Pinned", "Recent"])
        kept(page)
        page.reload()
        expect(page.locator(".chat .open")).to_have_text(["Felines", "dogs"])
        choose(page, "dogs", "Delete")
        page.get_by_role("alertdialog").get_by_role("button", name="Cancel").click()
        expect(page.locator(".chat")).to_have_count(2)
        choose(page, "dogs", "Delete")
        page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
        expect(page.locator(".chat .open")).to_have_text(["Felines"])
        expect(page.locator(".turn")).to_have_count(0)
        kept(page)
        page.reload()
        expect(page.locator(".chat .open")).to_have_text(["Felines"])


def test_what_is_exported_comes_back_as_it_was(browser: Browser, tmp_path: Path) -> None:
    with running(FINE, ui=UI) as server:
        with opened(browser, server.url, accept_downloads=True) as page:
            talk_about(page, "cats", "dogs")
            page.get_by_role("button", name="Answer again").click()
            expect(page.locator(".versions")).to_contain_text("2/2")
            answered(page)
            page.locator("#side > .row .menu > button").click()
            with page.expect_download() as download:
                page.get_by_role("button", name="Export all").click()
            download.value.save_as(tmp_path / "all.json")
            with page.expect_download() as download:
                choose(page, "dogs", "Export as Markdown")
            assert download.value.suggested_filename == "dogs.md"
            download.value.save_as(tmp_path / "dogs.md")
        assert (tmp_path / "dogs.md").read_text() == "# dogs\n\n## You\n\ndogs\n\n## Answer\n\n**fine**\n"
        with opened(browser, server.url, accept_downloads=True) as page:
            expect(page.locator(".nothing")).to_have_text("No conversations yet")
            page.set_input_files("#import", tmp_path / "all.json")
            expect(page.locator("#notice")).to_have_text("Conversations imported: 2")
            page.click("text=dogs")
            expect(page.locator(".turn.assistant strong")).to_have_text("fine")
            expect(page.locator(".versions")).to_contain_text("2/2")
            page.locator("#side > .row .menu > button").click()
            with page.expect_download() as download:
                page.get_by_role("button", name="Export all").click()
            download.value.save_as(tmp_path / "again.json")
            page.set_input_files("#import", tmp_path / "dogs.md")
            expect(page.locator("#notice")).to_contain_text("is not an export of this page")
    first, second = (json.loads((tmp_path / name).read_text()) for name in ("all.json", "again.json"))
    assert without_ids(first) == without_ids(second)


def without_ids(document: dict[str, object]) -> str:
    """The document with every id replaced by its place: an import gives new ones."""
    text = json.dumps(document)
    ids: list[str] = []
    conversations: list[dict[str, object]] = document["conversations"]  # type: ignore[assignment]
    for conversation in sorted(conversations, key=lambda one: str(one["title"])):
        ids.append(str(conversation["id"]))
        turns: list[dict[str, object]] = conversation["turns"]  # type: ignore[assignment]
        ids += [str(turn["id"]) for turn in sorted(turns, key=lambda one: (str(one["created"]), str(one["role"])))]
    for place, one in enumerate(ids):
        text = text.replace(one, f"id{place}")
    loaded = json.loads(text)
    for conversation in loaded["conversations"]:
        conversation["turns"].sort(key=lambda turn: turn["id"])
    loaded["conversations"].sort(key=lambda one: one["id"])
    return json.dumps(loaded, sort_keys=True)


def test_a_second_tab_sees_what_the_first_one_does(browser: Browser) -> None:
    with running(FINE, ui=UI) as server, opened(browser, server.url) as page:
        ask(page, "cats")
        answered(page)
        other = page.context.new_page()
        other.goto(page.url)
        expect(other.locator(".turn.user")).to_contain_text("cats")
        ask(other, "and dogs?")
        answered(other, 2)
        expect(page.locator(".turn.user")).to_contain_text(["cats", "and dogs?"])
        choose(other, "cats", "Delete")
        other.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
        expect(page.locator(".turn")).to_have_count(0)


def test_where_nothing_can_be_kept_the_page_says_so_and_works(browser: Browser) -> None:
    with running(FINE, ui=UI) as server, opened(browser, server.url) as page:
        page.add_init_script(
            """Object.defineProperty(window, 'indexedDB', {get() { throw new DOMException('no', 'SecurityError') }});
            Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError') }});"""
        )
        page.reload()
        expect(page.locator("#shelf")).to_contain_text("keeps nothing here")
        ask(page, "hello")
        expect(answered(page)).to_contain_text("fine")


def test_where_there_is_no_room_the_page_says_so_and_goes_on(browser: Browser) -> None:
    with running(FINE, ui=UI) as server, opened(browser, server.url) as page:
        page.add_init_script(
            "IDBObjectStore.prototype.put = () => { throw new DOMException('full', 'QuotaExceededError') };"
        )
        page.reload()
        ask(page, "hello")
        expect(answered(page)).to_contain_text("fine")
        expect(page.locator("#shelf")).to_contain_text("no room left")


HOLD = """(() => {
    const held = [], wait = window.setTimeout;
    EventTarget.prototype.addEventListener = ((plain) => function (name, listener, ...rest) {
        const late = this instanceof IDBOpenDBRequest && name === "success";
        return plain.call(this, name, late ? (event) => held.push(() => listener.call(this, event)) : listener, ...rest)
    })(EventTarget.prototype.addEventListener);
    window.release = () => { for (const listener of held.splice(0)) listener() };
    window.setTimeout = (run, time, ...rest) => (PATIENT && time === 3000 ? 0 : wait(run, time, ...rest));
})()"""
"""Makes the browser read its shelf only when it is told to; PATIENT: the page waits for that as long as it takes."""


def talk_about_cats_and_reload(page: Page, *, patient: bool) -> None:
    """A conversation is kept, and then not read before it is let."""
    ask(page, "cats")
    answered(page)
    kept(page)
    page.add_init_script(HOLD.replace("PATIENT", str(patient).lower()))
    page.reload()


def test_what_is_typed_before_conversations_are_read_stays_and_is_said_where_it_belongs(browser: Browser) -> None:
    with running(FINE, ui=UI) as server, opened(browser, server.url) as page:
        talk_about_cats_and_reload(page, patient=True)
        expect(page.locator("#prompt")).to_be_focused()
        page.keyboard.type("and dogs?")
        expect(page.locator("#send")).to_be_disabled()
        page.keyboard.press("Enter")
        expect(page.locator("#prompt")).to_have_value("and dogs?")
        expect(page.locator(".turn")).to_have_count(0)
        page.evaluate("window.release()")
        expect(page.locator(".bubble")).to_have_text("cats")
        expect(page.locator("#send")).to_be_enabled()
        expect(page.locator("#prompt")).to_be_focused()
        expect(page.locator("#prompt")).to_have_value("and dogs?")
        page.keyboard.press("Enter")
        answered(page, 2)
        expect(page.locator(".turn.user")).to_contain_text(["cats", "and dogs?"])
        expect(page.locator(".chat")).to_have_count(1)


def test_where_conversations_cannot_be_read_for_long_one_can_talk_and_both_are_there_in_the_end(
    browser: Browser,
) -> None:
    with running(FINE, ui=UI) as server, opened(browser, server.url) as page:
        talk_about_cats_and_reload(page, patient=False)
        expect(page.locator("#shelf")).to_contain_text("keeps nothing here")
        ask(page, "dogs")
        expect(answered(page)).to_contain_text("fine")
        page.evaluate("window.release()")
        expect(page.locator("#shelf")).to_have_count(0)
        expect(page.locator(".chat .open")).to_have_text(["dogs", "cats"])
        expect(page.locator(".bubble")).to_have_text("dogs")
        kept(page)
        other = page.context.new_page()
        other.goto(page.url)
        expect(other.locator(".bubble")).to_have_text("dogs")
        expect(other.locator(".chat .open")).to_have_text(["dogs", "cats"])


def test_of_two_conversations_that_are_chosen_the_later_one_opens(browser: Browser) -> None:
    with running(FINE, ui=UI) as server, opened(browser, server.url) as page:
        talk_about(page, "cats", "dogs", "birds")
        kept(page)
        cats, birds = (page.locator(".chat .open", has_text=name).element_handle() for name in ("cats", "birds"))
        page.evaluate("([cats, birds]) => { cats.click(); birds.click() }", [cats, birds])
        kept(page)
        expect(page.locator(".bubble")).to_have_text("birds")
        expect(page.locator(".chat.current")).to_have_text("birds")
