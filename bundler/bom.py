"""The bill of materials: what a dist is made of, as CycloneDX 1.6 JSON, packed along as `sbom.cdx.json`.

Made from the manifest's facts alone, without date or serial number: equal dists have equal bills. Its length does not
depend on the hashes in it, so that it can be laid out before the model's hash is known.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from bundler.compose.writer import Derived
from bundler.freeze.contents import BOOTLOADERS_ARCHIVE, SYSTEM_LIBRARIES
from bundler.page.build import NPM
from runtime.manifest import Digest, EngineInfo, Entry, ModelInfo, PartInfo, Role, RuntimeInfo

ENTRY = "sbom.cdx.json"
_LLAMA_CPP = "https://github.com/ggml-org/llama.cpp"
_HUB = "https://huggingface.co"


@dataclass(frozen=True, slots=True)
class Materials:
    """What a dist is made of. stub: what the system executes. Everything else as in the manifest."""

    name: str
    version: str
    target: str
    model: ModelInfo
    engine: EngineInfo
    runtime: RuntimeInfo
    stub: Digest


def derived(materials: Materials) -> Derived:
    """The bill as an entry that is made when all hashes are known."""
    return Derived(ENTRY, Role.DOCUMENT, lambda entries: bill(materials, entries))


def bill(materials: Materials, entries: Iterable[Entry]) -> bytes:
    """The bill's bytes. entries: of the dist, for their hashes."""
    hashes = {entry.name: entry.sha256 for entry in entries}
    libraries = {entry.name: entry.decoded.sha256 for entry in entries}
    runtime = materials.runtime
    components = [
        _model(materials.model, hashes),
        _engine(materials.engine, libraries),
        _component("framework", "Python", runtime.python, purl=f"pkg:generic/python@{quote(runtime.python)}")
        | {"licenses": _licenses("PSF-2.0")},
        *_stub(materials, is_bootloader=BOOTLOADERS_ARCHIVE in hashes),
    ]
    components += [_part(part, hashes) for part in materials.model.parts]
    components += [
        _component("library", package.name, package.version, purl=_purl(package.name, package.version))
        | ({"licenses": _licenses(package.license)} if package.license else {})
        | ({"properties": _properties({"installed.sha256": package.sha256})} if package.sha256 else {})
        for package in sorted(runtime.packages, key=lambda package: package.name)
        if package.name not in ("Python", "PyInstaller bootloader")  # told above
    ]
    dist = _component("application", materials.name, materials.version)
    dist["properties"] = _properties({"target": materials.target, "pannier": runtime.version})
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": dist,
            "tools": {"components": [{"type": "application", "name": "pannier", "version": runtime.version}]},
        },
        "components": components,
        "dependencies": [{"ref": dist["bom-ref"], "dependsOn": sorted(c["bom-ref"] for c in components)}],
    }
    return (json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _model(model: ModelInfo, hashes: dict[str, str]) -> dict[str, Any]:
    component = _component("machine-learning-model", model.name, ref="model")
    digest = model.sidecar.sha256 if model.sidecar else hashes.get(model.entry, "")
    facts = {
        "architecture": model.architecture,
        "file_type": model.file_type,
        "parameters": model.parameters,
        "source": model.source,
    }
    facts |= {f"origin.{key}": value for key, value in sorted(model.origin.items())}
    component["properties"] = _properties(facts)
    if digest:
        component["hashes"] = _sha256(digest)
    if model.splits:
        component["components"] = [
            {"type": "file", "bom-ref": part.file, "name": part.file, "hashes": _sha256(part.sha256)}
            for part in model.splits
        ]
    if model.description:
        component["description"] = model.description
    if model.author:
        component["authors"] = [{"name": model.author}]
    if model.license:
        component["licenses"] = _licenses(model.license)
    repository, commit = str(model.origin.get("repository", "")), str(model.origin.get("commit", ""))
    if re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        component["purl"] = f"pkg:huggingface/{repository}" + (f"@{commit}" if commit else "")
        component["externalReferences"] = [{"type": "distribution", "url": f"{_HUB}/{repository}"}]
    return component


def _part(part: PartInfo, hashes: dict[str, str]) -> dict[str, Any]:
    """What goes with the model: a projector, an adapter, a draft model, a chat template."""
    component = _component("data" if part.entry.endswith(".jinja") else "machine-learning-model", part.entry)
    component["hashes"] = _sha256(hashes[part.entry])
    component["properties"] = _properties(
        {"source": part.source} | {f"origin.{key}": value for key, value in sorted(part.origin.items())}
    )
    return component | ({"licenses": _licenses(part.license)} if part.license else {})


def _stub(materials: Materials, *, is_bootloader: bool) -> list[dict[str, Any]]:
    """What the system executes: PyInstaller's bootloader, or our launcher, which starts that one in the runtime."""
    runtime, hashes = materials.runtime, _sha256(materials.stub.sha256)
    bootloader = _component(
        "library", "pyinstaller", runtime.pyinstaller, purl=_pypi("pyinstaller", runtime.pyinstaller)
    ) | {"licenses": _licenses("GPL-2.0-or-later WITH Bootloader-exception")}
    if is_bootloader:
        return [bootloader | {"description": "the bootloader in front of the archive", "hashes": hashes}]
    launcher = _component("application", "pannier-launcher", runtime.version)
    launcher |= {"description": "the launcher in front of the archive", "hashes": hashes}
    launcher |= {"licenses": _licenses("Apache-2.0")}
    return [launcher, bootloader | {"description": "the bootloader of the runtime"}]


def _engine(engine: EngineInfo, hashes: dict[str, str]) -> dict[str, Any]:
    component = _component("library", "llama.cpp", engine.commit, ref="llama.cpp")
    component["licenses"] = _licenses("MIT")
    component["externalReferences"] = [{"type": "vcs", "url": _LLAMA_CPP}]
    if re.fullmatch(r"[0-9a-f]{40}", engine.commit):
        component["purl"] = f"pkg:github/ggml-org/llama.cpp@{engine.commit}"
    component["properties"] = _properties(
        {
            "source": engine.source,
            "source.sha256": engine.source_sha256,
            "compiler": engine.compiler,
            "recipe": json.dumps(engine.recipe, sort_keys=True),
        }
    )
    component["components"] = [
        {"type": "file", "bom-ref": library.entry, "name": library.file, "hashes": _sha256(hashes[library.entry])}
        for library in engine.libraries
        if library.entry in hashes
    ]
    return component


def _component(kind: str, name: str, version: str = "", *, purl: str = "", ref: str = "") -> dict[str, Any]:
    component = {"type": kind, "bom-ref": ref or purl or f"{name}@{version}", "name": name}
    return component | ({"version": version} if version else {}) | ({"purl": purl} if purl else {})


def _purl(name: str, version: str) -> str:
    """Where a part of the runtime can be looked up: PyPI, npm, or system libraries and the launcher's."""
    if name.startswith(NPM):
        return f"pkg:npm/{quote(name.removeprefix(NPM))}@{quote(version)}"
    if name in {library for library, *_ in SYSTEM_LIBRARIES.values()} | {"musl", "zstd"}:
        return f"pkg:generic/{quote(name)}" + (f"@{quote(version)}" if version else "")
    return _pypi(name, version)


def _pypi(name: str, version: str) -> str:
    return f"pkg:pypi/{re.sub(r'[-_.]+', '-', name).lower()}@{quote(version)}"


def _sha256(digest: str) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": digest}]


def _licenses(said: str) -> list[dict[str, Any]]:
    """A licence as CycloneDX wants it: an SPDX id or expression where it is one, else a name."""
    try:
        known = str(canonicalize_license_expression(said))
    except InvalidLicenseExpression:
        return [{"license": {"name": said}}]
    if re.search(r"\s", known):
        return [{"expression": known}]
    return [{"license": {"name" if known.startswith("LicenseRef-") else "id": known}}]


def _properties(facts: dict[str, Any]) -> list[dict[str, str]]:
    return [{"name": f"pannier:{key}", "value": str(value)} for key, value in facts.items() if value not in ("", 0)]
