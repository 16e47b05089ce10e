"""What may be set, what the dist-spec decides, and what the page tells about itself."""

from __future__ import annotations

import re
from dataclasses import replace

from playwright.sync_api import Browser, expect

from bundler import resources, spec
from runtime.api.about import About, DistFacts, EngineFacts, ModelFacts
from runtime.api.settings import ServerSettings
from runtime.engine.core import GenerationRequest, SamplingParams
from runtime.engine.fake import FakeBehaviour
from tests.api.running import MODEL, running
from tests.webui.driving import ROLES, UI, answered, ask, kept, opened


def recording() -> tuple[FakeBehaviour, list[GenerationRequest]]:
    asked: list[GenerationRequest] = []

    def answer(request: GenerationRequest) -> str:
        asked.append(request)
        return "fine"

    return FakeBehaviour(answer=answer, chat_template=ROLES), asked


def test_what_is_set_is_asked_for_and_can_be_reset(browser: Browser) -> None:
    behaviour, asked = recording()
    with running(behaviour, ui=UI) as server, opened(browser, server.url) as page:
        page.click("#open-settings")
        expect(page.get_by_label("Temperature")).to_have_attribute("placeholder", "default 0.8")
        page.get_by_label("Temperature").fill("0.3")
        page.get_by_label("Seed").fill("7")
        page.get_by_label("Top K").fill("99999")  # more than there may be
        page.get_by_label("System prompt").fill("Be brief.")
        page.keyboard.press("Escape")
        ask(page, "one")
        answered(page)
        kept(page)
        page.reload()
        ask(page, "two")
        answered(page, 2)
        page.click("#open-settings")
        expect(page.get_by_label("Top K")).to_have_value("1000")
        page.get_by_role("button", name="Reset all").click()
        page.keyboard.press("Escape")
        ask(page, "three")
        answered(page, 3)
    for request in asked[:2]:
        assert (request.sampling.temperature, request.sampling.seed, request.sampling.top_k) == (0.3, 7, 1000)
        assert str(request.prompt).startswith("system=Be brief.;")
    assert asked[2].sampling.temperature == 0.8
    assert str(asked[2].prompt).startswith("system=Be kind.;")


def test_what_the_dist_sets_is_shown_and_asked_for_until_its_user_says_otherwise(browser: Browser) -> None:
    behaviour, asked = recording()
    settings = ServerSettings(MODEL, sampling=SamplingParams(temperature=0.25, top_k=7))
    with running(behaviour, settings, UI) as server, opened(browser, server.url) as page:
        ask(page, "one")
        answered(page)
        page.click("#open-settings")
        expect(page.get_by_label("Temperature")).to_have_attribute("placeholder", "default 0.25")
        expect(page.get_by_label("Top K")).to_have_attribute("placeholder", "default 7")
        page.get_by_label("Temperature").fill("1.5")
        page.keyboard.press("Escape")
        ask(page, "two")
        answered(page, 2)
    assert [(one.sampling.temperature, one.sampling.top_k) for one in asked] == [(0.25, 7), (1.5, 7)]


def test_an_answer_can_be_given_a_form(browser: Browser) -> None:
    behaviour, asked = recording()
    with running(behaviour, ui=UI) as server, opened(browser, server.url) as page:
        page.click("#open-settings")
        page.get_by_label("Form of the answer").select_option("json_schema")
        page.locator("#set-text").fill('{"type": ')
        expect(page.locator("#help-text")).to_contain_text("not yet a JSON Schema")
        page.locator("#set-text").fill('{"type": "integer"}')
        expect(page.locator("#help-text")).to_be_empty()
        page.keyboard.press("Escape")
        ask(page, "how many?")
        answered(page)
        page.click("#open-settings")
        page.get_by_label("Form of the answer").select_option("grammar")
        page.locator("#set-text").fill('root ::= "yes" | "no"')
        page.keyboard.press("Escape")
        ask(page, "really?")
        answered(page, 2)
    assert asked[0].sampling.grammar is not None
    assert "integer" in asked[0].sampling.grammar
    assert asked[1].sampling.grammar == 'root ::= "yes" | "no"'


def test_a_dist_decides_how_its_page_looks_and_what_may_be_set(browser: Browser) -> None:
    classroom = replace(
        UI, icon="🌱", accent="#ffd400", language="de", system_prompt_locked=True, settings=("temperature",)
    )
    with running(FakeBehaviour(), ui=classroom) as server, opened(browser, server.url) as page:
        expect(page.locator("#welcome h2")).to_have_text("Womit kann ich helfen?")
        assert "%F0%9F%8C%B1" in str(page.locator("link[rel=icon]").get_attribute("href"))
        accent = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--accent')")
        assert accent.startswith("#")
        assert accent != "#ffd400"  # yellow on paper cannot be read, so it is darkened
        page.click("#open-settings")
        expect(page.locator("#set-system")).to_have_attribute("readonly", "")
        expect(page.locator("#set-temperature")).to_be_visible()
        expect(page.locator("#set-top_p")).to_have_count(0)
        expect(page.locator("#set-form")).to_have_count(0)


def test_colours_and_language_follow_their_user(browser: Browser) -> None:
    with running(FakeBehaviour(), ui=UI) as server, opened(browser, server.url, color_scheme="light") as page:
        page.click("#open-settings")
        page.get_by_label("Colours").select_option("dark")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(25, 26, 26)"
        page.get_by_label("Language").select_option("ar")
        expect(page.locator("html")).to_have_attribute("dir", "rtl")
        expect(page.locator("#dialog-title")).to_have_text("الإعدادات")
        page.reload()
        expect(page.locator("html")).to_have_attribute("lang", "ar")


def test_a_program_can_ask_the_same(browser: Browser) -> None:
    with running(FakeBehaviour(answer="fine"), ui=UI) as server, opened(browser, server.url) as page:
        ask(page, 'it\'s "quoted"')
        answered(page)
        page.click("#open-developer")
        expect(page.locator("#api-address")).to_have_text(f"{server.url}/v1")
        curl, python = (page.locator("dialog pre").nth(index) for index in (0, 1))
        expect(curl).to_contain_text("Be kind.")
        expect(python).to_contain_text('base_url="' + server.url)
        compile(python.inner_text(), "snippet", "exec")
        assert python_messages(python.inner_text()) == [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": 'it\'s "quoted"'},
        ]


def python_messages(snippet: str) -> object:
    call = snippet[snippet.index("create(") + len("create(") : snippet.rindex(")\nprint")]
    return eval(f"dict({call})")["messages"]  # what we wrote ourselves


def test_the_file_tells_what_it_is(browser: Browser) -> None:
    about = About(
        dist=DistFacts("biology", "1.0", "For the eighth form.", "linux-x86_64", "ab" * 32),
        model=ModelFacts(
            name="Tiny", author="Somebody", license="MIT", sha256="cd" * 32, size=12_300_000, parameters=1_234_567,
            architecture="llama", source="demo", origin={"repository": "somebody/tiny"},
        ),
        engine=EngineFacts(commit="0c1e570", backend="cpu-haswell", why=("cpu-haswell: chosen - right and quick",)),
        license_text=lambda: "Permission is hereby granted",
    )  # fmt: skip
    with running(FakeBehaviour(), ui=UI, about=about) as server, opened(browser, server.url) as page:
        page.click("#open-about")
        dialog = page.locator("dialog")
        for words in ("Tiny", "Somebody", "MIT", "cd" * 32, "ab" * 32, "12.3 MB", "1,234,567", "somebody/tiny",
                      "0c1e570", "cpu-haswell: chosen", "For the eighth form.", "never connects"):  # fmt: skip
            expect(dialog).to_contain_text(words)
        dialog.locator("summary").click()
        expect(dialog.locator("pre")).to_have_text("Permission is hereby granted")
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        expect(page.locator("#open-about")).to_be_focused()


def test_others_in_the_network_are_shown_the_way(browser: Browser) -> None:
    shared = replace(UI, addresses=("http://192.168.1.20:8080",))
    with running(FakeBehaviour(), ui=shared) as server, opened(browser, server.url) as page:
        page.click("#open-join")
        expect(page.locator(".address a")).to_have_text("http://192.168.1.20:8080")
        expect(page.get_by_role("img", name="QR code of http://192.168.1.20:8080")).to_be_visible()
    with running(FakeBehaviour(), ui=UI) as server, opened(browser, server.url) as page:
        expect(page.locator("#open-about")).to_be_visible()
        expect(page.locator("#open-join")).to_have_count(0)


def test_the_spec_and_the_page_speak_the_same_languages_and_know_the_same_settings() -> None:
    sources = resources.page_sources() / "src"
    languages = re.findall(r'^  (\w\w): "', (sources / "words" / "index.ts").read_text("utf-8"), re.MULTILINE)
    assert sorted(languages) == sorted(spec.LANGUAGES)
    dials = re.findall(r'name: "(\w+)", min', (sources / "model" / "settings.ts").read_text("utf-8"))
    others = re.findall(r'mayset\("(\w+)"\)', (sources / "view" / "SettingsDialog.tsx").read_text("utf-8"))
    assert sorted([*dials, *others]) == sorted(spec.SETTINGS)
