"""Parts of the recipe that need PyTorch; skipped where the dependency group `train` is not installed."""

from pathlib import Path

import gguf
import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("tokenizers")

from bundler.demo import MODEL_PATH, convert, resume  # noqa: E402
from bundler.demo.muon import orthogonalised  # noqa: E402
from bundler.demo.train import Recipe, Stage  # noqa: E402


@pytest.mark.parametrize("shape", [(64, 64), (64, 128), (128, 64)])
def test_an_orthogonalised_update_pulls_equally_in_all_directions(shape: tuple[int, int]) -> None:
    torch.manual_seed(1)
    values = torch.linalg.svdvals(orthogonalised(torch.randn(shape)))
    assert values.max() < 1.3
    assert values.median() > 0.6


def test_a_model_read_back_and_written_again_is_the_same(tmp_path: Path) -> None:
    model, vocabulary = resume.read(MODEL_PATH)
    again = convert.write(model, vocabulary, tmp_path / "again.gguf", convert.COMMITTED)
    before, after = (gguf.GGUFReader(path) for path in (MODEL_PATH, again))
    for ours, theirs in zip(before.tensors, after.tensors, strict=True):
        assert ours.name == theirs.name
        assert np.array_equal(ours.data, theirs.data), ours.name
    for name in ("tokens", "merges"):
        key = f"tokenizer.ggml.{name}"
        assert before.get_field(key).contents() == after.get_field(key).contents()


def test_the_rate_rises_stays_and_falls() -> None:
    stage = Stage(1, Recipe().stages[0].mix, steps=100, way_down=50, warm_up=10, gain=0.5)
    rates = [stage.rate_at(step) for step in range(1, 101)]
    assert rates[0] == pytest.approx(0.05)
    assert rates[9:51] == [0.5] * 42
    assert rates[-1] == pytest.approx(0.01)
