"""`newsclf train --extra`: rows of a labelled file beside the main data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from newsclf.common.files import file_digest
from newsclf.common.settings import DataSettings
from newsclf.data import headlines
from newsclf.data.labelled import LabelledRow
from newsclf.data.overlap import near_any
from newsclf.data.sources import load_data
from newsclf.data.split import split
from newsclf.training.seen_texts import part_of, read_seen_texts
from tests.conftest import Cli
from tests.support.builders import sample_rows
from tests.support.labelled_builders import row_of, write_labelled_file
from tests.support.models import tiny_settings

PARTS = split(load_data(DataSettings(source="sample")), DataSettings(source="sample"))
_KNOWN = [text for text, _ in sample_rows()]
_CORPUS = [row for row in headlines.rows() if row["part"] == "train"][:300]
_NEAR = near_any([row["text"] for row in _CORPUS], _KNOWN)
NEW = [row for row, near in zip(_CORPUS, _NEAR, strict=True) if not near][:60]


def labelled_rows() -> list[LabelledRow]:
    """New headlines, one of each part of the sample, and one without a label."""
    new = [row_of(row["text"], *[row["label"]] * 3) for row in NEW]
    known = [PARTS.train[0], PARTS.validation[0], PARTS.test[0]]
    return [*new, *(row_of(each.text, "neutral") for each in known), row_of("Unclear", None)]


@pytest.fixture
def config(tiny_base: Path, tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(tiny_settings(tiny_base), encoding="utf-8")
    return path


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    return write_labelled_file(tmp_path / "labelled.jsonl", labelled_rows())


def card_of(folder: str) -> dict[str, Any]:
    card: dict[str, Any] = json.loads(Path(folder, "card.json").read_text(encoding="utf-8"))
    return card


def test_the_card_and_the_readme_name_the_file_with_its_audit(
    config: Path, labelled: Path, newsclf: Cli
) -> None:
    result = newsclf(
        "train", "--config", config, "--extra", labelled, "--extra-weight", 0.3, "--seeds", 2
    )

    assert result.exit_code == 0, result.err
    for seed in ("seed-0", "seed-1"):
        card = card_of(f"model/{seed}")
        extra = card["extra"]
        assert extra["digest"] == file_digest(labelled)
        assert (extra["name"], extra["weight"], extra["unlabelled"]) == ("labelled.jsonl", 0.3, 1)
        assert (extra["held_out"], extra["gold_rows"], extra["accuracy"]) == (2, 10, 0.8)
        used = sum(extra["rows"].values())
        assert used + extra["repeated"] == len(NEW) + 1
        assert used > 40
        assert sum(card["data"]["train"].values()) == len(PARTS.train) + used
    readme = Path("model/seed-0/README.md").read_text(encoding="utf-8")
    assert f"{used} of the training rows are from labelled.jsonl, SHA-256" in readme
    assert "measured on 10 hidden rows of training part of sample: accuracy 80.0 %" in readme
    assert f"{used} more rows to train on, with the weight 0.3 (1 have no label" in result.err
    assert "2 resemble a validation or test row" in result.err
    seen = read_seen_texts(Path("model/seed-0"))
    assert part_of(seen, NEW[0]["text"]) == "training"


def test_without_it_training_is_as_before_and_with_it_the_weights_differ(
    config: Path, labelled: Path, newsclf: Cli
) -> None:
    for name, options in (("plain", []), ("more", ["--extra", labelled])):
        result = newsclf("train", "--config", config, "--out", name, "--no-optimize", *options)
        assert result.exit_code == 0, result.err

    assert card_of("plain")["extra"] is None
    assert card_of("more")["extra"]["weight"] == 0.5
    weights = "model.safetensors"
    assert card_of("plain")["files"][weights] != card_of("more")["files"][weights]
    plain = Path("plain/README.md").read_text(encoding="utf-8")
    assert "of the training rows are from" not in plain


def test_a_file_below_its_gate_trains_nothing(config: Path, newsclf: Cli) -> None:
    file = write_labelled_file(Path("labelled.jsonl"), labelled_rows(), right_of_10=5)

    result = newsclf("train", "--config", config, "--extra", file)

    assert result.exit_code == 6
    assert "its labels did not meet their gate accuracy=0.7 (accuracy 0.500" in result.err
    assert "newsclf label --audit labelled.jsonl" in result.err
    assert not Path("model").exists()
    assert not Path("model.partial").exists()


def test_a_run_is_not_resumed_with_another_file(
    config: Path, labelled: Path, newsclf: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    import newsclf.training.run as training

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(training, "write_model", interrupted)  # after the last epoch
        assert newsclf("train", "--config", config, "--extra", labelled).exit_code == 130
    write_labelled_file(labelled, labelled_rows()[:30])

    changed = newsclf("train", "--resume")
    write_labelled_file(labelled, labelled_rows())
    resumed = newsclf("train", "--resume")

    assert changed.exit_code == 2
    assert "the labelled file has changed since the run was interrupted" in changed.err
    assert resumed.exit_code == 0, resumed.err
    assert card_of("model")["extra"]["digest"] == file_digest(labelled)


def test_a_teacher_learns_from_the_file_too_and_is_used_again_only_with_it(
    config: Path, tiny_base: Path, labelled: Path, newsclf: Cli
) -> None:
    asked = ("train", "--config", config, "--teacher", tiny_base, "--no-optimize")
    first = newsclf(*asked, "--extra", labelled)
    Path("model").rename("first")
    trained_at = Path("model-teacher/card.json").stat().st_mtime_ns
    again = newsclf(*asked, "--extra", labelled)
    Path("model").rename("again")
    without = newsclf(*asked)

    assert first.exit_code == 0, first.err
    assert again.exit_code == 0, again.err
    assert card_of("model-teacher")["extra"] == card_of("first")["extra"]
    assert Path("model-teacher/card.json").stat().st_mtime_ns == trained_at
    assert without.exit_code == 2
    assert "model-teacher is a teacher with other data or settings" in without.err


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--extra", "gone.jsonl"], 2, "gone.jsonl: no such file"),
        (["--extra-weight", "0.5"], 2, "--extra-weight: only with --extra"),
        (["--extra", "labelled.jsonl", "--extra-weight", "2"], 2, "--extra-weight 2"),
    ],
)
@pytest.mark.usefixtures("labelled")
def test_what_cannot_be_used_is_said_before_anything_is_trained(
    config: Path, newsclf: Cli, options: list[str], code: int, said: str
) -> None:
    result = newsclf("train", "--config", config, *options)

    assert result.exit_code == code
    assert said in result.err
    assert not Path("model.partial").exists()
