"""The arrows between the parts, as docs/architecture.md draws them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted([*ROOT.glob("runtime/**/*.py"), *ROOT.glob("bundler/**/*.py")])

MAY_IMPORT_LLAMA_CPP = {"runtime/engine/bindings.py"}
MAY_PRINT = {"runtime/console.py", "bundler/console.py"}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_the_arrows_hold(path: Path) -> None:
    name = name_of(path)
    for module in imports(path):
        top = module.split(".")[0]
        if name.startswith("runtime/"):
            assert top != "bundler", f"{name} imports {module}"
            assert top not in ("numpy", "gguf", "rich", "huggingface_hub", "PyInstaller"), f"{name} imports {module}"
        if top == "llama_cpp":
            assert name in MAY_IMPORT_LLAMA_CPP, f"{name} imports {module}"
        if name.startswith("runtime/engine/"):
            assert not module.startswith(("runtime.api", "runtime.cli", "runtime.chat")), f"{name} imports {module}"
        if name.startswith("runtime/api/"):
            assert not module.startswith(("runtime.engine.worker", "runtime.engine.bindings")), f"{name}: {module}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_the_console_prints(path: Path) -> None:
    if name_of(path) in MAY_PRINT:
        return
    calls = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert calls == []
