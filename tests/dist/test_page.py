"""The page as its receiver has it: the built dist, the demo model, a real browser, and no network but loopback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests import requirements
from tests.dist import running
from tests.webui.conftest import QUIET, require_browser
from tests.webui.driving import WATCH_PROGRESS, answered, ask, watched

LOOPBACK_ONLY = """
import fcntl, os, socket, struct, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    request = struct.pack("16sH14s", b"lo", 1, b"")  # IFF_UP
    fcntl.ioctl(sock, 0x8914, request)  # SIOCSIFFLAGS
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.fixture(scope="module")
def cut_off(dist: Path, settled: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, str]]:
    """The dist, serving where there is no network: its process and its address."""
    unshare = requirements.tool("unshare")
    command = [unshare, "-n", sys.executable, "-c", LOOPBACK_ONLY, str(dist), "serve", "--no-browser", "--port", "0"]
    with subprocess.Popen(command, env=settled, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said += line
            if "ready:" in line:
                break
        else:
            requirements.missing(f"no network namespace can be made here: {said}")
        url = next(word for word in said.split() if word.startswith("http://"))
        yield process.pid, url
        for pid in [process.pid, *running.descendants(process.pid)]:
            os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def page(cut_off: tuple[int, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The dist's page, in a browser that is as cut off as the dist."""
    pid, url = cut_off
    wrapper = tmp_path_factory.mktemp("browser") / "chromium"
    nsenter = requirements.tool("nsenter")
    wrapper.write_text(f'#!/bin/sh\nexec {nsenter} --net=/proc/{pid}/ns/net {require_browser()} "$@"\n')
    wrapper.chmod(0o755)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=wrapper, args=list(QUIET))
        expect.set_options(timeout=30_000)
        page = browser.new_context(locale="en-US").new_page()
        with watched(page, url):
            page.goto(url)
            yield page
        browser.close()


def test_the_demo_answers_and_everything_came_from_the_file(page: Page) -> None:
    expect(page).to_have_title("Pannier demo")
    expect(page.locator("#introduction")).to_contain_text("tiny model")
    ask(page, "What is the capital of Japan?")
    expect(answered(page)).to_contain_text("Tokyo")


def test_what_the_model_remembers_is_the_branch_that_is_shown(page: Page) -> None:
    page.click("#new-chat")
    ask(page, "My name is Anna.")
    answered(page)
    ask(page, "What is my name?")
    expect(answered(page, 2).last).to_contain_text("Anna")


def test_the_file_tells_its_model_and_why_it_computes_on_what_it_does(page: Page) -> None:
    page.click("#open-about")
    dialog = page.locator("dialog")
    for words in ("apache-2.0", "pannier-demo 1.0", "cpu-", "chosen"):
        expect(dialog).to_contain_text(words)
    dialog.locator("summary").click()
    expect(dialog.locator("pre")).to_contain_text("Apache License")
    page.keyboard.press("Escape")


def test_a_long_prompt_is_seen_to_be_read(page: Page) -> None:
    page.click("#new-chat")
    page.evaluate(WATCH_PROGRESS)
    ask(page, "word " * 1500)
    answered(page)
    told = [json.loads(one) for one in page.evaluate("window.seen")]
    read, total = [value for _, value, _, _ in told], told[0][2]
    assert total > 1500
    assert read == sorted(set(read))
    assert len(read) >= 3
    assert read[-1] < total


def test_an_answer_goes_on_when_its_worker_is_killed(page: Page, cut_off: tuple[int, str]) -> None:
    page.click("#new-chat")
    page.click("#open-settings")
    page.get_by_label("Form of the answer").select_option("grammar")
    page.locator("#set-text").fill('root ::= ("word "){100}')
    page.keyboard.press("Escape")
    ask(page, "Go on.")
    expect(page.locator(".turn.assistant .prose")).to_contain_text("word word")
    workers = [pid for pid in running.descendants(cut_off[0]) if "--worker" in running.command_line(pid)]
    os.kill(workers[-1], signal.SIGKILL)
    page.reload()
    answer = answered(page).locator(".prose")
    expect(answer).to_have_text(" ".join(["word"] * 100))
    expect(page.locator(".problem")).to_have_count(0)
