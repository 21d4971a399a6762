"""Students: layers of a base, taught by a model, made by `newsclf optimize --student`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedModel

from newsclf.common.errors import ConfigError
from newsclf.common.settings import DataSettings, TrainSettings
from newsclf.data.headlines import read as read_headlines
from newsclf.data.overlap import distinct
from newsclf.training.base import Base, resolve_base
from newsclf.training.classifier import load_base, load_trained, logits_of
from newsclf.training.distil.student import kept_layers, load_start
from newsclf.training.distil.teacher import open_teacher
from newsclf.training.seen_texts import part_of, read_seen_texts
from tests.conftest import Cli
from tests.support.builders import ENCODERS, build_tiny_base, sample_rows, write_csv
from tests.support.models import tiny_settings

TEXTS = ["Nordal's profit falls by a third", "Veltana wins an order worth EUR 40m"]


@pytest.fixture
def config(tiny_base: Path, tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(tiny_settings(tiny_base, epochs=2), encoding="utf-8")
    return path


@pytest.fixture
def model(trained: Path) -> Path:
    return shutil.copytree(trained / "model", Path("mine"))


@pytest.fixture
def unlabelled() -> Path:
    known = {text for text, _ in sample_rows()}
    corpus = read_headlines(DataSettings(source="headlines")).examples
    texts = [example.text for example in corpus[:200] if example.text not in known]
    rows = [(texts[i],) for i in distinct(texts)[:20]]
    return write_csv(Path("news.csv"), [("headline",), *rows])


def card_of(folder: str) -> dict[str, Any]:
    card: dict[str, Any] = json.loads(Path(folder, "card.json").read_text(encoding="utf-8"))
    return card


def layer_weights(model: PreTrainedModel, layer: int) -> list[torch.Tensor]:
    return [
        tensor
        for name, tensor in model.state_dict().items()
        if f"layer.{layer}." in name or f"layers.{layer}." in name
    ]


def start_of(base: Path, student: str) -> PreTrainedModel:
    return load_start(Base("tiny", base, "local"), TrainSettings(student=student)).model


@pytest.mark.parametrize(
    ("count", "of", "kept"),
    [
        (3, 6, [0, 2, 5]),
        (2, 6, [0, 5]),
        (1, 6, [0]),
        (6, 6, [0, 1, 2, 3, 4, 5]),
        (4, 12, [0, 4, 7, 11]),
    ],
)
def test_layers_are_kept_at_even_distances_with_the_first_and_the_last(
    count: int, of: int, kept: list[int]
) -> None:
    assert kept_layers(count, of) == kept


@pytest.mark.parametrize("architecture", [name for name in ENCODERS if name != "albert"])
def test_a_student_starts_with_layers_of_its_base_and_loads_as_it_was_written(
    architecture: str, tmp_path: Path
) -> None:
    base = build_tiny_base(tmp_path / architecture, architecture)

    start = load_start(Base("tiny", base, "local"), TrainSettings(student="1x64"))

    whole, _ = load_base(Base("tiny", base, "local"), max_tokens=64)
    kept = layer_weights(start.model, 0)
    assert kept
    assert all(map(torch.equal, kept, layer_weights(whole, 0)))
    assert layer_weights(start.model, 1) == []
    start.model.save_pretrained(tmp_path / "student")
    start.tokenizer.save_pretrained(tmp_path / "student")
    again, tokenizer = load_trained(tmp_path / "student")
    assert torch.equal(
        logits_of(again, tokenizer, TEXTS), logits_of(start.model, start.tokenizer, TEXTS)
    )


def test_a_student_with_all_layers_answers_like_the_model_that_it_is_made_of(
    trained: Path,
) -> None:
    folder = trained / "model"

    start = load_start(resolve_base(str(folder)), TrainSettings(student="2x64"))

    expected = logits_of(*load_trained(folder), TEXTS)
    assert torch.equal(logits_of(start.model, start.tokenizer, TEXTS), expected)


@pytest.mark.parametrize(
    ("architecture", "student", "said", "advice"),
    [
        ("bert", "3x64", "tiny has only 2 layers", "--student 2x64"),
        ("bert", "1x32", "tiny is 64 wide", "--student 1x64"),
        ("bert", "3x128", "tiny is 64 wide", "--student 2x64"),
        ("albert", "1x64", "1 of its 2 layers can't be a model of their own", "minilm"),
    ],
)
def test_a_student_that_could_not_start_with_weights_of_its_base_is_refused(
    architecture: str, student: str, said: str, advice: str, tmp_path: Path
) -> None:
    base = build_tiny_base(tmp_path / architecture, architecture)

    with pytest.raises(ConfigError, match=said) as refused:
        start_of(base, student)

    assert advice in str(refused.value.hint)


def test_a_student_of_a_model_has_its_data_and_names_it_as_teacher(
    config: Path, model: Path, unlabelled: Path, newsclf: Cli
) -> None:
    result = newsclf(
        *("optimize", model, "--student", "1x64", "--unlabelled", unlabelled, "--config", config)
    )

    assert result.exit_code == 0, result.err
    whole, student = card_of("mine"), card_of("mine-1x64")
    assert student["student"] == {"layers": [0], "base_layers": 2, "width": 64}
    assert student["distillation"]["teacher"] == "mine"
    assert student["distillation"]["teacher_digest"] == open_teacher(model).digest
    assert student["distillation"]["unlabelled_rows"] == 20
    assert student["base"] == {"name": "mine", "revision": open_teacher(model).digest}
    assert student["data"] == whole["data"]
    assert student["int8"]["rows"] == whole["int8"]["rows"]
    readme = Path("mine-1x64/README.md").read_text(encoding="utf-8")
    assert "Of its 2 layers, counted from 0, the model has 0." in readme
    assert "Taught by mine, made from" in readme
    assert "newsclf evaluate --model mine-1x64" in result.err
    evaluated = newsclf("evaluate", "--model", "mine-1x64")
    assert evaluated.exit_code == 0, evaluated.err


def test_a_pretrained_base_and_another_teacher_can_be_named(
    config: Path, model: Path, trained: Path, tmp_path: Path, newsclf: Cli
) -> None:
    base = build_tiny_base(tmp_path / "bert", "bert")

    result = newsclf(
        *("optimize", "--model", model, "--student", "1x64", "--config", config, "--seeds", 2),
        *("--student-base", base, "--teacher", trained / "model", "--out", "small"),
    )

    assert result.exit_code == 0, result.err
    student = card_of("small/seed-1")
    assert student["base"] == {"name": str(base), "revision": "local"}
    assert student["distillation"]["teacher"] == str(trained / "model")
    assert json.loads(Path("small/seed-1/config.json").read_text())["model_type"] == "bert"


def test_rows_weigh_as_in_the_card_unless_a_setting_says_otherwise(
    config: Path, model: Path, newsclf: Cli
) -> None:
    asked = ("optimize", model, "--student", "1x64", "--epochs", 1, "--config", config)

    plain = newsclf(*asked)
    with config.open("a", encoding="utf-8") as file:
        file.write("[train.agreement_smoothing]\n100 = 0.2\n")
    changed = newsclf(*asked, "--out", "other")

    assert (plain.exit_code, changed.exit_code) == (0, 0), changed.err
    trained = card_of("mine")["training"]
    assert trained["calibration"] == "none"
    assert card_of("mine-1x64")["training"]["agreement_smoothing"] == trained["agreement_smoothing"]
    assert card_of("other")["training"]["agreement_smoothing"] != trained["agreement_smoothing"]


def test_an_interrupted_student_is_resumed(
    config: Path, model: Path, newsclf: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    import newsclf.training.run as training

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    asked = ("optimize", model, "--student", "1x64", "--config", config)
    with monkeypatch.context() as patched:
        patched.setattr(training, "write_model", interrupted)  # after the last epoch
        stopped = newsclf(*asked)
    again = newsclf(*asked)
    resumed = newsclf("train", "--resume", "--out", "mine-1x64")
    whole = newsclf(*asked, "--out", "whole")

    assert stopped.exit_code == 130
    assert "newsclf train --resume --out mine-1x64" in stopped.err
    assert again.exit_code == 2
    assert "holds an interrupted run" in again.err
    assert (resumed.exit_code, whole.exit_code) == (0, 0), resumed.err
    assert card_of("mine-1x64")["files"] == card_of("whole")["files"]


def test_a_base_that_knows_the_test_part_is_refused(
    config: Path, trained: Path, newsclf: Cli
) -> None:
    # The model's rows in a file of their own have other parts than the sample.
    write_csv(Path("mine.csv"), [("text", "label"), *sample_rows()])

    result = newsclf("train", "--config", config, "--data", "mine.csv", "--base", trained / "model")

    assert result.exit_code == 2
    assert "this base was trained on" in result.err
    assert not Path("model").exists()


def test_what_the_base_has_seen_counts_as_seen(config: Path, model: Path, newsclf: Cli) -> None:
    rows = [("A text of another file, so far unseen", "neutral"), *sample_rows()[:40]]
    rows += [(f"{text} in {place}", label) for text, label in rows for place in ("Oslo", "Lima")]
    write_csv(Path("other.csv"), [("text", "label"), *rows])
    test = write_csv(
        Path("test.csv"), [("text", "label"), *zip(TEXTS, ("negative", "positive"), strict=True)]
    )
    own = read_seen_texts(model)

    result = newsclf(
        *("train", "--config", config, "--data", "other.csv", "--test", test, "--base", model),
        *("--epochs", 1),
    )

    assert result.exit_code == 0, result.err
    seen = read_seen_texts(Path("model"))
    assert set(own) <= set(seen)
    assert part_of(seen, rows[0][0]) is not None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--teacher", "T"], "--teacher: only with --student"),
        (["--seeds", "2", "--out", "x"], "--out, --seeds: only with --student"),
        (["--student", "small"], "should be layers x width, such as 3x384"),
        (["--student", "3x64"], "mine has only 2 layers"),
        (["--student", "1x32"], "mine is 64 wide"),
        (["--student", "1x64", "--out", "mine", "--overwrite"], "would replace the model"),
        (["--student", "1x64", "--model", "mine"], "two model directories"),
        (["--student", "1x64", "--student-base", "no/such/base"], "no/such/base: not a folder"),
        (["--student", "1x64", "--data", "other.csv"], "the data has changed"),
    ],
)
def test_a_student_that_cannot_be_made_is_refused_before_anything_is_trained(
    config: Path, model: Path, newsclf: Cli, options: list[str], said: str
) -> None:
    write_csv(Path("other.csv"), [("text", "label"), *sample_rows()[:60]])

    result = newsclf("optimize", model, "--config", config, *options)

    assert result.exit_code == 2, result.err
    assert said in result.err
    assert "Traceback" not in result.err
    assert "epoch" not in result.err
    assert sorted(path.name for path in Path().glob("*1x64*")) == []
