"""The GPU engine, run on a CPU: bfloat16, micro-batches, and what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from newsclf.common.errors import ModelError
from newsclf.serving.engines.torch_gpu import GpuEngine
from tests.support.builders import sample_rows

CLOSE = 0.02
"""bfloat16 has 8 bits of precision."""


@pytest.fixture
def model(trained: Path) -> Path:
    shutil.copytree(trained / "model", "model")
    return Path("model")


def float_scores(folder: Path, text: str) -> list[float]:
    """What transformers makes of a text on its own, in float32."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        logits = model(**tokenizer(text, return_tensors="pt", truncation=True)).logits
    scores: list[float] = logits.softmax(dim=1)[0].tolist()
    return scores


def test_scores_are_those_of_the_float_model_in_the_order_of_the_texts(model: Path) -> None:
    texts = [text for text, _ in sample_rows()[:150]]  # several batches, of mixed lengths
    engine = GpuEngine(model, device="cpu")

    found = engine.classify(texts)

    assert len(found) == len(texts)
    for index in range(0, len(texts), 10):
        scores = float_scores(model, texts[index])
        np.testing.assert_allclose(found[index].scores, scores, atol=CLOSE)
        np.testing.assert_allclose(
            found[index].scores, engine.classify([texts[index]])[0].scores, atol=CLOSE
        )
    assert engine.classify([]) == []


def test_a_text_of_any_length_is_cut(model: Path) -> None:
    (found,) = GpuEngine(model, device="cpu").classify(["profit " * 5_000])

    assert sum(found.scores) == pytest.approx(1)


def test_without_a_gpu_it_says_so(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ModelError, match="PyTorch finds none here") as raised:
        GpuEngine(model)

    assert "newsclf package" in (raised.value.hint or "")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_a_gpu_answers_like_the_cpu(model: Path) -> None:
    texts = [text for text, _ in sample_rows()[:150]]
    here, there = (GpuEngine(model, device=device).classify(texts) for device in ("cpu", "cuda"))

    for one, other in zip(here, there, strict=True):
        np.testing.assert_allclose(one.scores, other.scores, atol=CLOSE)


def test_damaged_weights_and_other_classes_are_refused(model: Path) -> None:
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    config["id2label"]["0"] = "bad"
    (model / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ModelError, match="negative"):
        GpuEngine(model, device="cpu")
    (model / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(ModelError, match="can't be loaded"):
        GpuEngine(model, device="cpu")
