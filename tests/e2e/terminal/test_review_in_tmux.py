"""`newsclf label --human` in tmux, a real terminal, with a model. Run by `make test-terminal`."""

from __future__ import annotations

import csv
from pathlib import Path

from newsclf.data.labelled import read_audit, read_labelled
from newsclf.label.review.journal import read_votes
from tests.support.review import items
from tests.support.tmux import in_tmux

OUT, REVIEW = "labelled.jsonl", "labelled.jsonl.review"
KEYS = {"negative": "1", "neutral": "Down", "positive": "p"}


def written(folder: Path) -> dict[str, str]:
    """Write a file of six headlines; returns the label of each."""
    given = {item.text: str(item.votes[0].label) for item in items()}
    with (folder / "news.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["headline"], *([text] for text in given)])
    return given


def test_a_review_with_a_model_from_the_first_key_to_the_audit(
    tmux: str, trained: Path, tmp_path: Path
) -> None:
    truth = written(tmp_path)
    model = ("--model", str(trained / "model"))
    asked = (
        "label",
        "news.csv",
        "--human",
        "ana",
        *model,
        "--gold-share",
        "0",
        "--gate",
        "kappa=0",
    )

    with in_tmux(tmux, tmp_path, *asked) as pane:
        shown = pane.until("0 of 6")
        assert "model" not in shown, "it is blind"
        first = next(text for text in truth if text in shown)
        pane.type(KEYS[truth[first]])
        shown = pane.until("1 of 6", without=first)
        assert truth[first] in shown.partition("last: you")[2]
        assert "model" in shown, "what the model says is told afterwards"
        second = next(text for text in truth if text in shown)
        pane.type("s")
        pane.until("2 of 6", without=second)
        pane.type("u")
        pane.until(second)
        pane.call("resize-window", "-x", "60", "-y", "16")
        pane.until(second)
        pane.type("?")
        pane.until("any key")
        pane.type("Space")
        pane.until(second, without="any key")
        text = first
        for number in range(1, 6):
            shown = pane.until(f"{number} of 6", without=text)
            text = next(each for each in truth if each in shown)
            pane.type(KEYS[truth[text]])
        pane.until("All headlines are decided.")
        pane.type("q")
        shown = pane.until("agrees with model")
        assert "6 labelled (2 negative, 2 neutral, 2 positive)" in shown
        pane.wait()

    assert {text: votes[0].label for text, votes in read_votes(tmp_path / REVIEW).items()} == truth
    assert {row.text: row.label for row in read_labelled(tmp_path / OUT)} == truth
    assert read_audit(tmp_path / OUT).rows == 6
