"""Dists with deliberately broken backends in front of a sound one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bundler import resources
from bundler.compose.compose import compose
from bundler.console import Console
from bundler.kit import host, store
from bundler.kit.assemble import KitParts, assemble
from bundler.model.resolve import resolve
from bundler.spec import load
from runtime.manifest import EngineLibrary, Role

SOUND = "libggml-cpu-x64.so"


def dist_with(broken: Mapping[str, Path], folder: Path, *, shape: bool = True) -> Path:
    """The demo with only the plainest processor variant, and these libraries in front of it, the first one first.

    Names are as candidates are called: "cpu-illegal" is a variant, "cuda" a backend of its own. shape: whether the
    manifest tells the model's shape; without, the first device that works is taken, however slow.
    """
    with store.opened(host.build(["cpu"], Console()).path) as kit:
        manifest = kit.manifest
        kept = [one for one in manifest.engine.libraries if one.kind == "core" or one.file == SOUND]
        engine_folder = folder / "engine"
        engine_folder.mkdir(parents=True)
        for library in kept:
            (engine_folder / library.file).write_bytes(kit.read(library.entry))
        added = []
        for number, (name, path) in enumerate(broken.items()):
            backend, _, variant = name.partition("-")
            file = f"libggml-{name}.so"
            (engine_folder / file).write_bytes(path.read_bytes())
            added.append(EngineLibrary(f"engine/{file}.zst", file, "backend", backend, variant, 9000 - number))
        (stub,) = (entry.name for entry in manifest.entries if entry.role is Role.STUB)
        parts = KitParts(
            target=manifest.target,
            stub=kit.read(stub),
            pkg=kit.read("runtime.pkg"),
            runtime=manifest.runtime,
            engine=replace(manifest.engine, libraries=(*kept, *added)),
            engine_folder=engine_folder,
            licenses={"licenses/none.txt": b"none"},
        )
        assemble(parts, folder / "broken.kit")
    spec, model = load(resources.dist_spec("demo")), resolve("demo", Path())
    backends = list(dict.fromkeys(["cpu", *(name.partition("-")[0] for name in broken)]))
    spec = spec.model_copy(update={"engine": spec.engine.model_copy(update={"backends": backends})})
    with store.opened(folder / "broken.kit") as kit:
        return compose(kit, model if shape else replace(model, shape=None), spec, folder).written.path
