"""`pannier page`: build the chat page, and print where it is; for a runtime that is not frozen."""

from __future__ import annotations

import argparse
from typing import Any

from bundler.console import Console
from bundler.page.build import build_page
from runtime.resources import VARIABLE


def add_parser(verbs: Any) -> None:
    """Declare the verb."""
    parser = verbs.add_parser("page", help="build the chat page and print its folder", description=__doc__)
    parser.epilog = f"A runtime that is not frozen serves the page whose folder {VARIABLE} names."
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.set_defaults(run=run)


def run(_: argparse.Namespace, console: Console) -> int:
    """Build, or find that nothing has changed since the last time."""
    page = build_page(None, console)
    packages = [{"name": one.name, "version": one.version, "license": one.license} for one in page.packages]
    console.result({"path": str(page.files), "packages": packages}, str(page.files))
    return 0
