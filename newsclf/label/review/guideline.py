"""The annotation rule in short, as reviewers are reminded of it; see docs/annotation.md."""

from __future__ import annotations

from newsclf.data.labelled import Label

QUESTION = "Would an investor who holds it take this headline as good news, bad news, or neither?"
RULES: dict[Label, str] = {
    "negative": "bad news for the holder: lower profit, a miss, a cut, a fall, a loss, a suit",
    "neutral": "leaves the holder where they were: a date, a name, a figure alone",
    "positive": "good news for the holder: higher profit, a beat, a rise, an order, an approval",
}
NOTES = (
    "Only the words count: nothing that you know besides, nothing that came later.",
    "If fortunes differ, the first-named subject decides.",
    "In doubt between two: what would most readers of financial news conclude at once?",
)
