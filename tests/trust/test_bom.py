"""The bill of materials names what is inside, with hashes that are right, and is the same every time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bundler import bom
from bundler.compose.compose import compose
from bundler.model.content import Content
from bundler.model.parts import Part
from runtime.container.archive import Archive, open_dist
from runtime.manifest import DistManifest, Package, Role
from tests import handmade


@pytest.fixture
def dist(tmp_path: Path) -> Archive[DistManifest]:
    model = replace(
        handmade.model(tmp_path), origin={"kind": "hf", "repository": "Some/Model-GGUF", "commit": "c" * 40}
    )
    spec = handmade.spec(model={"source": "tiny.gguf", "license": "apache-2.0"})
    return open_dist(compose(handmade.kit(tmp_path), model, spec, tmp_path).written.path)


def parts(data: bytes) -> dict[str, dict[str, Any]]:
    return {component["name"]: component for component in json.loads(data)["components"]}


def test_it_names_model_engine_and_runtime_with_their_hashes(dist: Archive[DistManifest]) -> None:
    named = parts(dist.read(bom.ENTRY))
    model = named["Tiny"]
    assert model["type"] == "machine-learning-model"
    assert model["hashes"] == [{"alg": "SHA-256", "content": dist.entry("model.gguf").sha256}]
    assert model["licenses"] == [{"license": {"id": "Apache-2.0"}}]
    assert model["purl"] == f"pkg:huggingface/Some/Model-GGUF@{'c' * 40}"
    engine = named["llama.cpp"]
    assert engine["version"] == "0c1e57098"
    (library,) = [file for file in engine["components"] if file["name"] == "libllama.so"]
    assert library["hashes"][0]["content"] == dist.entry("engine/libllama.so.zst").decoded.sha256
    assert named["Python"]["version"] == "3.11.7"


def test_what_goes_with_the_model_is_on_it(tmp_path: Path) -> None:
    part = Part(Role.TEMPLATE, "chat-template.jinja", Content.of_bytes(b"{{ messages }}"), "my.jinja")
    done = compose(handmade.kit(tmp_path), handmade.model(tmp_path), handmade.spec(), tmp_path, parts=[part])
    with open_dist(done.written.path) as dist:
        component = parts(dist.read(bom.ENTRY))["chat-template.jinja"]
        assert component["hashes"][0]["content"] == dist.entry("chat-template.jinja").sha256


def test_it_has_no_date_and_no_serial_number(dist: Archive[DistManifest]) -> None:
    document = json.loads(dist.read(bom.ENTRY))
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert "serialNumber" not in document
    assert "timestamp" not in document["metadata"]


def test_packages_are_found_on_pypi_and_system_libraries_are_not(dist: Archive[DistManifest]) -> None:
    packages = (
        Package("Fast_API.x", "1.2", "MIT", "a" * 64),
        Package("OpenSSL", "3.0", "Apache-2.0"),
        Package("odd", "1", "Mine"),
    )
    old = dist.manifest
    runtime = replace(old.runtime, packages=packages)
    materials = bom.Materials("n", "1", old.target, old.model, old.engine, runtime, old.stub)
    named = parts(bom.bill(materials, old.entries))
    assert named["Fast_API.x"]["purl"] == "pkg:pypi/fast-api-x@1.2"
    assert named["Fast_API.x"]["properties"] == [{"name": "pannier:installed.sha256", "value": "a" * 64}]
    assert named["OpenSSL"]["purl"] == "pkg:generic/OpenSSL@3.0"
    assert named["odd"]["licenses"] == [{"license": {"name": "Mine"}}]


def test_its_length_does_not_depend_on_hashes(dist: Archive[DistManifest]) -> None:
    old = dist.manifest
    materials = bom.Materials("n", "1", old.target, old.model, old.engine, old.runtime, old.stub)
    unknown = tuple(replace(entry, sha256="0" * 64) for entry in old.entries)
    assert len(bom.bill(materials, unknown)) == len(bom.bill(materials, old.entries))


def test_every_reference_in_it_leads_somewhere(dist: Archive[DistManifest]) -> None:
    document = json.loads(dist.read(bom.ENTRY))
    there = {component["bom-ref"] for component in document["components"]}
    assert len(there) == len(document["components"])
    (dependency,) = document["dependencies"]
    assert set(dependency["dependsOn"]) == there
    assert dependency["ref"] == document["metadata"]["component"]["bom-ref"]
