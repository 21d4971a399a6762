"""Calibration is folded into the head of any encoder, and is in every form of the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from newsclf.common.errors import ModelError
from newsclf.common.settings import DataSettings, load_settings
from newsclf.common.visible import markdown
from newsclf.contract.labels import LABELS
from newsclf.data import headlines
from newsclf.data.examples import Example
from newsclf.data.sources import load_data
from newsclf.data.split import split
from newsclf.model.card import read_card
from newsclf.serving.engines.onnx_runtime import Engine
from newsclf.training.base import Base
from newsclf.training.calibration.fitting import Correction
from newsclf.training.calibration.head import fold, head_of
from newsclf.training.calibration.rows import RowSet
from newsclf.training.calibration.run import calibrate
from newsclf.training.classifier import classify_float, load_base, load_trained, logits_of
from newsclf.training.folder import TrainRequest
from newsclf.training.run import train
from newsclf.training.seen_texts import part_of, read_seen_texts
from tests.conftest import Cli
from tests.support.builders import ENCODERS, build_tiny_base, sample_rows, write_csv
from tests.support.models import Unwatched, tiny_settings

TEXTS = [text for text, _ in sample_rows()[:8]]
CORRECTION = Correction(0.6, (0.4, -0.7, 0.3))


@pytest.mark.parametrize("architecture", ENCODERS)
def test_the_written_model_gives_the_calibrated_logits(tmp_path: Path, architecture: str) -> None:
    base = Base(architecture, build_tiny_base(tmp_path / "base", architecture), "local")
    model, tokenizer = load_base(base, max_tokens=64)
    before = logits_of(model, tokenizer, TEXTS).double().numpy()

    fold(head_of(model, tokenizer), CORRECTION)
    model.save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")

    after = logits_of(*load_trained(tmp_path / "model"), TEXTS).double().numpy()
    assert np.abs(after - CORRECTION.applied(before)).max() < 1e-5


def test_a_temperature_alone_changes_no_label(tiny_base: Path) -> None:
    model, tokenizer = load_base(Base("tiny", tiny_base, "local"), max_tokens=64)
    before = logits_of(model, tokenizer, TEXTS)

    fold(head_of(model, tokenizer), Correction(0.25))

    after = logits_of(model, tokenizer, TEXTS)
    assert torch.equal(after.argmax(dim=1), before.argmax(dim=1))
    assert torch.allclose(after / 4, before, atol=1e-6)


def test_a_head_without_a_bias_is_refused(tiny_base: Path) -> None:
    config = AutoConfig.for_model(
        "gpt2",
        vocab_size=1500,
        n_embd=32,
        n_layer=1,
        n_head=2,
        num_labels=3,
        **{f"{name}_token_id": 0 for name in ("bos", "eos", "pad")},
    )
    model = AutoModelForSequenceClassification.from_config(config)

    with pytest.raises(ModelError, match="not the output of a linear layer") as error:
        head_of(model, AutoTokenizer.from_pretrained(tiny_base, model_max_length=64))

    assert 'calibration = "none"' in (error.value.hint or "")


def test_a_model_whose_logits_are_no_numbers_is_left_as_it_is(tiny_base: Path) -> None:
    model, tokenizer = load_base(Base("tiny", tiny_base, "local"), max_tokens=64)
    with torch.no_grad():
        head_of(model, tokenizer).bias.fill_(torch.nan)

    found = calibrate(model, tokenizer, [RowSet("own", [Example("Karvo wins an order", 2)])])

    assert found is not None
    assert found.sentence == "Not calibrated: its logits are not finite numbers."
    assert (found.temperature, found.sets) == (1, [])


@pytest.fixture(scope="module")
def models(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A model for each value of the setting, which are alike but for their calibration.

    Their data are none of the shipped headlines.
    """
    folder = tmp_path_factory.mktemp("models")
    rows = [(f"{text} again", label) for text, label in sample_rows()]
    data = write_csv(folder / "own.csv", [("text", "label"), *rows])
    config = folder / "tiny.toml"
    config.write_text(tiny_settings(tiny_base, epochs=2), encoding="utf-8")
    for value in ("none", "own", "headlines"):
        flags = {
            "model": folder / value,
            "data": {"source": str(data)},
            "train": {"calibration": value},
        }
        train(TrainRequest(settings=load_settings(config, environ={}, flags=flags)), Unwatched())
    return {value: folder / value for value in ("none", "own", "headlines")}


@pytest.mark.parametrize("value", ["own", "headlines"])
def test_the_card_says_what_the_weights_hold(models: dict[str, Path], value: str) -> None:
    _, card = read_card(models[value])
    assert card.calibration is not None
    correction = Correction(card.calibration.temperature, card.calibration.biases)

    plain = logits_of(*load_trained(models["none"]), TEXTS).double().numpy()
    found = logits_of(*load_trained(models[value]), TEXTS).double().numpy()

    assert correction != Correction()
    assert np.abs(found - correction.applied(plain)).max() < 1e-5
    assert markdown(card.calibration.sentence) in (models[value] / "README.md").read_text(
        encoding="utf-8"
    )


def test_the_card_names_the_rows_and_none_without_calibration(models: dict[str, Path]) -> None:
    settings = read_card(models["own"])[1].data.settings
    data = load_data(settings)
    own = (data.name, len(split(data, settings).validation))
    corpus = headlines.read(DataSettings(source="headlines"))
    shipped = (corpus.name, len(corpus.validation or ()))

    sets = {
        value: card.calibration and [(each.name, each.rows) for each in card.calibration.sets]
        for value, path in models.items()
        for _, card in [read_card(path)]
    }

    assert sets == {"none": None, "own": [own], "headlines": [own, shipped]}
    assert "\nNot calibrated.\n" in (models["none"] / "README.md").read_text(encoding="utf-8")


def test_the_validation_score_is_that_of_the_written_model(models: dict[str, Path]) -> None:
    settings = read_card(models["own"])[1].data.settings
    rows = split(load_data(settings), settings).validation
    for path in models.values():
        _, card = read_card(path)
        answers = classify_float(*load_trained(path), [row.text for row in rows])
        right = sum(LABELS[r.label_id] == a.label for r, a in zip(rows, answers, strict=True))
        assert card.validation.accuracy == pytest.approx(right / len(rows))
        assert card.history == read_card(models["none"])[1].history


def test_the_int8_file_is_calibrated_alike(models: dict[str, Path]) -> None:
    expected = classify_float(*load_trained(models["headlines"]), TEXTS)
    answers = Engine(models["headlines"]).classify(TEXTS)

    assert [a.scores for a in answers] == [pytest.approx(e.scores, abs=0.05) for e in expected]


def test_headlines_that_were_calibrated_on_count_as_seen(models: dict[str, Path]) -> None:
    corpus = headlines.read(DataSettings(source="headlines")).validation or ()
    seen = read_seen_texts(models["headlines"])

    assert {part_of(seen, example.text) for example in corpus} == {"validation"}
    assert {part_of(read_seen_texts(models["own"]), each.text) for each in corpus} == {None}


def test_the_command_says_how_it_was_calibrated(tiny_base: Path, newsclf: Cli) -> None:
    config = Path("tiny.toml")
    config.write_text(tiny_settings(tiny_base, epochs=1, calibration="headlines"), encoding="utf-8")

    result = newsclf("train", "--config", config)

    assert result.exit_code == 0, result.err
    assert "seed 0: Calibrated: temperature" in " ".join(result.err.split())


def test_another_value_is_refused_with_those_there_are(newsclf: Cli) -> None:
    Path("bad.toml").write_text('[train]\ncalibration = "phrasebank"\n', encoding="utf-8")

    result = newsclf("train", "--config", "bad.toml")

    assert result.exit_code == 2
    said = " ".join(result.err.split())
    assert "train.calibration = phrasebank in bad.toml" in said
    assert all(value in said for value in ("headlines", "own", "none", "configs/default.toml"))
