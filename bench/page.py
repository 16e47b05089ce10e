"""The chat page in a headless Chromium, beside llama-server's own page on the same model.

usage: python -m bench.page [--rounds 5] [--turns 500] [--folder DIR] [--chromium PATH] [--trace FILE]

Three things, printed as JSON lines: what is loaded until one may write, and when the first text is painted (medians,
pages in turn, a fresh browser profile each time); a conversation of many turns that is opened, scrolled from its end to
its beginning and answered once more, with the longest frame of each; `--trace` keeps Chromium's trace of that. The peer
has no way to be given a conversation, so beside that stands one answer in a fresh one.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from bench.startup import CONTEXT, GIVE_UP_SECONDS, SLOTS, built, free_port, healthy, peers
from bundler.console import Console

QUESTION = "Tell me a story."
TEXT = """\
A **leaf** turns light into sugar, see [the book](https://example.org).

1. Light falls on it.
2. `chlorophyll` takes up the energy of $h\\nu$.

| part | does |
|---|---|
| stoma | breathes |

```python
def grow(light: float) -> float:
    return light * 0.42  # sugar
```
"""
FRAMES = """() => { const seen = window.frames_ = []; let last = performance.now();
const next = (now) => { seen.push(now - last); last = now; window.stop_ || requestAnimationFrame(next) };
window.stop_ = false; requestAnimationFrame(next) }"""
TAKE = "() => { window.stop_ = true; return window.frames_.slice(2) }"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--turns", type=int, default=500)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "pannier-bench")
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    parser.add_argument("--trace", type=Path)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    console = Console()
    model, dist = built("demo", args.folder, console, behind=0)
    home = args.folder / "home"
    home.mkdir(exist_ok=True)
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
    ours = [str(dist), "serve", "--no-browser", "--port", "{port}", "--ctx-size", str(CONTEXT)]
    server = next(iter(peers(dist, model, args.folder, str(SLOTS), environment, console)))
    theirs = [part for part in server.argv if part != "--no-webui"]
    with serving(ours, environment) as here, serving(theirs, environment) as there, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=args.chromium, args=["--no-sandbox"])
        first_sight(browser, {"pannier": here, "llama-server": there}, args.rounds)
        long_conversation(browser, here, args.turns, args.trace)
        one_answer(browser, {"pannier": here, "llama-server": there})
        browser.close()


def first_sight(browser: Browser, pages: Mapping[str, str], rounds: int) -> None:
    """What is loaded, and when something is painted."""
    painted: dict[str, list[float]] = {name: [] for name in pages}
    loaded: dict[str, int] = {}
    for round_number in range(rounds + 1):  # the first is not counted
        for name in sorted(pages, reverse=round_number % 2 == 0):
            page = browser.new_page()
            page.goto(pages[name])
            page.wait_for_selector("textarea")
            page.wait_for_timeout(300)
            paint = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
            if round_number:
                painted[name].append(page.evaluate(paint))
            sizes = "performance.getEntries().reduce((all, one) => all + (one.encodedBodySize || 0), 0)"
            loaded[name] = page.evaluate(sizes)
            page.close()
    medians = {name: round(statistics.median(times), 1) for name, times in painted.items()}
    ratios = {
        "first paint": round(medians["pannier"] / medians["llama-server"], 3),
        "bytes": round(loaded["pannier"] / loaded["llama-server"], 3),
    }
    say("first sight", first_paint_ms=medians, bytes_loaded=loaded, ratios=ratios)


def long_conversation(browser: Browser, url: str, turns: int, trace: Path | None) -> None:
    """Open it, scroll it, and let it be answered."""
    page = browser.new_page()
    page.goto(url)
    page.wait_for_selector("#prompt")
    page.set_input_files("#import", {"name": "long.json", "mimeType": "application/json", "buffer": exported(turns)})
    page.wait_for_selector("#notice")
    if trace:
        browser.start_tracing(page=page, path=trace)
    page.evaluate(FRAMES)
    page.click(".chat .open")
    page.wait_for_function(f"document.querySelectorAll('.turn').length === {turns}")
    opening = page.evaluate(TAKE)
    page.evaluate(FRAMES)
    page.hover("main")
    for _ in range(200):
        page.mouse.wheel(0, -1500)
        page.wait_for_timeout(16)
    scrolling = page.evaluate(TAKE)
    page.evaluate(FRAMES)
    ask(page, "#prompt")
    page.wait_for_selector('.turn:last-of-type[data-state="done"]')
    streaming = page.evaluate(TAKE)
    if trace:
        browser.stop_tracing()
    say(f"conversation of {turns} turns", opening=told(opening), scrolling=told(scrolling), streaming=told(streaming))
    page.close()


def one_answer(browser: Browser, pages: Mapping[str, str]) -> None:
    """The frames while an answer comes, in a fresh conversation."""
    results = {}
    for name, url in pages.items():
        page = browser.new_page()
        page.goto(url)
        page.wait_for_selector("textarea")
        page.wait_for_timeout(1000)
        page.evaluate(FRAMES)
        ask(page, "textarea")
        page.wait_for_timeout(4000)
        results[name] = told(page.evaluate(TAKE))
        page.close()
    say("one answer", **results)


def ask(page: Page, field: str) -> None:
    """Write the question and send it."""
    page.fill(field, QUESTION)
    page.press(field, "Enter")


def told(frames: Sequence[float]) -> dict[str, float]:
    """How many frames there were, and which were too long."""
    return {
        "frames": len(frames),
        "longest_ms": round(max(frames, default=0.0), 1),
        "over_50_ms": sum(frame > 50 for frame in frames),
    }


def exported(turns: int) -> bytes:
    """A conversation as the page imports it."""
    listed = []
    for index in range(turns):
        role = "user" if index % 2 == 0 else "assistant"
        listed.append(
            {"id": f"t{index}", "parent": f"t{index - 1}" if index else None, "role": role, "created": 1 + index,
             "content": f"Question {index}?" if role == "user" else f"{TEXT}\n\nThat was number {index}.",
             "state": "done"}
        )  # fmt: skip
    chat = {"id": "c", "title": "A long one", "created": 1, "updated": 1, "leaf": f"t{turns - 1}", "turns": listed}
    return json.dumps({"format": "pannier-conversations", "version": 1, "conversations": [chat]}).encode()


@contextmanager
def serving(argv: Sequence[str], environment: Mapping[str, str]) -> Iterator[str]:
    """A server, ready; its address."""
    port = free_port()
    command = [part.format(port=port) for part in argv]
    process = subprocess.Popen(command, env=dict(environment), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + GIVE_UP_SECONDS
        while not healthy(port):
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"{command[0]} did not start")
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def say(what: str, **results: Any) -> None:
    """One line of JSON."""
    print(json.dumps({"what": what, **results}), flush=True)


if __name__ == "__main__":
    main()
