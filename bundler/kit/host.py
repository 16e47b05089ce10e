"""The kit of this very machine: the only part of building that looks at the host."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from bundler import cache, resources, targets
from bundler.archive import contents
from bundler.console import Console
from bundler.engine.build import build_engine
from bundler.engine.product import Engine
from bundler.errors import DamagedError, KitError
from bundler.freeze.freeze import FrozenRuntime, freeze_runtime
from bundler.kit import store
from bundler.kit.assemble import ZSTD_LEVEL, KitParts, RuntimeFile, assemble
from bundler.publish import digest_of, scratch
from runtime.container.archive import KIT
from runtime.container.source import Source
from runtime.container.verify import verify

ASSEMBLING = 2
"""Version of how parts become a kit; another number makes every kit another one."""


def build(backends: Iterable[str], console: Console, *, sources: bool = False) -> store.StoredKit:
    """The kit of this machine's target with `backends`, made now unless its parts are unchanged since the last time.

    sources: with all that it can be rebuilt from. Raises `ToolError` where something is missing or fails.
    """
    target = targets.host()
    engine = build_engine(target, backends, None, console)
    frozen = freeze_runtime(target, None, console)
    facts = {"assembling": ASSEMBLING, "zstd": ZSTD_LEVEL, "engine": engine.key, "runtime": frozen.key}
    facts |= {"sources": contents.key(target)} if sources else {}
    path = store.folder() / f"{target.name}-{digest_of(facts)[:16]}{store.SUFFIX}"
    try:
        return _sound(path)
    except (KitError, DamagedError):
        with scratch(cache.root() / "work", "sources") as folder:
            parts = _parts(target.name, engine, frozen, contents.collect(target, folder, console) if sources else ())
            total = sum(library.size for library in engine.libraries)
            total += sum(len(file.data) for file in parts.runtime_files)
            total += sum(file.path.stat().st_size for file in parts.sources)
            with console.progress(f"Assembling the kit for {target.name}", total, in_bytes=True) as advance:
                assemble(parts, path, advance)
        return _sound(path)


def _sound(path: Path) -> store.StoredKit:
    """The stored kit, every byte checked: 20 MB take a blink, and a dist is no better than its kit."""
    with store.opened(path) as kit, Source.open(path) as source:
        if not verify(source, KIT).sound:
            raise DamagedError(f"The kit {path} is damaged.", "Build it again.")
        return store.StoredKit(path, kit.manifest_sha256, kit.manifest)


def _parts(target: str, engine: Engine, frozen: FrozenRuntime, sources: Sequence[contents.SourceFile]) -> KitParts:
    licenses = {f"licenses/{name}": text for name, text in frozen.licenses.items()}
    licenses["licenses/llama.cpp.txt"] = engine.license.read_bytes()
    licenses["licenses/pannier.txt"] = resources.license_text()
    return KitParts(
        target=target,
        stub=frozen.stub.read_bytes(),
        runtime_files=[
            RuntimeFile(name, (frozen.path / name).read_bytes(), frozen.contents.get(name)) for name in frozen.names
        ],
        runtime=frozen.info,
        engine=engine.info(lambda library: f"engine/{library.file}.zst"),
        engine_folder=engine.path,
        licenses=licenses,
        sources=sources,
    )
