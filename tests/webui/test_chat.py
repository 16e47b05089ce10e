"""Asking and being answered, against the fake engine."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from runtime.api.settings import ServerSettings
from runtime.engine.core import GenerationRequest
from runtime.engine.fake import FakeBehaviour
from tests.api.running import MODEL, running
from tests.webui.driving import ROLES, UI, answered, ask, kept, opened

MARKDOWN = """\
A **leaf** is `green`:

1. one
2. two
   - inner

| a | b |
|--:|---|
| 1 | 2 |

```python
print("<b>hi</b>")
```

Energy is $E = mc^2$.

<img src=x onerror="document.title='hacked'"> <script>document.title='hacked'</script>
"""


def test_a_question_is_answered_as_markdown_and_nothing_in_it_runs(browser: Browser) -> None:
    with running(FakeBehaviour(answer=MARKDOWN), ui=UI) as server, opened(browser, server.url) as page:
        expect(page).to_have_title("Biology class")
        expect(page.locator("#introduction")).to_have_text("Ask about plants.")
        page.click("text=What is a leaf?")
        answer = answered(page)
        expect(answer.locator("strong")).to_have_text("leaf")
        expect(answer.locator("p code")).to_have_text("green")
        expect(answer.locator(".prose > ol > li")).to_have_count(2)
        expect(answer.locator("ol ul li")).to_have_text("inner")
        expect(answer.locator("td.align-right")).to_have_text("1")
        expect(answer.locator("pre code")).to_have_text('print("<b>hi</b>")')
        expect(answer.locator("pre .hljs-built_in")).to_have_text("print")
        expect(answer.locator(".formula math msup")).to_have_text("c2")
        expect(answer).to_contain_text("<script>document.title='hacked'</script>")
        expect(page.locator("#place")).to_have_text("Nothing leaves this computer.")
        expect(page).to_have_title("Biology class")


def test_thoughts_are_folded_away_and_can_be_read(browser: Browser) -> None:
    template = ROLES + "{# <think> #}"
    thinking = FakeBehaviour(answer="<think>Let me *see*.</think>It is green.", chat_template=template)
    with running(thinking, ui=UI) as server, opened(browser, server.url) as page:
        ask(page, "colour?")
        answer = answered(page)
        expect(answer.locator(".prose").last).to_have_text("It is green.")
        expect(answer.locator("summary")).to_have_text("Thoughts")
        expect(answer.locator("details .prose")).to_be_hidden()
        answer.locator("summary").click()
        expect(answer.locator("details em")).to_have_text("see")


TOOLS = "{% for tool in tools or [] %}{{ tool | tojson }}{% endfor %}" + ROLES + "{# <tool_call> tool_calls #}"
CALLING = """\
Let me look.
<tool_call>
{"name": "get_weather", "arguments": {"city": "Rome\\n<b>Italy</b>", "days": [1, 2], "metric": true}}
</tool_call>
<tool_call>
{"name": "now", "arguments": {}}
</tool_call>"""


def test_tools_that_the_model_asks_for_are_shown_as_such_with_their_arguments_folded_away(browser: Browser) -> None:
    prompts: list[str] = []

    def say(request: GenerationRequest) -> str:
        prompts.append(str(request.prompt))
        return CALLING if len(prompts) == 1 else "It is **warm**."

    calling = FakeBehaviour(answer=say, chat_template=TOOLS, token_seconds=0.002)
    with running(calling, ui=UI) as server, opened(browser, server.url) as page:
        offer_tools(page)
        ask(page, "Is it warm?")
        answer = answered(page)
        expect(answer.locator(".prose")).to_have_text("Let me look.")
        expect(answer).not_to_contain_text("tool_call")
        calls = answer.locator(".call")
        expect(calls.locator("summary")).to_have_text(["Asks for the tool get_weather", "Asks for the tool now"])
        expect(calls.first.locator("dl")).to_be_hidden()
        calls.first.locator("summary").click()
        expect(calls.first.locator("dt")).to_have_text(["city", "days", "metric"])
        expect(calls.first.locator("dd").first).to_have_text("Rome\n<b>Italy</b>")
        expect(calls.first.locator("dd").last).to_have_text("true")
        calls.last.locator("summary").press("Enter")
        expect(calls.last).to_contain_text("No arguments")
        kept(page)
        page.reload()
        expect(page.locator(".call summary").first).to_have_text("Asks for the tool get_weather")
        page.get_by_label("get_weather").fill("25 degrees")
        page.get_by_label("now").fill("noon")
        page.get_by_role("button", name="Send to the model").click()
        expect(answered(page, 2).last.locator("strong")).to_have_text("warm")
        expect(page.get_by_role("button", name="Send to the model")).to_have_count(0)
        page.locator(".call summary").first.click()
        expect(page.locator(".call").first).to_contain_text("Result: 25 degrees")
    assert '"name": "get_weather"' in prompts[0]
    assert "tool=25 degrees;tool=noon;" in prompts[1]


def offer_tools(page: Page) -> None:
    page.click("#open-settings")
    page.get_by_label("Tools").fill('[{"name": "get_weather"}, {"name": ')
    expect(page.locator("#help-tools")).to_contain_text("not yet tools")
    page.get_by_label("Tools").fill('[{"name": "get_weather"}, {"type": "function", "function": {"name": "now"}}]')
    expect(page.locator("#help-tools")).to_be_empty()
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)


def test_the_server_is_asked_what_was_said_with_the_system_prompt_first(browser: Browser) -> None:
    prompts: list[str] = []

    def answer(request: GenerationRequest) -> str:
        prompts.append(str(request.prompt))
        return "fine"

    behaviour = FakeBehaviour(answer=answer, chat_template=ROLES)
    with running(behaviour, ui=UI) as server, opened(browser, server.url) as page:
        ask(page, "one")
        answered(page)
        page.fill("#prompt", "two")
        page.press("#prompt", "Shift+Enter")
        page.keyboard.type("lines")
        expect(page.locator("#send")).to_be_enabled()
        page.press("#prompt", "Enter")
        answered(page, 2)
    assert prompts == ["system=Be kind.;user=one;", "system=Be kind.;user=one;assistant=fine;user=two\nlines;"]


@pytest.mark.parametrize("how", ["Escape", "button"])
def test_an_answer_can_be_stopped_and_the_engine_is_told(browser: Browser, how: str) -> None:
    slow = FakeBehaviour(token_seconds=0.03, answer="word " * 500)
    with running(slow, ui=UI) as server, opened(browser, server.url) as page:
        ask(page, "go on")
        expect(page.locator(".turn.assistant .prose")).to_contain_text("word")
        if how == "button":
            page.click("#stop")
        else:
            page.keyboard.press("Escape")
        expect(page.locator(".note")).to_have_text("Stopped.")
        expect(page.locator("#send")).to_be_visible()
        assert len(server.wait_cancelled(10)) == 1


def test_a_stopped_answer_goes_on_where_it_ended(browser: Browser) -> None:
    prompts: list[str] = []

    def answer(request: GenerationRequest) -> str:
        prompts.append(str(request.prompt))
        return "first " * 200 if len(prompts) == 1 else " and the rest."

    slow = FakeBehaviour(token_seconds=0.02, answer=answer, chat_template=ROLES)
    with running(slow, ui=UI) as server, opened(browser, server.url) as page:
        ask(page, "go")
        expect(page.locator(".turn.assistant .prose")).to_contain_text("first first")
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Continue").click()
        expect(answered(page)).to_contain_text(" and the rest.")
    assert prompts[1].startswith("system=Be kind.;user=go;")
    assert "assistant=" not in prompts[1]  # it is begun, not said


def test_an_answer_given_again_stands_beside_the_first(browser: Browser) -> None:
    said: list[str] = []

    def answer(request: GenerationRequest) -> str:
        said.append(f"answer {len(said) + 1}")
        return said[-1]

    with running(FakeBehaviour(answer=answer), ui=UI) as server, opened(browser, server.url) as page:
        ask(page, "hello")
        expect(answered(page)).to_contain_text("answer 1")
        page.get_by_role("button", name="Answer again").click()
        expect(page.locator(".turn.assistant")).to_contain_text("answer 2")
        expect(page.locator(".versions")).to_contain_text("2/2")
        page.get_by_role("button", name="Earlier version").click()
        expect(page.locator(".turn.assistant")).to_contain_text("answer 1")
        expect(page.locator(".turn")).to_have_count(2)


def test_an_edited_question_begins_a_branch_and_the_old_one_stays(browser: Browser) -> None:
    def answer(request: GenerationRequest) -> str:
        return f"about {str(request.prompt).split('user=')[-1]}"

    behaviour = FakeBehaviour(answer=answer, chat_template=ROLES)
    with running(behaviour, ui=UI) as server, opened(browser, server.url) as page:
        ask(page, "cats")
        answered(page)
        ask(page, "dogs")
        expect(answered(page, 2).last).to_contain_text("about dogs")
        page.locator(".turn.user").first.hover()
        page.get_by_role("button", name="Edit").first.click()
        page.get_by_label("Edit message").fill("birds")
        page.get_by_role("button", name="Send as new branch").click()
        expect(answered(page)).to_contain_text("about birds")
        page.get_by_role("button", name="Earlier version").click()
        expect(page.locator(".turn.user")).to_contain_text(["cats", "dogs"])
        kept(page)
        page.reload()
        expect(page.locator(".turn.user")).to_contain_text(["cats", "dogs"])


def test_speed_is_told_when_asked_for(browser: Browser) -> None:
    with running(FakeBehaviour(answer="one two three"), ui=UI) as server, opened(browser, server.url) as page:
        ask(page, "hello")
        answered(page)
        expect(page.locator(".speed")).to_have_count(0)
        page.click("#open-settings")
        page.get_by_label("Show tokens per second").check()
        page.keyboard.press("Escape")
        expect(page.locator(".speed")).to_contain_text("tokens per second")


def test_an_answer_is_copied_as_it_was_written(browser: Browser) -> None:
    allowed = {"permissions": ["clipboard-read", "clipboard-write"]}
    written = FakeBehaviour(answer="a **b**")
    with running(written, ui=UI) as server, opened(browser, server.url, **allowed) as page:
        ask(page, "hello")
        answered(page).get_by_role("button", name="Copy").click()
        expect(page.locator("#status")).to_have_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == "a **b**"


FORBID = "() => void (navigator.clipboard.writeText = () => Promise.reject(new DOMException('no')))"


@pytest.mark.parametrize("clipboard", ["missing", "forbidden"])
def test_copying_works_where_the_browser_gives_no_clipboard(browser: Browser, clipboard: str) -> None:
    """Another computer opens the page by plain http: that is no secure context."""
    settings = ServerSettings(MODEL, allowed_hosts=("classroom.test",))
    listing = FakeBehaviour(answer="a **b**\n\n```js\nlet c\n```")
    with running(listing, settings, UI) as server:
        url = server.url.replace("127.0.0.1", "classroom.test") if clipboard == "missing" else server.url
        with opened(browser, url) as page:
            if clipboard == "missing":
                assert page.evaluate("navigator.clipboard") is None
                expect(page.locator("#place")).to_contain_text("What you write goes to classroom.test")
            else:
                page.evaluate(FORBID)
            ask(page, "hello")
            answer = answered(page)
            for button, text in (("Copy", "a **b**\n\n```js\nlet c\n```"), ("Copy code", "let c\n")):
                copy = answer.get_by_role("button", name=button, exact=True)
                copy.focus()
                page.keyboard.press("Enter")
                expect(page.locator("#status")).to_have_text("Copied")
                expect(answer.locator(":focus")).to_have_attribute("aria-label", "Copied")
                page.fill("#prompt", "")
                page.press("#prompt", "Control+V")
                expect(page.locator("#prompt")).to_have_value(text)
            page.click("#open-developer")
            page.locator("dialog .row").get_by_role("button", name="Copy", exact=True).click()
            expect(page.locator("dialog").get_by_role("button", name="Copied")).to_be_visible()
            page.keyboard.press("Escape")
            page.fill("#prompt", "")
            page.press("#prompt", "Control+V")
            expect(page.locator("#prompt")).to_have_value(f"{url}/v1")


def test_where_nothing_can_be_copied_the_page_says_so(browser: Browser) -> None:
    with running(FakeBehaviour(answer="a"), ui=UI) as server, opened(browser, server.url) as page:
        ask(page, "hello")
        answer = answered(page)
        page.evaluate(FORBID)
        page.evaluate("() => void (document.execCommand = () => false)")
        answer.get_by_role("button", name="Copy").click()
        expect(page.locator("#notice")).to_contain_text("does not allow copying")
