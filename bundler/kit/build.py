"""Makes a kit: the only part of building that looks at the machine.

For this machine's own target, and for those that can be compiled and frozen on another one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import zstandard

from bundler import cache, resources, targets
from bundler.archive import contents
from bundler.console import Console
from bundler.engine.build import build_engine
from bundler.engine.product import Engine
from bundler.errors import DamagedError, KitError, UsageError
from bundler.freeze.freeze import FrozenRuntime, freeze_runtime
from bundler.kit import store
from bundler.kit.assemble import ZSTD_LEVEL, KitParts, RuntimeFile, assemble
from bundler.launcher.build import Launcher, build_launcher
from bundler.launcher.describe import describe
from bundler.publish import digest_of, scratch
from bundler.targets import Target
from runtime.container.archive import KIT, Archive
from runtime.container.source import Source
from runtime.container.verify import verify
from runtime.manifest import KitManifest

DESCRIPTION = "runtime.txt"

ASSEMBLING = 2
"""Version of how parts become a kit; another number makes every kit another one."""


def build(target: Target, backends: Iterable[str], console: Console, *, sources: bool = False) -> store.StoredKit:
    """The kit for `target` with `backends`, made now unless its parts are unchanged since the last time.

    sources: with all that it can be rebuilt from. Raises `ToolError` where something is missing or fails, `UsageError`
    for a kit that cannot be made here.
    """
    if target != targets.host():
        _check_possible(target, sources=sources)
    engine = build_engine(target, backends, None, console)
    frozen = freeze_runtime(target, None, console)
    launcher = build_launcher(target, None, console) if target.launcher else None
    facts = {"assembling": ASSEMBLING, "zstd": ZSTD_LEVEL, "engine": engine.key, "runtime": frozen.key}
    facts["launcher"] = launcher.key if launcher else ""
    facts |= {"sources": contents.key(target)} if sources else {}
    path = store.folder() / f"{target.name}-{digest_of(facts)[:16]}{store.SUFFIX}"
    try:
        return _sound(path)
    except (KitError, DamagedError):
        with scratch(cache.root() / "work", "sources") as folder:
            parts = _parts(target, engine, frozen, launcher)
            if sources:
                parts = replace(parts, sources=contents.collect(target, folder, console))
            total = sum(library.size for library in engine.libraries)
            total += sum(len(file.data) for file in parts.runtime_files)
            total += sum(file.path.stat().st_size for file in parts.sources)
            with console.progress(f"Assembling the kit for {target.name}", total, in_bytes=True) as advance:
                assemble(parts, path, advance)
        return _sound(path)


def kit_for(
    given: Path | None, target: str, backends: Iterable[str], console: Console, *, sources: bool = False
) -> Archive[KitManifest]:
    """The kit given, this machine's own (built or reused), or the newest one from the store that fits."""
    if given is not None:
        return store.opened(given)
    own = targets.host()
    kit = build(own, backends, console, sources=sources) if target == own.name else None
    return store.opened((kit or store.find(target, backends, sources=sources)).path)


def _check_possible(target: Target, *, sources: bool) -> None:
    if not target.anywhere:
        raise UsageError(
            f"A kit for {target.name} cannot be made on {targets.host().name}: PyInstaller freezes for its own system.",
            "Make it on such a machine, and import it: pannier kit import FILE",
        )
    if sources:
        raise UsageError(
            f"A kit for {target.name} that was made on {targets.host().name} cannot carry its sources:"
            " what is compiled across systems cannot be rebuilt from itself.",
            "Leave out --sources, or make it on such a machine.",
        )


def _sound(path: Path) -> store.StoredKit:
    """The stored kit, every byte checked: 20 MB take a blink, and a dist is no better than its kit."""
    with store.opened(path) as kit, Source.open(path) as source:
        if not verify(source, KIT).sound:
            raise DamagedError(f"The kit {path} is damaged.", "Build it again.")
        return store.StoredKit(path, kit.manifest_sha256, kit.manifest)


def _parts(target: Target, engine: Engine, frozen: FrozenRuntime, launcher: Launcher | None) -> KitParts:
    licenses = {f"licenses/{name}": text for name, text in frozen.licenses.items()}
    licenses["licenses/llama.cpp.txt"] = engine.license.read_bytes()
    licenses["licenses/pannier.txt"] = resources.license_text()
    stub, files, info = frozen.bootloader, [], frozen.info
    if launcher and frozen.listing:
        stub = launcher.program
        plain = zstandard.ZstdDecompressor().decompress(frozen.archive.read_bytes())
        text = describe(plain, frozen.listing.id, stub.read_bytes(), target, info.glibc)
        files = [RuntimeFile(DESCRIPTION, text)]
        packages = sorted((*info.packages, *launcher.packages), key=lambda package: package.name.lower())
        info = replace(info, packages=tuple(packages))
        licenses |= {f"licenses/{name}": text for name, text in launcher.licenses.items()}
    content = frozen.listing.content if frozen.listing else None
    files.append(RuntimeFile(frozen.archive.name, frozen.archive.read_bytes(), content))
    return KitParts(
        target=target.name,
        stub=stub.read_bytes(),
        runtime_files=files,
        runtime=info,
        engine=engine.info(lambda library: f"engine/{library.file}.zst"),
        engine_folder=engine.path,
        licenses=licenses,
    )
