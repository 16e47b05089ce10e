"""llama-server's own page, which our build of its program leaves out: made from the same archive, by its lock file.

`llama-server --path FOLDER` serves it. Only what draws its icons is not run.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from bundler import cache
from bundler.console import Console
from bundler.engine.source import source_tree
from bundler.page.packages import packages, run_node
from bundler.publish import publishing, scratch

_NO_SOURCES = ("node_modules", "dist", "tests", ".storybook")


def peer_page(console: Console) -> Path:
    """The folder to serve, built once."""
    root = cache.root()
    sources = source_tree(root, console) / "tools" / "ui"
    modules = packages(sources, root, console, dev=True)
    place = root / "pages" / f"llama-server-{modules.name}"
    if not place.is_dir():
        with scratch(modules, "build") as folder, publishing(place) as partial:
            shutil.copytree(sources, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*_NO_SOURCES))
            (folder / "node_modules").symlink_to(modules / "node_modules")
            vite = modules / "node_modules" / "vite" / "bin" / "vite.js"
            log = root / "logs" / "page-llama-server.log"
            run_node(
                [str(vite), "build"],
                folder,
                log,
                "llama-server's page could not be built",
                "See what it names in llama.cpp's tools/ui.",
            )
            shutil.copytree(folder / "dist", partial, dirs_exist_ok=True)
    return place
