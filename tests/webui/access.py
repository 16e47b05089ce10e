"""What a page must be for everybody: nothing that axe-core finds, the focus where one expects it, nothing cut off."""

from __future__ import annotations

import functools
import json

from playwright.sync_api import Page

from bundler import resources
from bundler.console import Console
from bundler.page.packages import packages


@functools.cache
def axe_script() -> str:
    """axe-core."""
    modules = packages(resources.page_sources(), None, Console(), dev=True) / "node_modules"
    return (modules / "axe-core" / "axe.min.js").read_text("utf-8")


def faults(page: Page) -> list[str]:
    """What axe-core finds, each with its places. By the debugger's door: the page's policy would refuse the script."""
    page.wait_for_timeout(250)  # what fades in must have
    session = page.context.new_cdp_session(page)
    session.send("Runtime.evaluate", {"expression": axe_script()})
    run = "axe.run({resultTypes: ['violations']}).then((found) => JSON.stringify(found.violations))"
    told = session.send("Runtime.evaluate", {"expression": run, "awaitPromise": True, "returnByValue": True})
    return [
        f"{fault['id']}: {node['html'][:200]} {node.get('failureSummary', '')[:200]}"
        for fault in json.loads(told["result"]["value"])
        for node in fault["nodes"]
    ]


def focused(page: Page) -> str:
    return str(page.evaluate("(document.activeElement.ariaLabel || document.activeElement.textContent).trim()"))


def has_focus(page: Page, name: str) -> None:
    """Wait until what begins with this name has the focus."""
    for _ in range(400):
        if focused(page).startswith(name):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"{focused(page)!r} has the focus, not {name!r}")


def tab_to(page: Page, name: str, *, back: bool = False) -> None:
    """Press Tab until something of this name has the focus; it must be seen to have it."""
    for _ in range(60):
        page.keyboard.press("Shift+Tab" if back else "Tab")
        if focused(page).startswith(name):
            outline = page.evaluate(
                "(() => { const s = getComputedStyle(document.activeElement);"
                "const f = getComputedStyle(document.activeElement.parentElement);"
                "return s.outlineStyle !== 'none' || f.outlineStyle !== 'none' })()"
            )
            assert outline, f"{name} does not show that it has the focus"
            return
    raise AssertionError(f"no way to {name!r} by keyboard")


def fits(page: Page) -> None:
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    assert page.evaluate("document.querySelector('main').scrollWidth <= innerWidth")
