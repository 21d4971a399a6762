"""A trained tiny model: evaluating it, its gates, and classifying with it."""

from __future__ import annotations

import errno
import html
import json
import shutil
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from newsclf.common.files import file_digest
from newsclf.common.settings import DataSettings
from newsclf.data.examples import Example, Split
from newsclf.data.sources import load_data
from newsclf.serving.engines.onnx_runtime import Engine
from newsclf.training.seen_texts import part_of, read_seen_texts, write_seen_texts
from tests.conftest import Cli
from tests.support.builders import sample_rows, write_csv
from tests.support.documented import assert_printed


@pytest.fixture
def model(trained: Path) -> Path:
    """A copy of the trained model in the working folder, as `model`."""
    shutil.copytree(trained / "model", "model")
    return Path("model")


# --- evaluate


def test_evaluate_reports_on_the_held_out_part_and_notes_it_in_the_card(
    model: Path, newsclf: Cli
) -> None:
    shown = newsclf("evaluate")
    assert shown.exit_code == 0, shown.err
    for part in ("accuracy", "macro-F1", "Confusion matrix", "currency", "most confident errors"):
        assert part in shown.out

    report = json.loads((model / "evaluation" / "report.json").read_text(encoding="utf-8"))
    assert report["part"] == "test"
    assert sum(map(sum, report["confusion"])) == report["score"]["rows"] == 97
    right = sum(report["confusion"][i][i] for i in range(3))
    assert report["score"]["accuracy"] == pytest.approx(right / 97)
    assert len(report["errors"]) == min(20, 97 - right)
    files = {path.name for path in (model / "evaluation").iterdir()}
    assert files == {"report.json", "report.html", "confusion.svg", "reliability.svg"}

    card = json.loads((model / "card.json").read_text(encoding="utf-8"))
    assert card["test"] == report["score"]
    assert "| test | 97 |" in (model / "README.md").read_text(encoding="utf-8")
    assert newsclf("predict", "Profit rose").exit_code == 0  # the card still fits its files


def test_json_is_the_report(model: Path, newsclf: Cli) -> None:
    before = (model / "card.json").read_bytes()
    result = newsclf("evaluate", "--json", "--quiet", "--model", model, "--out", "elsewhere")

    assert json.loads(result.out) == json.loads(Path("elsewhere/report.json").read_text("utf-8"))
    assert result.err == ""
    assert not (model / "evaluation").exists()
    assert (model / "card.json").read_bytes() == before  # the model may be somebody else's


def test_no_report_is_written_behind_a_link_in_a_model(model: Path, newsclf: Cli) -> None:
    Path("mine").mkdir()
    Path("mine/report.html").write_text("mine", encoding="utf-8")
    (model / "evaluation").symlink_to(Path("mine").resolve())

    result = newsclf("evaluate")

    assert result.exit_code == 2
    assert "evaluation is a link, so no report is written there" in result.err
    assert Path("mine/report.html").read_text(encoding="utf-8") == "mine"


def test_gates_work_both_ways(model: Path, newsclf: Cli) -> None:
    met = newsclf("evaluate", "--gate", "accuracy=0.05", "--gate", "recall.neutral=0")
    assert met.exit_code == 0, met.err
    assert "recall.neutral" in met.out

    missed = newsclf("evaluate", "--gate", "accuracy=0.05", "--gate", "macro_f1=0.999")
    assert missed.exit_code == 6
    assert "gate not met: macro_f1 is 0." in missed.err
    assert "below 0.999" in missed.err
    assert "accuracy is" not in missed.err
    assert (model / "evaluation" / "report.json").is_file()


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        ("accurracy=0.9", "did you mean accuracy?"),
        ("accuracy", "expected NAME=VALUE"),
        ("accuracy=high", "the minimum is not a number"),
    ],
)
@pytest.mark.usefixtures("model")
def test_a_gate_that_cannot_be_read_is_an_error(newsclf: Cli, gate: str, said: str) -> None:
    result = newsclf("evaluate", "--gate", gate)

    assert result.exit_code == 2
    assert said in result.err


@pytest.mark.usefixtures("model")
def test_the_float_model_can_be_evaluated_too(newsclf: Cli) -> None:
    int8 = json.loads(newsclf("evaluate", "--json").out)
    by_float = json.loads(newsclf("evaluate", "--json", "--float").out)

    assert (int8["score"]["runtime"], by_float["score"]["runtime"]) == ("int8", "float")
    assert by_float["score"]["accuracy"] == pytest.approx(int8["score"]["accuracy"], abs=0.1)


@pytest.mark.usefixtures("model")
def test_a_model_compared_with_itself_does_not_differ(newsclf: Cli) -> None:
    report = json.loads(newsclf("evaluate", "--json", "--compare", "model").out)

    assert report["comparison"]["p_value"] == 1.0
    assert report["comparison"]["only_this_right"] == 0


@pytest.mark.usefixtures("model")
def test_a_second_model_that_is_not_there_is_named_by_its_option(newsclf: Cli) -> None:
    result = newsclf("evaluate", "--compare", "nope")

    assert result.exit_code == 3
    assert result.err.startswith("error: --compare nope")
    assert "--model" not in result.err


@pytest.mark.usefixtures("model")
def test_the_baseline_stands_beside_the_accuracy(newsclf: Cli) -> None:
    result = newsclf("evaluate", "--json")

    baseline = json.loads(result.out)["baseline"]
    assert 0 < baseline["accuracy"] < 1
    assert f"always answering {baseline['label']}" in newsclf("evaluate").out


@pytest.mark.usefixtures("model")
def test_other_data_is_evaluated_row_by_row(newsclf: Cli) -> None:
    write_csv(Path("mine.csv"), [("title", "mood"), ("Profit rose", "up"), ("Loss grew", "down")])

    result = newsclf(
        "evaluate",
        "--json",
        "--data",
        "mine.csv",
        "--text-column",
        "title",
        "--label-column",
        "mood",
        "--label",
        "up=positive",
        "--label",
        "down=negative",
    )

    assert result.exit_code == 0, result.err
    report = json.loads(result.out)
    assert (report["part"], report["score"]["rows"]) == ("all", 2)


@pytest.mark.usefixtures("model")
def test_a_file_called_unseen_does_not_replace_the_report_on_unseen_sets(newsclf: Cli) -> None:
    rows = [("Profit rose", "positive"), ("Loss grew", "negative")]
    write_csv(Path("unseen.csv"), [("text", "label"), *rows])

    assert newsclf("evaluate", "--data", "unseen.csv").exit_code == 0

    assert [path.name for path in Path("model").glob("evaluation-*")] == ["evaluation-unseen-file"]


@pytest.mark.parametrize("command", ["evaluate", "frontier"])
def test_how_labels_are_read_is_said_of_data_only(model: Path, newsclf: Cli, command: str) -> None:
    named = ["--model"] if command == "evaluate" else []

    result = newsclf(command, *named, model, "--label", "up=positive")

    assert result.exit_code == 2
    assert "--label" in result.err
    assert "--data FILE" in result.err


def test_labels_are_names_or_scores(newsclf: Cli) -> None:
    both = ("--label", "up=positive", "--score-thresholds=-1,1")

    result = newsclf("evaluate", "--data", "mine.csv", *both)

    assert result.exit_code == 2
    assert "--label and --score-thresholds cannot be combined" in result.err


def test_data_that_has_changed_since_training_is_an_error(model: Path, newsclf: Cli) -> None:
    write_csv(Path("moved.csv"), [("text", "label"), *sample_rows()[:400]])
    card = json.loads((model / "card.json").read_text(encoding="utf-8"))
    card["data"]["settings"]["source"] = "moved.csv"
    (model / "card.json").write_text(json.dumps(card), encoding="utf-8")

    result = newsclf("evaluate")

    assert result.exit_code == 2
    assert "moved.csv: the data has changed since the model was trained" in result.err


def test_moved_data_with_a_test_part_of_its_own_is_identified_too(
    tiny_base: Path, newsclf: Cli
) -> None:
    head, *rows = [("text", "label"), *sample_rows()]
    for name, some in (("here", rows[:100]), ("v", rows[100:130]), ("t", rows[130:160])):
        write_csv(Path(f"{name}.csv"), [head, *some])
    options = ("--data", "here.csv", "--validation", "v.csv", "--test", "t.csv")
    trained = newsclf("train", *options, "--base", tiny_base, "--epochs", 1, "--no-optimize")
    assert trained.exit_code == 0, trained.err
    Path("here.csv").rename("there.csv")

    found = newsclf("evaluate", "--float", "--json", "--data", "there.csv")

    assert found.exit_code == 0, found.err
    assert json.loads(found.out)["part"] == "test"
    assert json.loads(found.out)["score"]["rows"] == 30


@pytest.mark.usefixtures("model")
def test_the_test_file_of_a_training_s_settings_is_not_part_of_other_data(
    newsclf: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = ("text", "label")
    other = [("Harbour Foods names a chair", "neutral"), ("Harbour Foods gains", "positive")]
    write_csv(Path("other.csv"), [head, *other])
    write_csv(Path("t.csv"), [head, ("Harbour Foods sinks", "negative")])
    monkeypatch.setenv("NEWSCLF_DATA_TEST", "t.csv")

    found = newsclf("evaluate", "--json", "--data", "other.csv")

    assert found.exit_code == 0, found.err
    assert json.loads(found.out)["seen"]["rows"] == len(other)


def test_of_other_data_with_fixed_parts_all_are_evaluated(trained: Path, newsclf: Cli) -> None:
    shutil.copytree(trained / "model", "model")
    data = load_data(DataSettings(source="headlines"))
    found = newsclf("evaluate", "--json", "--data", "headlines")

    assert found.exit_code == 0, found.err
    seen = json.loads(found.out)["seen"]
    assert seen["rows"] == len(data.of_all_parts)
    assert seen["rows"] > len(data.examples) + 700


def test_data_that_has_moved_is_identified_by_its_contents(tiny_base: Path, newsclf: Cli) -> None:
    """Whatever it is called now, only its held-out part is evaluated."""
    write_csv(Path("here.csv"), [("headline", "label"), *sample_rows()])
    trained = newsclf(
        "train",
        "--data",
        "here.csv",
        "--text-column",
        "headline",
        "--base",
        tiny_base,
        "--epochs",
        1,
        "--no-optimize",
    )
    assert trained.exit_code == 0, trained.err
    Path("here.csv").rename("there.csv")

    lost = newsclf("evaluate", "--float")
    assert lost.exit_code == 2
    assert "here.csv: no such data file or folder" in lost.err
    assert "name it with --data" in lost.err

    # and the card knows what its columns are called
    found = newsclf("evaluate", "--float", "--json", "--data", "there.csv")
    assert found.exit_code == 0, found.err
    assert json.loads(found.out)["part"] == "test"
    assert json.loads(found.out)["score"]["rows"] == 128

    lenient = ("--min-agreement", 0, "--max-accuracy-drop", 1)  # it has hardly been trained
    moved = newsclf("optimize", "--data", "there.csv", *lenient)
    assert moved.exit_code == 0, moved.err


def test_a_model_is_not_compared_with_one_that_was_trained_on_the_rows(
    model: Path, newsclf: Cli
) -> None:
    shutil.copytree(model, "other")
    rewrite_seen(Path("other"), [text for text, _ in sample_rows()])
    card = json.loads(Path("other/card.json").read_text(encoding="utf-8"))
    card["data"]["settings"]["split_seed"] = 1
    Path("other/card.json").write_text(json.dumps(card), encoding="utf-8")

    result = newsclf("evaluate", "--compare", "other")

    assert result.exit_code == 2
    assert "other was trained or validated on" in result.err
    assert "97 of the 97 rows" in result.err


def test_a_report_that_cannot_be_written_is_an_error_before_the_work(
    model: Path, newsclf: Cli
) -> None:
    (model / "evaluation").write_text("a file is in the way", encoding="utf-8")

    result = newsclf("evaluate")

    assert result.exit_code == 2
    assert "the report cannot be written there" in result.err
    assert "--out" in result.err


def test_a_failed_evaluation_leaves_no_empty_report(model: Path, newsclf: Cli) -> None:
    (model / "model.onnx").unlink()

    assert newsclf("evaluate").exit_code == 3
    assert not (model / "evaluation").exists()


def test_a_card_that_cannot_be_written_is_no_error(
    model: Path, newsclf: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    from newsclf.evaluation import run as evaluate

    def read_only(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(evaluate, "write_card", read_only)

    result = newsclf("evaluate")

    assert result.exit_code == 0, result.err
    assert "The score is not in the model's card: read-only file system." in result.err
    assert (model / "evaluation" / "report.json").is_file()


def test_a_report_that_fails_half_way_leaves_nothing(
    model: Path, newsclf: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    from newsclf.evaluation import report_files

    def full(path: Path, text: str) -> None:
        if path.name == "report.json":
            raise OSError(errno.ENOSPC, "No space left on device")
        path.write_text(text, encoding="utf-8")

    monkeypatch.setattr(report_files, "write_text", full)

    result = newsclf("evaluate")

    assert result.exit_code == 2
    assert "the report cannot be written there (no space left on device)" in result.err
    assert not (model / "evaluation").exists()


# --- rows that the model has seen, and classes that the data lack


@pytest.mark.usefixtures("model")
def test_rows_that_were_trained_on_are_left_out_of_other_data(newsclf: Cli) -> None:
    """The training data under another name, written differently, and one row more."""
    rows = [(text.upper(), label) for text, label in sample_rows()]
    write_csv(Path("copy.csv"), [("text", "label"), *rows, ("Orders doubled", "positive")])

    shown = newsclf("evaluate", "--data", "copy.csv", "--json")
    assert shown.exit_code == 0, shown.err
    report = json.loads(shown.out)
    seen = report["seen"]
    assert seen["training"] + seen["validation"] == seen["rows"] - report["score"]["rows"]
    assert report["score"]["rows"] == 98  # the held-out part, and the row more
    assert seen["left_out"] is True

    told = newsclf("evaluate", "--data", "copy.csv", "--quiet")
    assert "540 of 638 rows were trained or validated on and are left out" in told.out
    assert "Confusion matrix" not in told.out

    everything = newsclf("evaluate", "--data", "copy.csv", "--include-seen", "--json")
    assert json.loads(everything.out)["score"]["rows"] == 638
    assert json.loads(everything.out)["seen"]["left_out"] is False

    write_csv(Path("seen.csv"), [("text", "label"), *sample_seen_by(Path("model"))])
    nothing = newsclf("evaluate", "--data", "seen.csv")
    assert nothing.exit_code == 2
    assert "all 3 rows were trained or validated on, so nothing is left" in nothing.err
    assert "--include-seen" in nothing.err
    assert not Path("model/evaluation-seen").exists()


def sample_seen_by(model: Path) -> list[tuple[str, str]]:
    """One row of each class that the model was trained on."""
    seen = read_seen_texts(model)
    rows = {label: text for text, label in sample_rows() if part_of(seen, text)}
    return [(text, label) for label, text in rows.items()]


@pytest.mark.usefixtures("model")
def test_rows_that_only_the_other_model_has_seen_are_left_out_of_a_comparison(
    newsclf: Cli,
) -> None:
    shutil.copytree("model", "other")
    rewrite_seen(Path("other"), ["Orders doubled"])
    write_csv(
        Path("mine.csv"),
        [
            ("text", "label"),
            ("Orders doubled", "positive"),
            ("Losses grew", "negative"),
            ("The board meets", "neutral"),
        ],
    )

    report = json.loads(
        newsclf("evaluate", "--data", "mine.csv", "--compare", "other", "--json").out
    )

    assert report["seen"]["by_other"] == 1
    assert report["score"]["rows"] == 2


@pytest.mark.usefixtures("model")
def test_a_comparison_shows_the_headlines_that_changed(newsclf: Cli) -> None:
    shutil.copytree("model", "other")
    weights = load_file("other/model.safetensors")
    head = next(name for name in weights if name.endswith("classifier.weight"))
    save_file(weights | {head: -weights[head]}, "other/model.safetensors", {"format": "pt"})
    rewrite_digest(Path("other"), "model.safetensors")

    shutil.copytree("model", "models/news")
    shutil.copytree("other", "models/old")
    command = "newsclf evaluate --model models/news --compare models/old --errors 3"
    shown = newsclf(*command.split()[1:], "--float")
    assert_printed("data.md", command, shown, skip="(negative|neutral|positive)$|^year$")
    shown = newsclf("evaluate", "--float", "--compare", "other")
    report = json.loads(newsclf("evaluate", "--float", "--compare", "other", "--json").out)

    changed = report["comparison"]["differences"]
    assert changed
    told = " ".join(shown.out.split())
    assert "of the headlines that changed" in told
    page = html.unescape(Path("model/evaluation/report.html").read_text(encoding="utf-8"))
    assert changed[0]["text"].split()[0] in told.partition("headlines that changed")[2]
    assert all(each["text"] in page for each in changed)


def rewrite_seen(model: Path, texts: list[str]) -> None:
    """Make a model one that was trained on these texts."""
    write_seen_texts(model, Split(train=[Example(t, 0) for t in texts], validation=[], test=[]))
    rewrite_digest(model, "seen-texts.txt")


def rewrite_digest(model: Path, name: str) -> None:
    """Make a file that was changed the one that the model's card describes."""
    card = json.loads((model / "card.json").read_text(encoding="utf-8"))
    card["files"][name] = file_digest(model / name)
    (model / "card.json").write_text(json.dumps(card), encoding="utf-8")


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize("runtime", [[], ["--float"]], ids=["int8", "float"])
def test_data_without_a_name_to_swap_are_probed_for_nothing(
    newsclf: Cli, runtime: list[str]
) -> None:
    write_csv(Path("mine.csv"), [("text", "label"), ("up we go", "positive"), ("woe", "negative")])

    result = newsclf("evaluate", "--data", "mine.csv", "--json", *runtime)

    assert result.exit_code == 0, result.err
    assert [(row["rows"], row["flips"]) for row in json.loads(result.out)["bias"]] == [(0, 0)] * 3


@pytest.mark.usefixtures("model")
def test_a_class_without_rows_gets_a_remark_and_has_no_gate(newsclf: Cli) -> None:
    rows = [row for row in sample_rows() if row[1] != "neutral"]
    write_csv(Path("mine.csv"), [("text", "label"), *rows])

    shown = newsclf("evaluate", "--data", "mine.csv", "--gate", "macro_f1=0.01")
    assert shown.exit_code == 0, shown.err
    assert "No headline is neutral; macro-F1 is the mean of the other classes." in shown.out

    refused = newsclf("evaluate", "--data", "mine.csv", "--gate", "f1.neutral=0.5")
    assert refused.exit_code == 2
    assert "--gate f1.neutral: no row of mine.csv is neutral" in refused.err


@pytest.mark.usefixtures("model")
def test_headlines_that_are_longer_than_the_model_reads_are_counted(newsclf: Cli) -> None:
    rows = [("Profit rose " * 100, "positive"), ("Losses grew", "negative")]
    write_csv(Path("mine.csv"), [("text", "label"), *rows])

    result = newsclf("evaluate", "--data", "mine.csv")

    assert "1 headline is longer than the model reads" in result.out


@pytest.mark.usefixtures("model")
def test_errors_come_first_and_as_many_as_asked_for_and_the_summary_last(newsclf: Cli) -> None:
    shown = newsclf("evaluate", "--errors", 3)

    lines = shown.out.splitlines()
    assert lines[0] == "The 3 most confident errors"
    # A remark may follow: how well the fixture's model has learnt depends on the processor.
    assert any(line.startswith("expected calibration error") for line in lines[-2:])
    assert "report: model/evaluation/report.html" in shown.err
    assert "errors" not in newsclf("evaluate", "--errors", 0).out


def test_a_column_that_other_data_lack_is_looked_for_by_its_usual_names(
    newsclf: Cli, model: Path, tmp_path: Path
) -> None:
    card = json.loads((model / "card.json").read_text(encoding="utf-8"))
    card["data"]["settings"]["label_column"] = "Rating"
    (model / "card.json").write_text(json.dumps(card), encoding="utf-8")
    path = write_csv(tmp_path / "mine.csv", [("text", "label"), *sample_rows()[:20]])

    result = newsclf("evaluate", "--data", path, "--include-seen")

    assert result.exit_code == 0
    assert "it has no column 'Rating', which the model was trained with" in result.err


# --- the engine


def test_scores_do_not_depend_on_neighbours_or_threads(model: Path) -> None:
    texts = [text for text, _ in sample_rows()[:40]]

    alone = [Engine(model).classify([text])[0] for text in texts[:5]]
    together = Engine(model, threads=3).classify(texts)

    assert together[:5] == alone
    assert Engine(model).classify(texts) == together
    assert Engine(model).classify([]) == []
    assert all(sum(prediction.scores) == pytest.approx(1, abs=1e-6) for prediction in together)


def test_long_and_strange_texts_are_classified(model: Path) -> None:
    texts = ["word " * 20_000, "\0\x1b[2J", "\U0001f4c8" * 50, "利益が増えた", "."]

    assert len(Engine(model).classify(texts)) == len(texts)


def test_int8_scores_are_near_the_float_model_s(model: Path) -> None:
    from newsclf.training.classifier import classify_float, load_trained

    texts = [text for text, _ in sample_rows()[:40]]
    expected = classify_float(*load_trained(model), texts)

    for found, wanted in zip(Engine(model).classify(texts), expected, strict=True):
        assert found.scores == pytest.approx(wanted.scores, abs=0.1)


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "config.json"])
def test_a_damaged_model_is_refused(model: Path, newsclf: Cli, name: str) -> None:
    with (model / name).open("ab") as file:
        file.write(b" ")

    result = newsclf("predict", "Profit rose")

    assert result.exit_code == 3
    assert f"{name} is not the file that its card describes" in result.err


def test_a_model_with_other_classes_is_refused(model: Path) -> None:
    from newsclf.common.errors import ModelError

    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    config["id2label"] = {"0": "bad", "1": "good"}
    (model / "config.json").write_text(json.dumps(config), encoding="utf-8")

    with pytest.raises(ModelError, match="id2label"):
        Engine(model)
