"""`newsclf label --audit FILE --human NAME` in a terminal makes a refused file good enough."""

from __future__ import annotations

import random
from pathlib import Path
from typing import cast

from newsclf.common.settings import DataSettings
from newsclf.contract.labels import LABELS
from newsclf.data.labelled import Label, read_audit, read_labelled, write_audit, write_labelled
from newsclf.data.sources import load_data
from newsclf.data.split import split
from newsclf.label.gold import GoldRow, read_gold, write_gold
from newsclf.label.measure import measure
from newsclf.label.review.journal import read_votes
from newsclf.label.votes import labelled_row
from tests.conftest import Cli
from tests.support.labelled_builders import votes_of
from tests.support.terminal import opened

ROWS, HIDDEN = 60, 30
GATE = {"kappa": 0.8}


def labelled_with_errors(path: Path) -> tuple[dict[str, Label], set[str]]:
    """Write a file of an annotator that is wrong about 20 %; returns the truth and the errors."""
    settings = DataSettings(source="headlines")
    chance = random.Random(7)  # noqa: S311 - reproducible rows and mistakes
    # The tiny model that doubts them must not have learnt them.
    learnt = {each.text for each in load_data(DataSettings(source="sample")).examples}
    rows = [row for row in split(load_data(settings), settings).train if row.text not in learnt]
    rows = chance.sample(rows, ROWS + HIDDEN)
    truth = {each.text: cast("Label", LABELS[each.label_id]) for each in rows}
    texts = list(truth)
    hidden = texts[ROWS:]
    wrong: set[str] = set()
    for part in (texts[:ROWS], hidden):
        wrong.update(chance.sample(part, len(part) // 5))
    answers = {
        text: chance.choice([each for each in LABELS if each != label]) if text in wrong else label
        for text, label in truth.items()
    }
    labelled = [labelled_row(text, votes_of(answers[text])) for text in texts[:ROWS]]
    gold = [GoldRow(text=text, known=truth[text], votes=votes_of(answers[text])) for text in hidden]
    write_gold(path, gold)
    digest = write_labelled(path, labelled)
    write_audit(
        path, measure(labelled, gold, file_sha256=digest, gold_name="training part", gate=GATE)
    )
    return truth, wrong


def test_review_of_the_ranked_rows_brings_a_file_over_its_gate(
    newsclf: Cli, trained: Path, tmp_path: Path
) -> None:
    path = tmp_path / "labelled.jsonl"
    truth, wrong = labelled_with_errors(path)
    train = ["train", "--config", trained / "tiny.toml", "--out", "more", "--extra", path]
    assert not read_audit(path).gate_met
    refused = newsclf(*train)
    assert (refused.exit_code, "did not meet their gate" in refused.err) == (6, True)

    most = len(truth) - 5
    keys = {"negative": "1", "neutral": "2", "positive": "3"}
    base = ("--base", str(trained / "model"))
    review = ("-m", "newsclf", "label", "--audit", str(path), "--human", "ana", *base)
    with opened(*review, width=250, height=30) as terminal:
        for number in range(most):
            shown = terminal.until("quit")
            assert f"{number} of {len(truth)}" in shown
            assert number or "llm " not in shown, "it is blind"
            text = max((each for each in truth if each in shown), key=len)
            terminal.type(keys[truth[text]])
        terminal.until(f"{most} of {len(truth)}")
        terminal.type("q")
        assert terminal.finish() == 0

    reviewed = read_votes(path.with_name(f"{path.name}.review"))
    assert len(reviewed) == most
    audit = read_audit(path)
    assert audit.gate_met
    assert (audit.gate, audit.rows, audit.gold_rows) == (GATE, ROWS, HIDDEN)
    ours = {row.text: row for row in read_labelled(path)}
    assert all(len(row.votes) == 1 + (text in reviewed) for text, row in ours.items())
    assert all(len(row.votes) == 1 + (row.text in reviewed) for row in read_gold(path))
    still_wrong = {text for text, row in ours.items() if row.label != truth[text]}
    assert still_wrong == (wrong & ours.keys()) - reviewed.keys()
    taken = newsclf(*train)
    assert taken.exit_code == 0, taken.err
