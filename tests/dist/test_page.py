"""The page as its receiver has it: the built dist, the demo model, a real browser, and no network but loopback."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.dist import running
from tests.dist.cut_off import CutOff
from tests.dist.steering import RICH, SLOW, exactly, make_it_write, settings
from tests.webui.driving import WATCH_PROGRESS, answered, ask, kept
from tests.webui.test_files import PNG, pdf
from tests.webui.test_hostile import FLOODS, as_stream, is_unharmed
from tests.webui.test_library import choose, without_ids

WEATHER = {
    "name": "get_weather",
    "description": "Get the weather for a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string", "description": "The city"}},
        "required": ["city"],
    },
}


def test_the_demo_answers_and_everything_came_from_the_file(page: Page) -> None:
    expect(page).to_have_title("Pannier demo")
    expect(page.locator("#introduction")).to_contain_text("tiny model")
    expect(page.locator("#place")).to_have_text("Nothing leaves this computer.")
    page.get_by_role("button", name="What is the capital of Japan?").click()
    expect(answered(page)).to_contain_text("Tokyo")


def test_what_the_model_remembers_is_the_branch_that_is_shown(page: Page) -> None:
    ask(page, "My name is Anna.")
    answered(page)
    ask(page, "What is my name?")
    expect(answered(page, 2).last).to_contain_text("Anna")
    page.locator(".turn.user").first.hover()
    page.get_by_role("button", name="Edit").first.click()
    page.get_by_label("Edit message").fill("My name is Peter.")
    page.get_by_role("button", name="Send as new branch").click()
    answered(page)
    ask(page, "What is my name?")
    expect(answered(page, 2).last).to_contain_text("Peter")
    page.get_by_role("button", name="Earlier version").click()
    expect(answered(page, 2).last).to_contain_text("Anna")


def test_what_is_written_is_shown_as_it_comes_and_what_is_finished_stays_untouched(page: Page) -> None:
    make_it_write(page, exactly(RICH))
    page.evaluate(
        """() => new MutationObserver(() => {
            const first = document.querySelector('.turn.assistant .prose > h3')
            if (first && first.nextSibling) window.first ??= first
        }).observe(document.body, { subtree: true, childList: true })"""
    )
    ask(page, "What is a leaf?")
    answer = answered(page)
    expect(answer.locator("h3")).to_have_text("Leaves")
    expect(answer.locator("strong")).to_have_text("leaf")
    expect(answer.locator("ol ul li")).to_have_text("inner")
    expect(answer.locator("td.align-right")).to_have_text("2")
    expect(answer.locator("pre .hljs-built_in")).to_have_text("print")
    expect(answer.locator("math msup")).to_have_text("a2")
    expect(answer).to_contain_text('<img src=x onerror="window.hit=1">')
    assert page.evaluate("window.first === document.querySelector('.turn.assistant .prose > h3')")
    is_unharmed(page)


def test_thoughts_are_folded_away(page: Page) -> None:
    with settings(page):
        page.get_by_label("Thinking", exact=True).select_option("high")
    ask(page, "What is the capital of Japan?")
    answer = answered(page)
    expect(answer.locator(".prose").last).to_contain_text("Tokyo")
    expect(answer.locator("details.thoughts .prose")).to_be_hidden()
    answer.locator("summary").click()
    expect(answer.locator("details.thoughts .prose")).not_to_be_empty()


def test_the_model_asks_for_a_tool_and_answers_with_what_it_gave(page: Page) -> None:
    with settings(page):
        page.get_by_label("Temperature").fill("0")
        page.get_by_label("Tools").fill(json.dumps([WEATHER]))
    ask(page, "What is the weather in Paris?")
    call = answered(page).locator(".call")
    expect(call.locator("summary")).to_have_text("Asks for the tool get_weather")
    expect(call.locator("dl")).to_be_hidden()
    call.locator("summary").click()
    expect(call.locator("dt")).to_have_text("city")
    expect(call.locator("dd")).to_have_text("Paris")
    page.get_by_label("get_weather").fill('{"temperature": 31, "condition": "sunny"}')
    page.get_by_role("button", name="Send to the model").click()
    expect(answered(page, 2).last).to_contain_text("31")


def test_an_answer_is_stopped_goes_on_and_is_given_again(page: Page) -> None:
    make_it_write(page, SLOW)
    with settings(page):
        page.get_by_label("Show tokens per second").check()
    ask(page, "Go on.")
    words = page.locator(".turn.assistant .prose")
    expect(words).to_contain_text("word word")
    page.keyboard.press("Escape")
    expect(page.locator(".note")).to_have_text("Stopped.")
    stopped = words.inner_text().strip()
    assert 2 < len(stopped.split()) < 301
    make_it_write(page, exactly(", and the rest."))
    page.get_by_role("button", name="Continue").click()
    whole = re.compile(re.escape(stopped) + r"\s*, and the rest\.")
    expect(answered(page).locator(".prose")).to_have_text(whole)
    expect(page.locator(".speed")).to_contain_text("tokens per second")
    page.get_by_role("button", name="Answer again").click()
    expect(page.locator(".versions")).to_contain_text("2/2")
    expect(answered(page).locator(".prose")).to_have_text(", and the rest.")
    page.get_by_role("button", name="Earlier version").click()
    expect(words).to_have_text(whole)


def test_a_long_prompt_is_seen_to_be_read(page: Page) -> None:
    page.evaluate(WATCH_PROGRESS)
    ask(page, "word " * 1500)
    answered(page)
    told = [json.loads(one) for one in page.evaluate("window.seen")]
    read, total = [value for _, value, _, _ in told], told[0][2]
    assert total > 1500
    assert read == sorted(set(read))
    assert len(read) >= 3
    assert read[-1] < total


OCCUPY = """(grammar) => {
    window.others = new AbortController()
    for (const content of ["a", "b", "c", "d"]) {
        const body = JSON.stringify({ messages: [{ role: "user", content }], stream: true, grammar })
        const headers = { "content-type": "application/json" }
        fetch("v1/chat/completions", { method: "POST", signal: others.signal, headers, body }).catch(() => {})
    }
}"""
"""Four others, as many as the demo answers at once, are being answered."""


def test_who_must_wait_is_told_their_place(page: Page) -> None:
    make_it_write(page, exactly("at last"))
    page.evaluate(OCCUPY, SLOW)
    page.wait_for_timeout(300)
    ask(page, "Me too.")
    expect(page.locator(".progress")).to_contain_text("number 1 in the queue")
    page.evaluate("others.abort()")
    expect(answered(page).locator(".prose")).to_have_text("at last")


def test_a_conversation_too_long_is_told_and_a_new_one_offered(page: Page) -> None:
    ask(page, "word " * 20_000)
    expect(page.locator(".problem")).to_contain_text("too long for the model")
    page.locator(".problem").get_by_role("button", name="New chat").click()
    expect(page.locator(".turn")).to_have_count(0)


def test_what_is_set_decides_the_answer(page: Page) -> None:
    with settings(page):
        page.get_by_label("Temperature").fill("2")
        page.get_by_label("Seed").fill("7")
        page.get_by_label("Longest answer").fill("12")
    ask(page, "Tell me a story.")
    first = answered(page).locator(".prose").inner_text()
    expect(page.locator(".note")).to_contain_text("maximum length")
    page.get_by_role("button", name="Answer again").click()
    expect(page.locator(".versions")).to_contain_text("2/2")
    expect(answered(page).locator(".prose")).to_have_text(first)
    with settings(page):
        page.get_by_role("button", name="Reset all").click()
        page.get_by_label("Form of the answer").select_option("json_schema")
        page.locator("#set-text").fill('{"enum": ["blue", "green"]}')
    ask(page, "Which colour?")
    assert json.loads(answered(page, 2).last.locator(".prose").inner_text()) in ("blue", "green")


def test_a_program_asks_the_same_as_the_page(page: Page, server: CutOff) -> None:
    with settings(page):
        page.get_by_label("Temperature").fill("0")
        page.get_by_label("System prompt").fill("You are a llama called Pan.")
    ask(page, "What is the capital of Italy?")
    answer = answered(page).locator(".prose").inner_text()
    page.click("#open-developer")
    curl, python = (page.locator("dialog pre").nth(index).inner_text() for index in (0, 1))
    page.keyboard.press("Escape")
    assert "You are a llama called Pan." in curl
    done = subprocess.run([*server.place, sys.executable, "-c", python], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == answer
    told = subprocess.run([*server.place, "sh", "-c", curl], capture_output=True, text=True, check=True).stdout
    assert json.loads(told)["choices"][0]["message"]["content"].strip() == answer


def test_files_go_along_and_what_the_model_cannot_take_is_refused(page: Page, tmp_path: Path) -> None:
    (tmp_path / "leaf.py").write_text("print('leaf')\n")
    (tmp_path / "roots.pdf").write_bytes(pdf("Roots drink water."))
    (tmp_path / "leaf.png").write_bytes(PNG)
    page.set_input_files("#files", tmp_path / "leaf.png")
    expect(page.locator("#notice")).to_contain_text("cannot see pictures: leaf.png")
    page.set_input_files("#files", [tmp_path / "leaf.py", tmp_path / "roots.pdf"])
    expect(page.locator(".files .file")).to_have_count(2)
    ask(page, "What is this?")
    answered(page)
    expect(page.locator(".bubble .file")).to_have_text(["leaf.py", "roots.pdf"])
    page.click("#open-developer")
    asked = page.locator("dialog pre").first
    expect(asked).to_contain_text("Roots drink water.")
    expect(asked).to_contain_text("leaf.py:")
    page.keyboard.press("Escape")


def test_the_file_tells_its_model_and_why_it_computes_on_what_it_does(page: Page, server: CutOff) -> None:
    told = running.run(server.dist, "info", "--json", env=server.env)
    digest = json.loads(told.stdout)["manifest_sha256"]
    page.click("#open-about")
    dialog = page.locator("dialog")
    for words in ("apache-2.0", "pannier-demo 1.0", "cpu-", "chosen", digest, "never connects"):
        expect(dialog).to_contain_text(words)
    dialog.locator("summary").click()
    expect(dialog.locator("pre")).to_contain_text("Apache License")
    page.keyboard.press("Escape")


def test_conversations_are_kept_found_and_leave_as_files_that_come_back(page: Page, tmp_path: Path) -> None:
    make_it_write(page, exactly("**fine**"))
    for subject in ("about cats", "about dogs"):
        page.click("#new-chat")
        ask(page, subject)
        answered(page)
    choose(page, "about cats", "Rename")
    page.get_by_label("Name of the conversation").fill("Felines")
    page.keyboard.press("Enter")
    choose(page, "Felines", "Pin")
    expect(page.locator(".chats h2").first).to_have_text("Pinned")
    page.fill("#search", "felines")
    expect(page.locator(".chat .open")).to_have_text(["Felines"])
    page.fill("#search", "")
    with page.expect_download() as download:
        choose(page, "Felines", "Export as Markdown")
    assert Path(download.value.path()).read_text() == "# Felines\n\n## You\n\nabout cats\n\n## Answer\n\n**fine**\n"
    files = [tmp_path / name for name in ("once.json", "twice.json")]
    for file in files:
        with page.expect_download() as download:
            choose(page, "Felines", "Export as JSON")
        download.value.save_as(file)
        choose(page, "Felines", "Delete")
        page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
        expect(page.locator(".chat", has_text="Felines")).to_have_count(0)
        page.set_input_files("#import", file)
        expect(page.locator("#notice")).to_have_text("Conversations imported: 1")
    first, second = (json.loads(file.read_text()) for file in files)
    assert without_ids(first) == without_ids(second)
    kept(page)
    page.reload()
    page.locator(".chat .open", has_text="Felines").click()
    expect(page.locator(".turn.assistant strong")).to_have_text("fine")
    other = page.context.new_page()
    other.goto(page.url)
    ask(other, "And now?")
    answered(other, 2)
    expect(page.locator(".turn.user")).to_contain_text(["about cats", "And now?"])
    other.close()


def test_a_megabyte_of_attacks_does_nothing(page: Page) -> None:
    page.route("**/v1/chat/completions", lambda route: route.fulfill(**as_stream(FLOODS["attacks"])))
    ask(page, "attack")
    answered(page)
    is_unharmed(page)
    page.unroute("**/v1/chat/completions")
    page.click("#new-chat")
    ask(page, "What is the capital of Japan?")
    expect(answered(page)).to_contain_text("Tokyo")
