"""Headlines, files and streams through `newsclf predict`, with a trained tiny model."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet
import pytest

from newsclf.contract.answers import Prediction
from newsclf.contract.labels import LABELS
from newsclf.contract.limits import MAX_HEADLINES
from newsclf.predict.answer import Asked, answer
from newsclf.predict.classifier import Classifier
from newsclf.predict.run import RowsRequest, ScoreRequest, score
from tests.conftest import Cli
from tests.support.builders import EXTRAS, sample_rows, write_csv


@pytest.fixture
def model(trained: Path) -> Path:
    """A copy of the trained model in the working folder, as `model`."""
    shutil.copytree(trained / "model", "model")
    return Path("model")


def give_stdin(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Put a text where a pipe would be."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


def always_neutral(texts: Sequence[str]) -> list[Prediction]:
    """Classify without a model."""
    return [Prediction((0.1, 0.8, 0.1))] * len(texts)


def test_predicting_needs_nothing_that_trains(model: Path) -> None:
    """With every package of the extras out of reach, a headline and a file are classified."""
    Path("in.csv").write_text("text\nProfit rose\n", encoding="utf-8")
    code = f"""
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {EXTRAS!r}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Missing())
from newsclf.cli.main import main
for arguments in (["Profit rose"], ["--input", "in.csv", "--output", "out.csv"]):
    sys.argv = ["newsclf", "predict", "--model", {str(model.resolve())!r}, *arguments]
    try:
        main()
    except SystemExit as exited:
        assert exited.code in (0, None), exited.code
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "▸" in done.stdout
    assert Path("out.csv").is_file()


@pytest.mark.usefixtures("model")
def test_the_text_column_is_no_matter_of_text_files(newsclf: Cli) -> None:
    Path("in.txt").write_text("Profit rose\n", encoding="utf-8")

    result = newsclf(
        "predict", "--input", "in.txt", "--output", "out.csv", "--text-column", "title"
    )

    assert result.exit_code == 0, result.err


def test_a_file_without_the_column_of_the_training_data_is_noted(newsclf: Cli, model: Path) -> None:
    card = json.loads((model / "card.json").read_text(encoding="utf-8"))
    card["data"]["settings"]["text_column"] = "wire"
    (model / "card.json").write_text(json.dumps(card), encoding="utf-8")
    write_csv(Path("in.csv"), [("title",), ("Profit rose",)])

    result = newsclf("predict", "--input", "in.csv", "--output", "out.csv")

    assert result.exit_code == 0, result.err
    assert "it has no column 'wire', which the model was trained with" in result.err
    assert "headlines are taken from the column 'title'" in result.err


@pytest.mark.usefixtures("model")
def test_predict_shows_labels_bars_and_time(newsclf: Cli) -> None:
    result = newsclf("predict", "Profit rose [bold]sharply[/bold]", "Loss \x1b[2Jwidened")

    assert result.exit_code == 0, result.err
    assert "Profit rose [bold]sharply[/bold]" in result.out
    assert r"Loss \x1b[2Jwidened" in result.out
    assert "\x1b[2J" not in result.out
    assert result.out.count("▸") == 2
    assert "█" in result.out
    assert "2 headlines in" in result.err


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize("arguments", [["-"], []])
def test_predict_reads_stdin(
    newsclf: Cli, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    give_stdin(monkeypatch, "Profit rose\n\n  Ä\x85 loss\u2028!  \r\n")

    result = newsclf("predict", *arguments, "--json")

    predictions = json.loads(result.out)["predictions"]
    assert [p["headline"] for p in predictions] == ["Profit rose", "Ä\x85 loss\u2028!"]
    assert set(predictions[0]["scores"]) == set(LABELS)
    assert predictions[0]["label"] == max(LABELS, key=predictions[0]["scores"].__getitem__)


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet", ".txt"])
def test_a_file_is_scored_with_its_columns_kept(newsclf: Cli, suffix: str) -> None:
    texts = [text for text, _ in sample_rows()[:30]]
    source = Path(f"in{suffix}")
    if suffix == ".csv":
        write_csv(source, [("id", "text"), *((str(i), t) for i, t in enumerate(texts))])
    elif suffix == ".jsonl":
        source.write_text(
            "".join(json.dumps({"id": i, "text": t}) + "\n" for i, t in enumerate(texts))
        )
    elif suffix == ".parquet":
        table = pyarrow.table({"id": range(30), "text": texts})
        pyarrow.parquet.write_table(table, source)
    else:
        source.write_text("\n".join(texts), encoding="utf-8")
    target = Path("out.jsonl")

    result = newsclf("predict", "--input", source, "--output", target)

    assert result.exit_code == 0, result.err
    rows = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    assert [row["text"] for row in rows] == texts
    if suffix != ".txt":
        assert [int(row["id"]) for row in rows] == list(range(30))
    one = json.loads(newsclf("predict", "--json", texts[7]).out)["predictions"][0]
    assert rows[7]["predicted_label"] == one["label"]
    assert rows[7]["p_positive"] == pytest.approx(one["scores"]["positive"], abs=1e-6)


@pytest.mark.usefixtures("model")
def test_order_is_kept_over_several_windows(newsclf: Cli) -> None:
    write_csv(Path("in.csv"), [("text",), *((f"Headline {i}",) for i in range(5000))])

    assert newsclf("predict", "--input", "in.csv", "--output", "out.csv").exit_code == 0

    with Path("out.csv").open(encoding="utf-8", newline="") as file:
        assert [row["text"] for row in csv.DictReader(file)] == [
            f"Headline {i}" for i in range(5000)
        ]


def test_a_bad_row_late_in_a_file_leaves_no_output(model: Path) -> None:
    """Earlier windows were done before it was read: the file is streamed."""
    from newsclf.common.errors import DataError

    write_csv(Path("in.csv"), [("text",), *((f"Headline {i}",) for i in range(3000)), (" ",)])
    done: list[int] = []
    request = ScoreRequest(rows=RowsRequest(source=Path("in.csv")), target=Path("out.csv"))

    with pytest.raises(DataError, match="line 3002: the headline is empty"):
        score(request, Classifier.load(model).classify, lambda tally: done.append(tally.rows))

    assert done == [2048]
    assert sorted(path.name for path in Path().iterdir()) == ["in.csv", "model"]


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        ([], 2, "stdin: it has no rows\nhint: it takes headlines, one per line"),
        (["Profit rose", " "], 2, "headline 2 of 2 is empty"),
        (["--input", "in.csv", "Profit rose"], 2, "cannot be combined with headlines"),
        (["--input", "in.csv", "--json"], 2, "cannot both go to stdout"),
        (["Profit rose", "--format", "xml"], 2, "--format xml: 'xml' is not one of"),
        (["Profit rose", "--instance", "ml.c5.large"], 2, "--instance: only for a batch job"),
        (["Profit rose", "--model", "model", "--deployment", "news"], 2, "only one of them"),
        (
            ["Profit rose", "--deployment", "typo"],
            3,
            "there is no deployment 'typo', nor any other",
        ),
        (
            ["--input", "in.csv", "--output", "o.csv", "--deployment", "typo"],
            3,
            "there is no deployment 'typo'",
        ),
        (["--input", "no.csv", "--output", "out.csv"], 2, "no.csv: no such file"),
        (["--input", "in.csv", "--output", "out.txt"], 2, "cannot be written to a '.txt' file"),
        (["--input", "in.csv", "--output", "there.csv"], 2, "there.csv already exists"),
        (["--input", "in.csv", "--output", "in.csv", "--overwrite"], 2, "is the file to score"),
        (["-", "Profit rose"], 2, "cannot be combined with others"),
        (["Profit \udcff rose"], 2, "headline 1 of 1 holds half of a surrogate pair"),
        (
            ["--input", "in.csv", "--output", "o.csv", "--text-column", "title"],
            2,
            "in.csv: no column 'title' for the headlines; the columns are 'text'",
        ),
        (["--input", "empty.csv", "--output", "o.csv"], 2, "empty.csv: "),
        (
            ["--input", "scored.csv", "--output", "o.csv"],
            2,
            "it already has a column 'predicted_label'",
        ),
        (
            ["--input", "later.jsonl", "--output", "o.jsonl"],
            2,
            "later.jsonl, line 2: it already has a column 'predicted_label'",
        ),
        (["Profit rose", "--model", "nowhere"], 3, "nowhere: not a model directory"),
        (["Profit rose", "--min-confidence", "60"], 2, "a number above 0 and at most 1"),
        (["Profit rose", "--min-confidence", "nan"], 2, "a number above 0 and at most 1"),
        (["Profit rose", "--min-confidence", "high"], 2, "a number above 0 and at most 1"),
        (
            ["--input", "flagged.csv", "--output", "o.csv", "--min-confidence", "0.6"],
            2,
            "it already has a column 'uncertain'",
        ),
        (
            ["--input", "s3://b/in", "--output", "s3://b/out", "--min-confidence", "0.6"],
            2,
            "--min-confidence: not for a batch job",
        ),
        (
            ["--input", "s3://b/in", "--output", "s3://b/out", "--explain"],
            2,
            "--explain: not for a batch job",
        ),
        *(
            (["--input", "s3://b/in", "--output", "s3://b/out", *more], 2, "not for a batch job")
            for more in (["--model", "m"], ["Profit"], ["--skip-bad"], ["--text-column", "t"])
        ),
        (["Profit", "--format", "tsv", "--output", "o.csv"], 2, "tsv: only for rows on stdout"),
        (["Profit", "--header-file", "no"], 2, "--header-file: only for a deployment"),
        (["--input", "in.csv", "--explain"], 2, "do not fit into a .csv file"),
        (["--input", "in.csv", "--output", "o.csv", "--explain"], 2, "into a .csv file"),
        (["--input", "in.csv", "--output", "o.parquet", "--explain"], 2, "into a .parquet file"),
        (["Profit rose", "--format", "tsv", "--explain"], 2, "do not fit into a .tsv file"),
    ],
)
def test_what_predict_says_when_it_cannot(
    newsclf: Cli,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    exit_code: int,
    said: str,
) -> None:
    give_stdin(monkeypatch, "")
    write_csv(Path("in.csv"), [("text",), ("Profit rose",)])
    write_csv(Path("scored.csv"), [("text", "predicted_label"), ("Profit rose", "positive")])
    write_csv(Path("flagged.csv"), [("text", "uncertain"), ("Profit rose", "no")])
    lines = [{"text": "Profit rose"}, {"text": "Profit fell", "predicted_label": "mine"}]
    Path("later.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    Path("empty.csv").touch()
    Path("there.csv").write_text("mine", encoding="utf-8")

    result = newsclf("predict", *arguments)

    assert result.exit_code == exit_code
    assert said in result.err
    assert "hint: " in result.err
    assert result.out == ""
    assert Path("there.csv").read_text(encoding="utf-8") == "mine"
    assert not Path("o.csv").exists()


@pytest.mark.usefixtures("model")
def test_json_says_what_answered(model: Path, newsclf: Cli) -> None:
    card = json.loads((model / "card.json").read_text(encoding="utf-8"))

    source = json.loads(newsclf("predict", "Profit rose", "--json").out)["source"]

    assert source["kind"] == "model"
    assert source["name"] == "model"
    assert len(source["digest"]) == 64
    assert source["digest"] not in card["files"].values()


def test_without_a_model_the_hint_names_what_there_is(trained: Path, newsclf: Cli) -> None:
    shutil.copytree(trained / "model", ".newsclf/demo/model")

    result = newsclf("predict", "Profit rose")

    assert result.exit_code == 3
    assert "--model ./.newsclf/demo/model" in result.err


@pytest.mark.usefixtures("model")
def test_a_headline_without_quotes_is_noticed(newsclf: Cli) -> None:
    result = newsclf("predict", "Profit", "fell", "to", "EUR", "3")

    assert "these are 5 headlines of one word each; put quotes around" in result.err
    assert "one word" not in newsclf("predict", "Profit", "Loss").err
    assert "one word" not in newsclf("predict", "Profit fell", "Loss", "Growth").err


@pytest.mark.usefixtures("model")
def test_bad_rows_are_passed_over_counted_and_named(newsclf: Cli) -> None:
    Path("in.csv").write_text(
        'id,text\n1,Profit rose\n2,\n3\n4,Loss widened\n5,"  "\n', encoding="utf-8"
    )

    refused = newsclf("predict", "--input", "in.csv", "--output", "out.csv")
    result = newsclf("predict", "--input", "in.csv", "--output", "out.csv", "--skip-bad", "--json")

    assert refused.exit_code == 2
    assert "in.csv, line 3: the headline is empty" in refused.err
    assert "--skip-bad" in refused.err
    assert result.exit_code == 0, result.err
    report = json.loads(result.out)
    assert report["rows"] == 5
    assert report["skipped"] == 3
    assert [line.partition(":")[0] for line in report["first_skipped"]] == [
        "line 3",
        "line 4",
        "line 6",
    ]
    assert sum(report["labels"].values()) == 2
    assert "3 of them could not be classified: line 3: the headline is empty; line 4:" in result.err
    with Path("out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ["1", "2", "4", "5"]  # 3 lacks a field: there is no row
    assert [bool(row["predicted_label"]) for row in rows] == [True, False, True, False]
    assert rows[1]["p_neutral"] == ""


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(
    ("arguments", "suffix"), [([], ".csv"), (["-f", "tsv"], ".tsv"), (["-f", "jsonl"], ".jsonl")]
)
def test_rows_go_to_stdout(newsclf: Cli, arguments: list[str], suffix: str) -> None:
    write_csv(Path("in.csv"), [("id", "text"), ("7", "Profit rose, again")])

    result = newsclf("predict", "--input", "in.csv", *arguments)
    newsclf("predict", "--input", "in.csv", "--output", f"out{suffix}")

    assert result.exit_code == 0, result.err
    assert result.out == Path(f"out{suffix}").read_text(encoding="utf-8")


@pytest.mark.usefixtures("model")
def test_headlines_on_the_command_line_can_be_rows_too(newsclf: Cli) -> None:
    result = newsclf("predict", "Profit rose", "Loss, again", "--format", "jsonl")

    rows = [json.loads(line) for line in result.out.splitlines()]
    assert [row["text"] for row in rows] == ["Profit rose", "Loss, again"]
    assert set(rows[0]) == {"text", "predicted_label", "p_negative", "p_neutral", "p_positive"}


@pytest.mark.usefixtures("model")
def test_rows_of_the_command_line_are_the_headlines_as_they_are(newsclf: Cli) -> None:
    given = ["Profit rose@positive", "Two\nlines", "text", "Loss of €5 mn"]

    result = newsclf("predict", *given, "--format", "jsonl")

    assert [json.loads(line)["text"] for line in result.out.splitlines()] == given


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize("length", [256, 400, 1023, 5000])
def test_a_headline_may_be_longer_than_a_file_s_name(newsclf: Cli, length: int) -> None:
    result = newsclf("predict", "Profit rose".ljust(length, "!"))

    assert result.exit_code == 0


@pytest.mark.usefixtures("model")
def test_a_table_comes_through_stdin(newsclf: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    give_stdin(monkeypatch, '{"id": 7, "headline": "Profit rose"}\n')

    result = newsclf("predict", "--input", "-", "--format", "jsonl")

    assert result.exit_code == 0, result.err
    assert json.loads(result.out)["id"] == 7


def test_each_line_of_a_stream_is_answered_before_the_next_one_comes() -> None:
    """A window waits for no line: the answer to one is read before the next one is written."""
    read_end, write_end = os.pipe()
    answered, answers = os.pipe()
    with (
        os.fdopen(read_end, "rb") as stdin,
        os.fdopen(write_end, "wb", buffering=0) as feed,
        os.fdopen(answered, "rb", buffering=0) as shown,
        os.fdopen(answers, "wb", buffering=0) as stdout,
    ):
        lines = iter([b"Loss widened\n", b"Sales were flat\n", None])
        feed.write(b"Profit rose\n")
        seen = []

        def next_line(_: object) -> None:
            seen.append(json.loads(shown.read(4096)))
            line = next(lines)
            if line is None:
                feed.close()
            else:
                feed.write(line)

        request = ScoreRequest(
            rows=RowsRequest(source=stdin, form=".txt"), target=stdout, stream_format="jsonl"
        )
        tally = score(request, always_neutral, next_line)

    assert [row["text"] for row in seen] == ["Profit rose", "Loss widened", "Sales were flat"]
    assert tally.rows == 3


@pytest.mark.usefixtures("model")
def test_the_end_says_how_long_it_took_and_what_was_found(newsclf: Cli) -> None:
    write_csv(Path("in.csv"), [("title",), *((f"Headline {i}",) for i in range(30))])

    result = newsclf("predict", "--input", "in.csv", "--output", "out/scored.csv")

    assert result.exit_code == 0, result.err
    assert re.search(
        r"30 rows in \d+\.\d s \([\d,]+/s\): \d+ negative, \d+ neutral, \d+ positive"
        r" → out/scored\.csv",
        result.err,
    )
    assert "note: " in result.err  # the column was guessed


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize("skip_bad", [[], ["--skip-bad"]])
def test_a_file_without_a_usable_row_is_an_error(newsclf: Cli, skip_bad: list[str]) -> None:
    Path("in.jsonl").write_text("{broken\n[1]\n", encoding="utf-8")

    result = newsclf("predict", "--input", "in.jsonl", "--output", "out.csv", *skip_bad)

    assert result.exit_code == 2
    assert "in.jsonl, line 1: " in result.err
    assert not Path("out.csv").exists()


@pytest.mark.usefixtures("model")
def test_a_text_that_is_too_long_is_cut_and_said(newsclf: Cli) -> None:
    text = "profit rose " * 400
    write_csv(Path("in.csv"), [("text",), (text,), ("Profit rose",)])

    one = newsclf("predict", text, "Profit rose")
    table = newsclf("predict", "--input", "in.csv", "--output", "out.csv", "--json")

    assert "1 headline is longer than the model reads" in one.err
    assert json.loads(table.out)["truncated"] == 1
    assert "longer than" not in newsclf("predict", "Profit rose").err


@pytest.mark.usefixtures("model")
def test_text_that_is_no_english_headline_is_classified_with_a_warning(newsclf: Cli) -> None:
    german = "Lindauer Maschinenbau hebt nach starkem Sommer die Jahresprognose an"
    write_csv(Path("in.csv"), [("text",), (german,), ("Profit rose",), ("<b>Profit</b>",)])

    one = newsclf("predict", german)
    english = newsclf("predict", "Profit rose")
    table = newsclf("predict", "--input", "in.csv", "--output", "out.csv", "--json")

    assert one.exit_code == 0
    assert "1 text is probably not an English headline (another language)" in one.err
    assert "probably" not in english.err
    assert json.loads(table.out)["doubts"] == {"another language": 1, "code or markup": 1}
    assert "2 texts are probably not English headlines" in table.err
    assert len(Path("out.csv").read_text(encoding="utf-8").splitlines()) == 4


@pytest.mark.usefixtures("model")
def test_bars_are_plain_where_the_terminal_has_no_blocks() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "newsclf", "predict", "Profit rose"],
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert "> " in done.stdout
    assert "#" in done.stdout
    assert "u2588" not in done.stdout


@pytest.mark.usefixtures("model")
def test_a_file_is_not_classified_as_a_headline(newsclf: Cli) -> None:
    Path("my headlines.txt").write_text("Profit rose\n", encoding="utf-8")

    result = newsclf("predict", "my headlines.txt")

    assert result.exit_code == 2
    assert "my headlines.txt is a file, not a headline" in result.err
    assert "newsclf predict --input 'my headlines.txt'" in result.err


@pytest.mark.usefixtures("model")
def test_a_long_headline_does_not_fill_the_screen(newsclf: Cli) -> None:
    out = newsclf("predict", "a" * 100_000).out

    assert len(out) < 2_000
    assert "… (100,000 characters)" in out


@pytest.mark.usefixtures("model")
def test_uncertain_predictions_say_so_in_words(newsclf: Cli) -> None:
    shown = newsclf("predict", "Profit rose", "Loss widened", "--min-confidence", 1)
    plain = newsclf("predict", "Profit rose", "Loss widened")
    certain = newsclf("predict", "Profit rose", "Loss widened", "--min-confidence", 0.3)

    marked = [line for line in shown.out.splitlines() if line.endswith(" uncertain")]
    assert [line[0] for line in marked] == ["▸", "▸"]
    assert "2 of 2 uncertain (no label reaches 100 %)" in shown.err
    assert "uncertain" not in plain.out + plain.err
    assert certain.out == plain.out
    assert "0 of 2 uncertain (no label reaches 30 %)" in certain.err


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_scored_file_has_a_column_for_uncertain_rows(newsclf: Cli, suffix: str) -> None:
    texts = [text for text, _ in sample_rows()[:30]]
    write_csv(Path("in.csv"), [("text",), *((text,) for text in texts), (" ",)])
    plain = json.loads(newsclf("predict", *texts, "--json").out)["predictions"]
    least = sorted(prediction["score"] for prediction in plain)[12] + 1e-9
    out = f"out{suffix}"

    result = newsclf(
        *("predict", "--input", "in.csv", "--output", out, "--skip-bad"),
        *("--json", "--min-confidence", least),
    )

    assert result.exit_code == 0, result.err
    assert json.loads(result.out)["uncertain"] == 13
    assert "13 of 30 uncertain" in result.err
    if suffix == ".csv":
        with Path(out).open(encoding="utf-8", newline="") as file:
            rows: list[dict[str, object]] = list(csv.DictReader(file))
        values: dict[bool | None, object] = {True: "true", False: "false", None: ""}
    elif suffix == ".jsonl":
        rows = [json.loads(line) for line in Path(out).read_text(encoding="utf-8").splitlines()]
        values = {True: True, False: False, None: None}
    else:
        rows = pyarrow.parquet.read_table(out).to_pylist()
        values = {True: True, False: False, None: None}
    expected: list[bool | None] = [prediction["score"] < least for prediction in plain]
    assert [row["uncertain"] for row in rows] == [values[each] for each in [*expected, None]]
    assert list(rows[0])[-1] == "uncertain"


@pytest.mark.usefixtures("model")
def test_a_json_document_of_rows_counts_the_uncertain_ones(
    newsclf: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_stdin(monkeypatch, "Profit rose\nLoss widened\n")
    asked = json.loads(newsclf("predict", "-", "--json", "--min-confidence", 1).out)
    give_stdin(monkeypatch, "Profit rose\nLoss widened\n")
    plain = json.loads(newsclf("predict", "-", "--json").out)

    assert asked["uncertain"] == 2
    assert [each.pop("uncertain") for each in asked["predictions"]] == [True, True]
    assert asked["predictions"] == plain["predictions"]
    assert "uncertain" not in plain


@pytest.mark.usefixtures("model")
def test_words_are_shown_in_order_with_signed_weights(newsclf: Cli) -> None:
    texts = [text for text, _ in sample_rows()[:40]]
    found = json.loads(newsclf("predict", *texts, "--explain", "--json").out)["predictions"]
    strongest = max(found, key=lambda each: max(abs(w["weight"]) for w in each["explanation"]))

    shown = newsclf("predict", strongest["headline"], "--explain")

    assert shown.exit_code == 0, shown.err
    for each in found:
        pieces = [each["headline"][w["start"] : w["end"]] for w in each["explanation"]]
        assert pieces == [w["word"] for w in each["explanation"]]
        assert " ".join(each["headline"].split()) == " ".join(" ".join(pieces).split())
    points = [round(100 * word["weight"]) for word in strongest["explanation"]]
    assert any(points)
    marked = [
        f"{word['word']}({number:+})" if number else word["word"]
        for word, number in zip(strongest["explanation"], points, strict=True)
    ]
    assert f"words: {' '.join(marked)}" in " ".join(shown.out.split())
    assert "words: (+12) the label is 12 points less probable without this word" in shown.err


@pytest.mark.usefixtures("model")
def test_an_explanation_is_what_leaving_out_its_word_does(newsclf: Cli) -> None:
    document = json.loads(newsclf("predict", "Profit rose", "--explain", "--json").out)
    [explained] = document["predictions"]
    plain, rest = json.loads(newsclf("predict", "Profit rose", "rose", "--json").out)["predictions"]

    first, _ = explained.pop("explanation")
    assert explained == plain
    expected = plain["score"] - rest["scores"][plain["label"]]
    assert first == {"word": "Profit", "start": 0, "end": 6, "weight": expected}


@pytest.mark.usefixtures("model")
def test_explained_words_cannot_drive_the_terminal(newsclf: Cli) -> None:
    result = newsclf("predict", "[bold]Loss[/bold] \x1b[2Jwidened \u202eagain", "--explain")

    assert "\x1b[2J" not in result.out
    assert "\u202e" not in result.out
    words = result.out.partition("words:")[2]
    assert "[bold]Loss[/bold]" in words
    assert r"\x1b[2Jwidened" in words


@pytest.mark.usefixtures("model")
def test_a_headline_that_is_too_long_is_classified_and_not_explained(newsclf: Cli) -> None:
    texts = ["Profit rose", "profit " * 200, "Loss"]

    shown = newsclf("predict", *texts, "--explain")
    found = json.loads(newsclf("predict", *texts, "--explain", "--json").out)["predictions"]
    plain = json.loads(newsclf("predict", *texts, "--json").out)["predictions"]

    assert "words: not weighed, since the headline is too long" in shown.out
    assert (
        "1 headline is longer than 1,000 characters; the words in it were not weighed" in shown.err
    )
    assert [each.pop("explanation") is None for each in found] == [False, True, False]
    assert found == plain


@pytest.mark.usefixtures("model")
def test_a_file_is_explained_in_jsonl(newsclf: Cli) -> None:
    texts = [text for text, _ in sample_rows()[:60]]
    write_csv(Path("in.csv"), [("text",), *((text,) for text in texts), (" ",), ("x " * 600,)])

    result = newsclf(
        *("predict", "--input", "in.csv", "--output", "out.jsonl", "--skip-bad"),
        *("--json", "--explain"),
    )
    few = json.loads(newsclf("predict", *texts, "--explain", "--json").out)["predictions"]

    assert result.exit_code == 0, result.err
    assert json.loads(result.out)["unexplained"] == 1
    lines = Path("out.jsonl").read_text(encoding="utf-8").splitlines()
    explained = [json.loads(line)["explanation"] for line in lines]
    assert explained == [*(each["explanation"] for each in few), None, None]


@pytest.mark.usefixtures("model")
def test_rows_of_stdin_are_explained(newsclf: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    give_stdin(monkeypatch, "Profit rose\nLoss\n")
    shown = newsclf("predict", "-", "--explain")
    give_stdin(monkeypatch, "Profit rose\nLoss\n")
    document = json.loads(newsclf("predict", "-", "--explain", "--json").out)

    assert shown.out.count("words:") == 2
    assert "words: (+12)" in shown.err
    assert [len(each["explanation"]) for each in document["predictions"]] == [2, 1]
    assert document["unexplained"] == 0


def test_explanations_take_no_more_texts_at_a_time_than_a_request_may_hold() -> None:
    sizes = []

    def classify(texts: Sequence[str]) -> list[Prediction]:
        sizes.append(len(texts))
        return always_neutral(texts)

    texts = ["up " * 300, "a", "up " * 211, "up " * 5, "up " * 333, *["b"] * 300]
    answers = answer(texts, classify, Asked(explain=True))

    assert [each.text for each in answers] == texts
    assert max(sizes) <= MAX_HEADLINES
    assert sum(sizes) == 301 + 2 + 212 + 6 + 334 + 600
