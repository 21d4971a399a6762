"""What train and evaluate say of a data file, and take as options for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from newsclf.common.settings import load_settings
from newsclf.data.sources import load_again
from newsclf.model.card import read_card
from tests.conftest import Cli
from tests.support.builders import sample_rows

UNQUOTED = str.maketrans(';"', ",'")
"""What means something in a CSV file with semicolons."""


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--text-column", "a", "--text-column", "b"], "--text-column is given 2 times: a, b"),
        (["--label-column", "a", "--label-column", "b"], "--label-column is given 2 times: a, b"),
        (["--encoding", "klingon"], "--encoding klingon: should be an encoding such as"),
        (["--delimiter", ";;"], "--delimiter ;;: should be one character"),
        (["--score-thresholds", "1,0"], "should be two numbers, the lower one first"),
        (["--columns", "text"], "--columns names 1 columns (text), and line 1 has 2 fields"),
        (["--data", "nothing.csv"], "nothing.csv: no such data file or folder"),
        (["--test", "nothing.csv"], "nothing.csv: no such data file or folder"),
    ],
)
def test_options_for_data_that_can_not_be_meant(
    newsclf: Cli, options: list[str], said: str
) -> None:
    Path("d.csv").write_text("text,label\nA,positive\nB,neutral\n", encoding="utf-8")

    result = newsclf("train", "--data", "d.csv", *options)

    assert result.exit_code == 2, result.err
    assert said in result.err
    assert "Traceback" not in result.err


def test_the_hint_for_labels_is_a_command_without_a_guess(newsclf: Cli) -> None:
    Path("d.csv").write_text("text,label\nA,0\nB,1\nC,it's up\n", encoding="utf-8")

    result = newsclf("train", "--data", "d.csv")

    assert result.exit_code == 2
    assert "unknown labels '0' (1 row), '1' (1 row), \"it's up\" (1 row)" in result.err
    assert "--label 0=… --label 1=… --label 'it'\"'\"'s up'=…" in result.err


def test_evaluate_says_how_it_read_a_file(trained: Path, newsclf: Cli) -> None:
    rows = [f"{label};{text.translate(UNQUOTED)} – Örebro" for text, label in sample_rows()[:20]]
    Path("d.csv").write_bytes("\n".join(["label;headline", *rows]).encode("cp1252"))

    result = newsclf(
        "evaluate", "--model", trained / "model", "--data", "d.csv", "--out", "r", "--json"
    )

    assert result.exit_code == 0, result.err
    assert json.loads(result.out)["score"]["rows"] == 20
    assert "d.csv: read as Windows-1252: line 2 is not UTF-8 (byte 0x96" in result.err
    assert "d.csv: read as semicolon-separated (--delimiter)" in result.err
    assert "headlines are taken from the column 'headline' (--text-column)" in result.err
    told = newsclf(
        "evaluate",
        "--model",
        trained / "model",
        "--data",
        "d.csv",
        "--out",
        "r",
        "--encoding",
        "cp1252",
        "--delimiter",
        ";",
        "--text-column",
        "headline",
    )
    assert told.exit_code == 0, told.err
    assert "read as" not in told.err


def test_a_model_of_separate_files_finds_its_test_part_again(trained: Path) -> None:
    rows = sample_rows()
    for name, part in (("train", rows[:300]), ("valid", rows[300:400]), ("test", rows[400:])):
        Path(f"{name}.jsonl").write_text(
            "".join(json.dumps({"text": t, "label": s}) + "\n" for t, s in part), encoding="utf-8"
        )
    names = {"source": "train.jsonl", "validation": "valid.jsonl", "test": "test.jsonl"}
    settings = load_settings(None, environ={}, flags={"data": names}).data
    from newsclf.data.sources import load_data
    from newsclf.data.split import split

    data = load_data(settings)
    card = read_card(trained / "model")[1]
    described = card.data.model_copy(update={"settings": settings, "digest": data.digest})
    card = card.model_copy(update={"data": described})

    again, known = load_again(card.data.settings, digest=card.data.digest)
    assert [e.text for e in split(again, known).test] == [text for text, _ in rows[400:]]

    Path("test.jsonl").unlink()
    from newsclf.common.errors import DataError

    with pytest.raises(DataError, match=r"test\.jsonl: no such data file or folder"):
        load_again(card.data.settings, digest=card.data.digest)
