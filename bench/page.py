"""The chat page in a headless Chromium, beside llama-server's own page (bench/peer_page.py) on the same model.

usage: python -m bench.page [--rounds 5] [--turns 500] [--folder DIR] [--chromium PATH] [--trace FILE]

Printed as JSON lines, medians of the rounds, the pages in turn, a fresh browser profile each time: what is loaded until
one may write (compressed alike, whatever the servers do), and when something is painted first; then a conversation of
many turns that is loaded, scrolled from its end to its beginning, and answered once more at a steady pace that no model
disturbs, with the longest frame of each. `--trace` keeps Chromium's trace of our page's last round.
"""

from __future__ import annotations

import argparse
import gzip
import json
import shutil
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Response, sync_playwright

from bench.long_talk import TEXT, Subject
from bench.peer_page import peer_page
from bench.startup import CONTEXT, GIVE_UP_SECONDS, built, free_port, healthy, peers
from bench.streamed import streaming
from bundler.console import Console

THREADS = "1"
"""The model has nothing to do here; its threads shall leave the browser alone."""

PACE = 40.0
"""Words a second."""

ANSWER = "\n\n".join([TEXT] * 6)
FRAMES = """(() => { window.frames_ = []; let last = performance.now();
const next = (now) => { window.frames_.push(now - last); last = now; requestAnimationFrame(next) };
requestAnimationFrame(next) })()"""
TAKE = "() => window.frames_.splice(0)"
FIND_SCROLLER = """() => {
    let area = document.elementFromPoint(600, 350)
    while (area.parentElement && area.scrollTop === 0) area = area.parentElement
    window.scroller_ = area }"""
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--turns", type=int, default=500)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "pannier-bench")
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    parser.add_argument("--trace", type=Path)
    args = parser.parse_args()
    home = args.folder / "home"
    home.mkdir(parents=True, exist_ok=True)
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
    console = Console()
    model, dist = built("demo", args.folder, console, behind=0)
    ours = [str(dist), "serve", "--no-browser", "--port", "{port}", "--ctx-size", str(CONTEXT), "--threads", THREADS]
    server = next(iter(peers(dist, model, args.folder, THREADS, environment, console)))
    theirs = [*(part for part in server.argv if part != "--no-webui"), "--path", str(peer_page(console))]
    with serving(ours, environment) as here, serving(theirs, environment) as there, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=args.chromium, args=["--no-sandbox"])
        subjects = (
            Subject("pannier", here, "pannier", "/#{id}", "#prompt", "#stop"),
            Subject("llama-server", there, "LlamaUi", "/#/chat/{id}", "textarea", "[aria-label*='Stop' i]"),
        )
        first_sight(browser, subjects, args.rounds)
        long_conversation(browser, subjects, args.rounds, args.turns, args.trace)
        browser.close()


def first_sight(browser: Browser, subjects: Sequence[Subject], rounds: int) -> None:
    """What is loaded, and when something is painted."""
    painted: dict[str, list[float]] = defaultdict(list)
    loaded: dict[str, int] = {}
    for number in range(rounds + 1):  # the first is not counted
        for subject in in_turn(subjects, number):
            page = browser.new_page()
            responses: list[Response] = []
            page.on("response", lambda response, kept=responses: kept.append(response))
            page.goto(subject.url)
            page.wait_for_selector(subject.field)
            page.wait_for_timeout(500)
            if number:
                painted[subject.name].append(page.evaluate(PAINTED))
            loaded[subject.name] = sum(len(gzip.compress(response.body(), 6)) for response in responses)
            page.close()
    medians = {name: round(statistics.median(times), 1) for name, times in painted.items()}
    say("first sight", first_paint_ms=medians, bytes_compressed=loaded,
        ratios={"first paint": ratio(medians), "bytes": ratio(loaded)})  # fmt: skip


def long_conversation(
    browser: Browser, subjects: Sequence[Subject], rounds: int, turns: int, trace: Path | None
) -> None:
    """Load it, scroll it, and let it be answered."""
    seen: dict[str, dict[str, list[list[float]]]] = {one.name: defaultdict(list) for one in subjects}
    with streaming(ANSWER, PACE) as answers:
        for number in range(rounds):
            for subject in in_turn(subjects, number):
                traced = trace if subject.name == "pannier" and number == rounds - 1 else None
                for what, frames in one_round(browser, subject, turns, answers, traced).items():
                    seen[subject.name][what].append(frames)
    for what in ("loading", "scrolling", "streaming"):
        told = {name: summary(phases[what]) for name, phases in seen.items()}
        longest = {name: one["longest_ms"] for name, one in told.items()}
        say(f"{what} {turns} turns", **told, ratios={"longest frame": ratio(longest)})


def one_round(
    browser: Browser, subject: Subject, turns: int, answers: str, trace: Path | None
) -> dict[str, list[float]]:
    """The milliseconds between frames in each part of it."""
    context = browser.new_context(viewport={"width": 1100, "height": 750})
    page = context.new_page()
    page.goto(subject.url)
    page.wait_for_selector(subject.field)
    page.wait_for_timeout(500)
    address = subject.put(page, turns)
    page.route("**/v1/chat/completions", lambda route: route.continue_(url=f"{answers}/v1/chat/completions"))
    page.goto("about:blank")
    page.add_init_script(FRAMES)
    if trace:
        browser.start_tracing(page=page, path=trace)
    page.goto(address)
    page.get_by_text(f"That was number {turns - 1}.").wait_for(timeout=GIVE_UP_SECONDS * 1000)
    settle(page)
    frames = {"loading": page.evaluate(TAKE)}
    page.mouse.move(600, 350)
    page.evaluate(TAKE)
    frames["scrolling"] = wheel_to_the_beginning(page, subject.name)
    page.fill(subject.field, "Go on.")
    page.press(subject.field, "Enter")
    page.wait_for_selector(subject.stop)
    page.wait_for_selector(subject.stop, state="detached", timeout=GIVE_UP_SECONDS * 1000)
    frames["streaming"] = page.evaluate(TAKE)
    if trace:
        browser.stop_tracing()
    context.close()
    return frames


def settle(page: Page) -> None:
    """Wait until nothing is added to the page for a second, so that what is drawn later counts as loading, too."""
    before, still = -1, 0
    for _ in range(240):
        now = page.evaluate("document.getElementsByTagName('*').length")
        still = still + 1 if now == before else 0
        if still == 4:
            return
        before = now
        page.wait_for_timeout(250)


def wheel_to_the_beginning(page: Page, name: str) -> list[float]:
    """Turn the wheel upwards until the first question is in sight; the frames meanwhile.

    Not those in which it was looked for: a search through all words takes the browser long, and nobody asked for it.
    """
    frames: list[float] = []
    page.evaluate(FIND_SCROLLER)
    for _ in range(40):
        for _ in range(25):
            page.mouse.wheel(0, -1500)
            page.wait_for_timeout(16)
        if page.evaluate("window.scroller_.scrollTop <= 0"):
            frames += page.evaluate(TAKE)
            found = sees_the_beginning(page)
            page.evaluate(TAKE)
            if found:
                return frames
    raise SystemExit(f"the conversation of {name} does not scroll to its beginning")


def sees_the_beginning(page: Page) -> bool:
    """Whether the first question is in sight."""
    inside = "(e) => { const { top, bottom } = e.getBoundingClientRect(); return bottom > 0 && top < innerHeight }"
    first = page.get_by_text("Question 0?", exact=True).first
    return bool(first.count() and first.evaluate(inside))


def in_turn(subjects: Sequence[Subject], number: int) -> Sequence[Subject]:
    """The order of a round."""
    return subjects if number % 2 else subjects[::-1]


def summary(rounds: Sequence[Sequence[float]]) -> dict[str, float]:
    """Medians over the rounds: the longest frame, and how many took over 50 ms, of how many."""
    return {
        "frames": statistics.median(len(frames) for frames in rounds),
        "longest_ms": round(statistics.median(max(frames, default=0.0) for frames in rounds), 1),
        "over_50_ms": statistics.median(sum(frame > 50 for frame in frames) for frames in rounds),
    }


def ratio(of: Mapping[str, float]) -> float:
    """Ours in the peer's."""
    return round(of["pannier"] / of["llama-server"], 3)


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
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def say(what: str, **results: Any) -> None:
    """One line of JSON."""
    print(json.dumps({"what": what, **results}), flush=True)


if __name__ == "__main__":
    main()
