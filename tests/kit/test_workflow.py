"""The workflow that makes the five kits: one for each target, by the commands there really are."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from bundler.__main__ import parser
from bundler.targets import TARGETS

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "templates" / "kits.yml"


def workflow() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(TEMPLATE.read_text(encoding="utf-8"))
    return loaded


def commands() -> list[str]:
    """Every `pannier …` of the workflow, with words in place of what the runner fills in."""
    lines = [line for step in workflow()["jobs"]["kit"]["steps"] for line in step.get("run", "").splitlines()]
    filled = [re.sub(r"\$\{\{.*?\}\}|\$\w+", "word", line.replace(' "${sign[@]}"', "")) for line in lines]
    return [line.strip() for line in filled if line.strip().startswith("pannier ")]


def test_this_repository_runs_what_others_are_given() -> None:
    assert (ROOT / ".github" / "workflows" / "kits.yml").read_text() == TEMPLATE.read_text()


def test_every_target_has_its_machine() -> None:
    rows = workflow()["jobs"]["kit"]["strategy"]["matrix"]["include"]
    assert [row["target"] for row in rows] == list(TARGETS)


def test_it_builds_exports_and_tries_each_kit() -> None:
    said = " ".join(commands())
    for verb in ("pannier doctor", "pannier kit build", "pannier kit export", "pannier build"):
        assert verb in said


@pytest.mark.parametrize("command", commands())
def test_its_commands_are_ones_pannier_understands(command: str) -> None:
    arguments = shlex.split(command.partition(">")[0])[1:]
    parser().parse_args(arguments)


def test_who_built_a_kit_is_attested_and_hashes_are_published() -> None:
    steps = workflow()["jobs"]["kit"]["steps"]
    assert any("attest-build-provenance" in step.get("uses", "") for step in steps)
    assert any("sha256" in step.get("run", "") for step in steps)
