"""Tiny models, and workers on them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.workers import Worker
from tests.models import TinyModel


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bytes as tokens, F32."""
    return TinyModel().write(tmp_path_factory.mktemp("models") / "tiny-f32.gguf")


@pytest.fixture(scope="session")
def sentencepiece_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SentencePiece, adds a beginning-of-text token; Q8_0."""
    return TinyModel(vocabulary="spm", weights="Q8_0").write(tmp_path_factory.mktemp("models") / "tiny-q8_0.gguf")


@pytest.fixture
def worker(engine_dir: Path, tiny_model: Path) -> Worker:
    return Worker.on(engine_dir, tiny_model)


@pytest.fixture
def sentencepiece_worker(engine_dir: Path, sentencepiece_model: Path) -> Worker:
    return Worker.on(engine_dir, sentencepiece_model)
