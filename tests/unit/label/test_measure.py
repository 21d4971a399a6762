"""From votes to labels, to the audit of a labelled file and its gate."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Literal

import pytest

from newsclf.common.errors import CheckFailedError, ConfigError
from newsclf.data.labelled import Label, LabelledRow, Vote
from newsclf.label.gate import check_gate, parse_gate
from newsclf.label.gold import GoldRow
from newsclf.label.measure import agreement_between, measure
from newsclf.label.votes import decided, labelled_row

NOON = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)


def vote(
    label: Label | None,
    annotator: str = "llm",
    kind: Literal["llm", "human"] = "llm",
    cost_usd: float = 0.0,
) -> Vote:
    return Vote(annotator=annotator, kind=kind, label=label, at=NOON, cost_usd=cost_usd)


def votes(letters: str, kind: Literal["llm", "human"] = "llm") -> tuple[Vote, ...]:
    """Votes from the first letters of their labels: n(egative), o (neutral), p(ositive), - none."""
    of: dict[str, Label | None] = {"n": "negative", "o": "neutral", "p": "positive", "-": None}
    return tuple(vote(of[letter], kind=kind) for letter in letters)


@pytest.mark.parametrize(
    ("letters", "label", "agreement"),
    [
        ("ppppp", "positive", 100),
        ("ppppo", "positive", 75),
        ("ppo", "positive", 66),
        ("pppoo", "positive", 50),
        ("ppon", "positive", 50),
        ("ppoonn", None, None),
        ("pppoonn", None, None),  # less than half
        ("po", None, None),
        ("p", "positive", None),
        ("pp--", "positive", 100),
        ("---", None, None),
        ("", None, None),
    ],
)
def test_the_label_of_most_votes_and_its_level(
    letters: str, label: str | None, agreement: int | None
) -> None:
    assert decided(votes(letters)) == (label, agreement)


def test_a_person_outvotes_any_number_of_llm_votes() -> None:
    assert decided([*votes("ppppp"), *votes("n", "human")]) == ("negative", None)
    assert decided([*votes("ppppp"), *votes("-", "human")]) == ("positive", 100)


def gold(known: Label, *cast: Vote) -> GoldRow:
    return GoldRow(text=f"{known} {len(cast)}", known=known, votes=cast)


GOLD = [
    gold("positive", vote("positive", "a"), vote("positive", "b")),
    gold("positive", vote("positive", "a"), vote("neutral", "b")),
    gold("neutral", vote("neutral", "a"), vote("neutral", "b")),
    gold("negative", vote("negative", "a", cost_usd=0.25), vote(None, "b")),
]
ROWS = [
    labelled_row("up", [vote("positive", "a"), vote("positive", "b")]),
    labelled_row("flat", [vote("positive", "a", cost_usd=0.5), vote("neutral", "b")]),
]


def test_an_audit_scores_each_annotator_and_what_their_votes_lead_to() -> None:
    audit = measure(
        ROWS,
        GOLD,
        file_sha256="ab",
        gold_name="training part",
        firewall=3,
        gate={"accuracy": 0.9},
        created=NOON,
    )

    assert (audit.rows, audit.undecided, audit.gold_rows, audit.firewall) == (1, 1, 4, 3)
    assert (audit.score.rows, audit.score.failures) == (3, 1)  # "a" and "b" tie once
    assert audit.score.accuracy.value == 1
    first, second = audit.annotators
    assert (first.annotator, first.rows, first.accuracy.value) == ("a", 4, 1)
    assert (second.annotator, second.rows, second.failures) == ("b", 3, 1)
    assert second.accuracy.value == pytest.approx(2 / 3)
    assert second.recall["positive"].value == 0.5
    assert audit.alpha is not None
    assert audit.cost_usd == 0.75
    assert audit.gate_met


def test_what_was_said_after_a_look_at_the_others_is_no_agreement() -> None:
    def votes(*, blind: bool) -> list[list[Vote]]:
        said: tuple[Label, ...] = ("positive", "negative", "negative") * 4
        return [
            [
                Vote(annotator="llm", kind="llm", label=label, at=NOON),
                Vote(annotator="ana", kind="human", label=label, at=NOON, blind=blind),
            ]
            for label in said
        ]

    agreed = agreement_between(votes(blind=True))
    assert agreed is not None
    assert agreed.value == 1
    assert agreement_between(votes(blind=False)) is None


def test_a_single_annotator_has_no_agreement_with_others() -> None:
    rows = [LabelledRow(text="up", label="positive", agreement=100, votes=votes("ppp"))]

    audit = measure(rows, [gold("positive", *votes("ppp"))], file_sha256="", gold_name="", gate={})

    assert audit.alpha is None


def test_a_missed_gate_names_the_figure_and_what_to_do() -> None:
    path = Path("labelled.jsonl")
    rows = [gold("positive", vote("neutral")), gold("neutral", vote("neutral"))]
    audit = measure([], rows, file_sha256="", gold_name="", gate=parse_gate(["accuracy=0.9"]))

    with pytest.raises(CheckFailedError, match=r"accuracy is 0\.5000, below 0\.9") as caught:
        check_gate(audit, path)

    assert caught.value.exit_code == 6
    assert "newsclf label --audit labelled.jsonl" in str(caught.value.hint)


def test_without_gold_rows_or_a_minimum_nothing_is_met() -> None:
    unmeasured = measure(ROWS, [], file_sha256="", gold_name="", gate={"accuracy": 0})
    ungated = measure(ROWS, GOLD, file_sha256="", gold_name="", gate={})

    assert not unmeasured.gate_met
    assert not ungated.gate_met
    check_gate(ungated, Path("labelled.jsonl"))  # nothing was asked for
    with pytest.raises(CheckFailedError, match="no hidden row of known label has got a label"):
        check_gate(unmeasured, Path("labelled.jsonl"))


def test_a_gate_has_several_figures_in_one_text_or_in_several() -> None:
    expected = {"kappa": 0.7, "accuracy": 0.9, "recall.negative": 0.5}

    assert parse_gate(["kappa=0.7,accuracy=0.9", "recall.negative=0.5"]) == expected
    assert parse_gate(["kappa=0.7, accuracy=0.9,recall.negative=.5"]) == expected
    assert parse_gate([]) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kappa", "expected FIGURE=MIN"),
        ("kapa=0.7", "not a figure"),
        ("kappa=high", "not a number"),
        ("kappa=70", "a share, from 0 to 1"),
        ("kappa=nan", "a share, from 0 to 1"),
        ("kappa=0.7,", "expected FIGURE=MIN"),
    ],
)
def test_a_gate_that_cannot_be_read_is_a_usage_error(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse_gate([text])
