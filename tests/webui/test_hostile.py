"""Whatever a model writes: nothing of it runs, nothing of it is loaded, and the page stays usable."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Browser, Page, expect

from runtime.engine.fake import FakeBehaviour
from tests.api.running import running
from tests.webui.driving import UI, answered, ask, opened

MEGABYTE = 1_000_000
ATTACKS = """\
<script>window.hit = 1</script><img src=x onerror="window.hit=1"><svg/onload="window.hit=1"><svg><script>hit=1</script>
<iframe srcdoc="<script>parent.hit=1</script>"></iframe><style>body{display:none}</style><base href="https://evil.test">
<math><mtext><table><mglyph><style><img src=x onerror=hit=1></style></mglyph></table></mtext></math>
<form action="https://evil.test"><input name=a><button formaction="javascript:hit=1">x</button></form>

[a](javascript:window.hit=1) [b](JaVaScRiPt:window.hit=1) [c](data:text/html,<script>hit=1</script>) [d](vbscript:x)
[e](&#106;avascript:window.hit=1) [f](java\tscript:window.hit=1) <javascript:window.hit=1> [g](file:///etc/passwd)
![p](https://evil.test/track.png) ![q](data:image/svg+xml,<svg onload="hit=1">) ![r](javascript:hit=1)

$\\href{javascript:window.hit=1}{x}$ $\\url{javascript:hit=1}$ $\\includegraphics{https://evil.test/x.png}$
$\\style{position:fixed;inset:0}{x}$ $\\class{skip}{y}$ $\\def\\a{\\a\\a}\\a$ $\\rule{9999em}{9999em}$

```html
<script>window.hit = 1</script>
```
| <img src=x onerror=hit=1> | [x](javascript:hit=1) |
|---|---|
| "><script>hit=1</script> | `<b onmouseover=hit=1>` |

"""

FLOODS = {
    "attacks": ATTACKS * (MEGABYTE // len(ATTACKS)),
    "quotes": ">" * MEGABYTE,
    "brackets": "[" * MEGABYTE,
    "emphasis": "**a *b " * (MEGABYTE // 7),
    "a list": "- a\n" * (MEGABYTE // 4),
    "nested lists": "".join("  " * (depth % 400) + "- x\n" for depth in range(2500)) + "x" * 1000,
    "a table": "|a|b|c|\n|-|-|-|\n" + "|1|2|3|\n" * (MEGABYTE // 8),
    "ticks": "`a``b```" * (MEGABYTE // 8),
    "dollars": "$a " * (MEGABYTE // 3),
    "links": "[a](<b" * (MEGABYTE // 6),
    "a line": "x" * MEGABYTE,
    "entities": "&amp;&#x41;&" * (MEGABYTE // 12),
}


def is_unharmed(page: Page) -> None:
    assert page.evaluate("window.hit") is None
    assert page.evaluate("document.querySelectorAll('.turn :is(script, iframe, style, form, img, object)').length") == 0
    hrefs = page.evaluate("[...document.querySelectorAll('.turn a')].map((a) => a.protocol)")
    assert set(hrefs) <= {"https:", "http:", "mailto:"}
    positions = (
        "[...document.querySelectorAll('.turn *')].filter((e) => getComputedStyle(e).position == 'fixed').length"
    )
    assert page.evaluate(positions) == 0


def test_nothing_that_a_model_writes_runs(browser: Browser) -> None:
    with running(FakeBehaviour(answer=ATTACKS), ui=UI) as server, opened(browser, server.url) as page:
        ask(page, "attack")
        answer = answered(page)
        expect(answer.locator("math").first).to_be_visible()
        expect(answer).to_contain_text("<script>window.hit = 1</script>")
        is_unharmed(page)
        size = answer.bounding_box()
        assert size is not None
        assert size["height"] < 5000


@pytest.mark.parametrize("name", FLOODS)
def test_a_megabyte_of_it_holds_up_nothing(browser: Browser, name: str) -> None:
    """The answer comes in a few large pieces, so that the server is no bottleneck; the page may pause, not hang."""
    with running(FakeBehaviour(answer="later"), ui=UI) as server, opened(browser, server.url) as page:
        expect(page.locator("#prompt")).to_be_visible()
        page.route("**/v1/chat/completions", lambda route: route.fulfill(**as_stream(FLOODS[name])))
        page.evaluate(
            """() => { window.longest = 0; let last = performance.now();
            const tick = () => { const now = performance.now(); window.longest = Math.max(window.longest, now - last);
            last = now; setTimeout(tick, 10) }; tick() }"""
        )
        ask(page, "flood")
        answered(page)
        assert page.evaluate("window.longest") < 10_000
        is_unharmed(page)
        page.unroute("**/v1/chat/completions")
        page.click("#new-chat")
        ask(page, "still there?")
        expect(answered(page)).to_contain_text("later")


def as_stream(text: str) -> dict[str, object]:
    pieces = [text[at : at + 20_000] for at in range(0, len(text), 20_000)]
    chunks = [{"choices": [{"delta": {"content": piece}}]} for piece in pieces]
    chunks.append({"choices": [{"delta": {}, "finish_reason": "stop"}]})
    body = "".join(f"id: {number}\ndata: {json.dumps(chunk)}\n\n" for number, chunk in enumerate(chunks, 1))
    return {
        "status": 200,
        "content_type": "text/event-stream",
        "headers": {"x-stream-id": "stream", "x-stream-secret": "secret"},
        "body": body + "data: [DONE]\n\n",
    }
