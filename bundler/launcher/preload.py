"""Compiles what is preloaded into a worker (`runtime/launcher/preload`), or finds it in the cache.

For glibc, because the worker's Python is; for one so old that the library asks for nothing the runtime itself does not.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from bundler import cache, resources
from bundler.console import Console
from bundler.engine.toolchain import survey
from bundler.engine.zig import compile_with_zig
from bundler.launcher.build import FLAGS, WARNINGS, is_whole
from bundler.publish import digest_of, file_sha256, one_at_a_time, publishing, scratch
from bundler.targets import Target
from runtime.launch.osdep.linux import PRELOAD

SUM = "preload.sha256"
GLIBC = "2.28"
_KEY_LENGTH = 24
_LINKING = ("-shared", "-s", "-Wl,--build-id=none", "-Wl,--gc-sections")


def build_preload(target: Target, root: Path | None, console: Console) -> Path:
    """The library for a Linux target, compiled now if the cache does not have it. Raises `ToolError`."""
    root = root or cache.root()
    place = root / "launchers" / f"{target.name}-preload-{preload_key(target)[:_KEY_LENGTH]}"
    if not is_whole(place, PRELOAD, SUM):
        with one_at_a_time(place, console):
            if not is_whole(place, PRELOAD, SUM):
                _compile(place, target, root)
    return place / PRELOAD


def preload_key(target: Target) -> str:
    """Hash of everything that decides the library's bytes."""
    return digest_of(
        {
            "target": target.name,
            "sources": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in _sources()},
            "building": Path(__file__).read_text(encoding="utf-8"),
            "flags": [*FLAGS, *WARNINGS],
            "compiler": survey(("zig",)).findings["zig"].identity,
        }
    )


def _sources() -> list[Path]:
    return sorted((resources.runtime_package() / "launcher" / "preload").glob("*.c"))


def _compile(place: Path, target: Target, root: Path) -> None:
    with scratch(root / "work", "preload") as folder, publishing(place) as partial:
        for path in _sources():
            (folder / path.name).write_bytes(path.read_bytes())
        compiler = [survey(("zig",)).path("zig"), "cc", "-target", f"{target.machine}-linux-gnu.{GLIBC}"]
        flags = ["-fPIC", "-fvisibility=hidden", *FLAGS, *WARNINGS, *_LINKING]
        names = [path.name for path in _sources()]
        compile_with_zig([*compiler, *flags, *names, "-o", PRELOAD], folder)
        (partial / PRELOAD).write_bytes((folder / PRELOAD).read_bytes())
        (partial / PRELOAD).chmod(0o755)
        (partial / SUM).write_text(file_sha256(partial / PRELOAD))
