"""Any encoder goes the whole way, from a training step to int8 answers, before it is trained."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from newsclf.common.settings import TrainSettings
from newsclf.contract.labels import LABELS
from newsclf.data.examples import Example
from newsclf.training.base import Base
from newsclf.training.classifier import load_base
from newsclf.training.rehearsal import rehearse
from tests.conftest import Cli
from tests.support.builders import ENCODERS, build_tiny_base, sample_rows
from tests.support.models import tiny_settings

ROWS = [Example(text, LABELS.index(label)) for text, label in sample_rows()[:6]]


@pytest.mark.parametrize("architecture", ENCODERS)
def test_an_encoder_goes_the_whole_way(tmp_path: Path, architecture: str) -> None:
    base = Base(architecture, build_tiny_base(tmp_path / "base", architecture), "local")
    work = tmp_path / "work"
    work.mkdir()

    rehearse(base, ROWS, TrainSettings(), work, int8=True)

    assert list(work.iterdir()) == []


@pytest.mark.parametrize(
    ("architecture", "tokens"),
    [("bert", 128), ("roberta", 127), ("mpnet", 126), ("distilbert", 128)],
)
def test_texts_are_cut_where_a_base_has_no_more_positions(
    tmp_path: Path, architecture: str, tokens: int
) -> None:
    base = Base(architecture, build_tiny_base(tmp_path / "base", architecture), "local")

    # RoBERTa's positions follow the padding's id, which is 0 here; MPNet's always follow 1.
    _, tokenizer = load_base(base, max_tokens=256)

    assert tokenizer.model_max_length == tokens


def test_an_mpnet_is_trained_to_a_model_that_predicts(tmp_path: Path, newsclf: Cli) -> None:
    base = build_tiny_base(tmp_path / "base", "mpnet")

    (tmp_path / "tiny.toml").write_text(tiny_settings(base), encoding="utf-8")

    trained = newsclf("train", "--config", tmp_path / "tiny.toml")
    assert trained.exit_code == 0, trained.err
    answer = newsclf("predict", "--json", "Karvo wins an order")

    assert json.loads(answer.out)["predictions"][0]["label"] in LABELS


@pytest.mark.parametrize(
    ("architecture", "step"), [("fnet", "the int8 export"), ("t5", "a training step")]
)
def test_a_base_that_cannot_go_the_whole_way_is_refused_before_training(
    tmp_path: Path, newsclf: Cli, capfd: pytest.CaptureFixture[str], architecture: str, step: str
) -> None:
    base = build_tiny_base(tmp_path / "base", architecture)

    ended = newsclf("train", "--data", "sample", "--base", base)

    assert ended.exit_code == 3
    assert f"cannot be used as a base, because {step} fails" in re.sub(r"\s+", " ", ended.err)
    assert "epoch" not in ended.err
    assert [path.name for path in Path().iterdir() if path.name != "base"] == []
    assert "graph(" not in capfd.readouterr().out
