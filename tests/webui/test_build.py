"""How the page is built: once, from exactly the named packages, and with a sentence where it cannot be."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bundler import cache, resources
from bundler.console import Console
from bundler.doctor import examine
from bundler.errors import ToolError
from bundler.page import build, packages


def test_a_page_is_found_again_and_a_damaged_one_is_not(page_dir: Path, tmp_path: Path) -> None:
    assert build.build_page(None, Console()).files == page_dir
    copy = Path(shutil.copytree(page_dir.parent, tmp_path / "page"))
    assert build.find(copy) is not None
    (copy / "files" / "index.html").write_text("another")
    assert build.find(copy) is None
    assert not copy.exists()


def test_another_source_is_another_page_and_a_test_of_it_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = tmp_path / "webui"
    shutil.copytree(resources.page_sources(), sources, ignore=shutil.ignore_patterns("node_modules", "dist"))
    monkeypatch.setattr(resources, "page_sources", lambda: sources)
    before = build.page_key()
    (sources / "test" / "more.test.ts").write_text("// more")
    assert build.page_key() == before
    (sources / "index.html").write_text("<!doctype html>")
    assert build.page_key() != before


def test_everything_of_npm_that_is_inside_is_named_with_its_licence(page_dir: Path) -> None:
    inside = {one.name: one for one in build.BuiltPage(page_dir.parent).packages}
    assert {"preact", "@preact/signals", "markdown-it", "highlight.js", "temml", "pdfjs-dist"} <= set(inside)
    assert not {"vite", "typescript", "vitest", "axe-core"} & set(inside)
    assert all(one.license and one.text for one in inside.values())


def test_where_npm_cannot_fetch_it_is_said_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    with pytest.raises(ToolError, match="npm could not fetch the page's packages") as caught:
        packages.packages(resources.page_sources(), tmp_path / "cache", Console())
    assert "mirror" in caught.value.remedy
    assert [path for path in (tmp_path / "cache" / "packages").iterdir() if path.is_dir()] == []


def test_a_missing_node_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    assert examine()["node"].found
    monkeypatch.setattr("bundler.page.node._MODULE", "no_such_module")
    assert not examine()["node"].found
    with pytest.raises(ToolError, match="The page cannot be built here") as caught:
        build.page_key()
    assert "Install Pannier again" in caught.value.remedy


def test_the_cache_is_where_everything_else_is(page_dir: Path) -> None:
    assert page_dir.parent.parent == cache.root() / "pages"
