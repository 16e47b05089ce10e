"""Which backend is expected to be the fastest for a model, and what a choice does with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from runtime.backends.drivers import drivers_identity
from runtime.backends.fit.need import Plan
from runtime.backends.kinds import FLOATS, KINDS, kinds_for, main_kind
from runtime.backends.ranking import seconds_per_token
from runtime.backends.rates import Rates
from tests.backends.fit.test_choose import MIXTURE, SEVEN

PROCESSOR = Rates(operation=2e-6, reading=20e9, prompt=200e9)
CARD = Rates(operation=8e-6, reading=400e9, prompt=10e12)
SOFTWARE = Rates(operation=1e-3, reading=15e6, prompt=15e6)
TINY = replace(SEVEN, layers=(replace(SEVEN.layers[0], count=5, weights=630_000),), embedding=560_000, output=560_000)


def seconds(shape: object, device: Rates, layers: int) -> float:
    return seconds_per_token(shape, Plan(2048, gpu_layers=layers), device, PROCESSOR)  # type: ignore[arg-type]


def test_a_graphics_card_wins_with_a_large_model() -> None:
    assert seconds(SEVEN, CARD, 33) < seconds(SEVEN, PROCESSOR, 0) / 5


def test_a_tiny_model_is_faster_on_the_processor() -> None:
    assert seconds(TINY, CARD, 6) > seconds(TINY, PROCESSOR, 0)


def test_a_device_made_of_software_always_loses() -> None:
    for shape, layers in ((SEVEN, 33), (TINY, 6)):
        assert seconds(shape, SOFTWARE, layers) > seconds(shape, PROCESSOR, 0)


def test_every_layer_on_the_card_makes_it_faster() -> None:
    times = [seconds(SEVEN, CARD, layers) for layers in range(34)]
    assert times == sorted(times, reverse=True)


def test_of_its_experts_a_token_reads_only_those_it_uses() -> None:
    dense, sparse = replace(MIXTURE, experts_used=8, expert_count=8), replace(MIXTURE, expert_count=8)
    assert seconds(sparse, PROCESSOR, 0) < seconds(dense, PROCESSOR, 0) / 2


def test_a_graphics_device_is_proven_with_the_models_own_formats_only() -> None:
    shape = replace(SEVEN, types=("Q5_K", "IQ2_XXS", "F32"))
    assert kinds_for(shape, processor=False) == (*FLOATS, "Q5_K")
    assert kinds_for(shape, processor=True) == (*KINDS, "Q5_K")
    assert main_kind(shape) == "Q5_K"


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (
            (root / "proc/driver/nvidia").mkdir(parents=True)
            or (root / "proc/driver/nvidia/version").write_text("590.1")
        ),
        lambda root: (root / "usr/share/vulkan/icd.d/other.json").write_text("{}"),
        lambda root: (root / "usr/share/vulkan/icd.d/lvp.json").write_text("{ }"),
        lambda root: (root / "usr/share/vulkan/icd.d/lvp.json").unlink(),
    ],
    ids=["kernel driver", "another driver", "changed driver", "removed driver"],
)
def test_another_driver_is_noticed(tmp_path: Path, change: object) -> None:
    (tmp_path / "usr/share/vulkan/icd.d").mkdir(parents=True)
    (tmp_path / "usr/share/vulkan/icd.d/lvp.json").write_text("{}")
    before = drivers_identity(tmp_path, {})
    assert drivers_identity(tmp_path, {}) == before
    change(tmp_path)  # type: ignore[operator]
    assert drivers_identity(tmp_path, {}) != before


def test_hiding_a_device_is_noticed(tmp_path: Path) -> None:
    assert drivers_identity(tmp_path, {}) != drivers_identity(tmp_path, {"CUDA_VISIBLE_DEVICES": "1"})
