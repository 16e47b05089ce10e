"""Builds one part of an engine: what one recipe yields.

Compile in the recipe's build directory, copy and strip what it promises, check that every library will find what it
needs on any system, publish. An interrupted run leaves objects for the next one to use, and no part.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import mkdtemp

from bundler.console import Console
from bundler.engine.compile import Compilation, compile_goals
from bundler.engine.cross import Cross
from bundler.engine.needs import check
from bundler.engine.product import LICENSE, BuiltFile, Engine, find, write_record
from bundler.engine.recipes import BASE_OPTIONS, RECIPES, Recipe, SystemRules, rules_for
from bundler.engine.source import RELEASE, source_tree
from bundler.engine.toolchain import Toolchain, clean_environment, cxx_library
from bundler.engine.variants import RANKS
from bundler.errors import ToolError
from bundler.publish import digest_of, file_sha256, one_at_a_time, publishing
from bundler.targets import Target

PACKING = 1
"""Version of what this module does to libraries; another number makes every cached engine another one."""

KEY_LENGTH = 24
COMPAT = Path(__file__).parent / "compat"

_ARCHITECTURE = re.compile(r'^\s*\{\s*LLM_ARCH_\w+,\s*"([\w.-]+)"\s*\}', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Workshop:
    """Where and with what a build happens. root: of the cache. cross: how, if the target is not this machine's."""

    target: Target
    toolchain: Toolchain
    root: Path
    console: Console
    cross: Cross | None = None

    @property
    def rules(self) -> SystemRules:
        """The rules of the target's operating system."""
        return self.cross.rules if self.cross else rules_for(self.target)


def part_key(recipe: Recipe, shop: Workshop) -> str:
    """Hash of everything that decides a part's bytes. Directories are no part of it: builds do not depend on them."""
    include, owner = shop.rules.include, _owner(recipe)
    script = (COMPAT / include).read_text(encoding="utf-8") if include else ""
    compat = [path for path in sorted(COMPAT.glob("*.*")) if path.name == include or path.name in script]
    compat += sorted((COMPAT / owner.compat).iterdir()) if owner.compat else []
    return digest_of(
        {
            "packing": PACKING,
            "source": RELEASE.sha256,
            "recipe": asdict(recipe) | {"title": ""},
            "options": BASE_OPTIONS | owner.options,
            "rules": asdict(shop.rules),
            "compat": [[path.name, path.read_text(encoding="utf-8")] for path in compat],
            "target": shop.target.name,
            "tools": shop.toolchain.identities(recipe.requires),
        }
    )


def _build_directory(recipe: Recipe, shop: Workshop) -> Path:
    """Where the recipe compiles.

    Its name says source and tools and nothing of options and flags: ninja compares command lines itself, so that a
    changed recipe compiles again only what the change concerns.
    """
    owner = _owner(recipe)
    key = digest_of({"source": RELEASE.sha256, "tools": shop.toolchain.identities(owner.requires)})
    return shop.root / "work" / f"{shop.target.name}-{owner.name}-{key[:KEY_LENGTH]}"


def _own_directory(build: Path) -> Path:
    """A build directory for this process alone; `engine clean` takes it away."""
    return Path(mkdtemp(prefix=f"{build.name}-", dir=build.parent))


def part(recipe: Recipe, shop: Workshop) -> Engine:
    """The part, built now if the cache does not have it. Raises `ToolError` where the build fails."""
    key = part_key(recipe, shop)
    place = shop.root / "parts" / f"{shop.target.name}-{recipe.name}-{key[:KEY_LENGTH]}"
    found = find(place)
    if found is None:
        build = _build_directory(recipe, shop)
        # Two recipes in one build directory, or two processes at one recipe, take turns.
        with one_at_a_time(build, shop.console) as alone:
            found = find(place)
            if found is None:
                _build(recipe, key, place, build if alone else _own_directory(build), shop)
                found = find(place)
    if found is None:
        raise ToolError(f"What was built in {place} does not stay whole.", "Check the disk, then build again.")
    return found


def _owner(recipe: Recipe) -> Recipe:
    """The recipe whose options and build directory this one uses."""
    return RECIPES[recipe.builds_in or recipe.name]


def _build(recipe: Recipe, key: str, place: Path, build: Path, shop: Workshop) -> None:
    if not shop.cross and not (able := cxx_library(shop.rules.link_flags)).found:
        raise ToolError(f"The engine cannot be built here: {able.detail}.", able.remedy)
    source = source_tree(shop.root, shop.console)
    work = Compilation(
        label=f"Compiling the engine's {recipe.name} part",
        source=source,
        build=build,
        options=_cmake_options(recipe, source, build, shop),
        goals=recipe.goals,
        log=shop.root / "logs" / f"{place.name}.log",
    )
    compile_goals(work, shop.toolchain, shop.console)
    with publishing(place) as partial:
        files = [
            _finish(path, kind, recipe, shop, partial)
            for path, kind in _yield_of(recipe, shop.rules, build / "bin", work.log)
        ]
        shutil.copyfile(source / "LICENSE", partial / LICENSE)
        oldest = check(recipe, partial, [file.file for file in files], shop.target, shop.rules)
        write_record(
            Engine(
                path=partial,
                key=key,
                target=shop.target.name,
                files=tuple(files),
                compiler=shop.toolchain.compiler,
                recipe={"name": recipe.name, "options": _owner(recipe).options},
                architectures=_architectures(source),
                glibc=oldest.glibc,
                oldest=oldest.system,
            )
        )


def _cmake_options(recipe: Recipe, source: Path, build: Path, shop: Workshop) -> dict[str, str]:
    places = {"source": str(source), "build": str(build), "compat": str(COMPAT)}
    # Quoted: the flags go through a shell, and a home directory may have a blank in its name.
    quoted = [shlex.quote(flag.format(**places)) for flag in shop.rules.compile_flags]
    compiling = " ".join(quoted)
    flags = {f"CMAKE_{language}_FLAGS": compiling for language in ("C", "CXX", "ASM") if compiling}
    if shop.rules.include:
        flags["CMAKE_PROJECT_INCLUDE"] = str(COMPAT / shop.rules.include)
        flags["PANNIER_LINK_FLAGS"] = ";".join(shop.rules.link_flags)
    else:
        linking = " ".join(shop.rules.link_flags)
        flags |= {f"CMAKE_{kind}_LINKER_FLAGS": linking for kind in ("SHARED", "MODULE") if linking}
    if recipe.name == "cuda" and quoted:
        # nvcc has a shell of its own pass them on.
        flags["CMAKE_CUDA_FLAGS"] = " ".join(shlex.quote(f"-Xcompiler={flag}") for flag in quoted)
    if compat := _owner(recipe).compat:
        flags["CMAKE_PROJECT_ggml_INCLUDE"] = str(COMPAT / compat / "project.cmake")
    flags["CMAKE_INSTALL_RPATH"] = shop.rules.run_path
    return BASE_OPTIONS | _owner(recipe).options | flags | shop.toolchain.options(recipe.requires)


def _yield_of(recipe: Recipe, rules: SystemRules, binaries: Path, log: Path) -> list[tuple[Path, str]]:
    """The files the recipe promises, with their kind. Raises `ToolError` if the build did not make one."""
    kind = "backend" if recipe.packed else "peer"
    wanted = [(stem, "core", rules.names) for stem in recipe.core]
    wanted += [(stem, kind, rules.names) for stem in recipe.libraries]
    wanted += [(name, "peer", ("{}" + rules.program,)) for name in recipe.programs]
    found = []
    for stem, kind, patterns in wanted:
        matches = sorted({path for pattern in patterns for path in binaries.glob(pattern.format(stem))})
        if not matches:
            raise ToolError(f"The build of {recipe.name} made no {stem}.", f"The whole log is in {log}.")
        found += [(path, kind) for path in matches]
    return found


def _finish(path: Path, kind: str, recipe: Recipe, shop: Workshop, into: Path) -> BuiltFile:
    """Copy one file, strip it, and tell what it is."""
    finished = into / path.name
    shutil.copyfile(path, finished)
    finished.chmod(0o755)
    if shop.rules.strip:
        command = [shop.toolchain.path("strip"), *shop.rules.strip, str(finished)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=clean_environment())
        if done.returncode:
            raise ToolError(f"strip failed on {path.name}: {done.stderr.strip()}", "Check the disk and binutils.")
    backend = recipe.name if kind == "backend" else ""
    variant = path.stem.removeprefix("lib").removeprefix(f"ggml-{backend}").removeprefix("-") if backend else ""
    if variant and variant not in RANKS:
        remedy = "Add it to bundler/engine/variants.py."
        raise ToolError(f"llama.cpp has a CPU variant {variant!r} that has no rank.", remedy)
    return BuiltFile(
        file=path.name,
        kind=kind,
        size=finished.stat().st_size,
        sha256=file_sha256(finished),
        backend=backend,
        variant=variant,
        rank=RANKS.get(variant, 0),
        needs=recipe.asked_of(shop.target) if backend else (),
    )


def _architectures(source: Path) -> tuple[str, ...]:
    """The model architectures this llama.cpp knows: its table of names, the source being the only place that has it."""
    text = (source / "src" / "llama-arch.cpp").read_text(encoding="utf-8")
    return tuple(sorted(set(_ARCHITECTURE.findall(text)) - {"clip"}))
