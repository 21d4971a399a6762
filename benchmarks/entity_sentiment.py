"""Measure whether a model can score a text for one of its companies, against abstaining.

A model that was trained on whole headlines is given a text anew for each company, in which the
others are hidden or cut away. `benchmarks.entities --model DIR` runs it.

The score of a company is P(positive) − P(negative), as in signals, and its truth −1, 0 or 1. A
score's skill is the share of the squared distance to the truth that it takes away from 0, which is
what a signal without news is averaged with: abstaining has a skill of 0, and a score that misleads
less than 0. Its 95 % interval is of 2,000 bootstrap samples of the texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from benchmarks.annotated import Annotated
from newsclf.common.intervals import wilson_interval
from newsclf.contract.answers import Prediction
from newsclf.contract.labels import LABELS
from newsclf.watch.entities.matcher import Span
from newsclf.watch.signals.score import headline_score

_SAMPLES = 2_000
_LEAST_WORDS = 5
"""A clause with fewer words is joined with its neighbour: an apposition, a place, `he said`."""
_BOUNDARY = re.compile(
    r"[;–—]\s*|,\s+(?:while|whereas|but|although|though|and|as|with)?\b\s*|(?<=[a-z0-9%)\]>\"”])"
    r"[.!?][\"”]?\s+(?=[A-Z\"“])|\s+(?:while|whereas|but|although|though)\s+",
)
_CODE = re.compile(r"\s*(?:<[^<>]*>|\[[^\[\]]*\])")
"""Codes that agencies add: `<AAPL.O>`, `[nL4N2Z028U]`."""
THE_COMPANY, ANOTHER = "the company", "another company"

Classify = Callable[[Sequence[str]], list[Prediction]]


class Target(NamedTuple):
    """A company of a text whose score is wanted."""

    text: str
    spans: tuple[Span, ...]
    others: tuple[Span, ...]
    """Where other companies are named."""
    label: str


class Group(NamedTuple):
    """Texts that are measured together."""

    name: str
    texts: list[list[Target]]


class Result(NamedTuple):
    """What a method achieved in a group."""

    method: str
    skill: float
    low: float
    high: float
    right: int
    """Scores whose most probable label is positive or negative, as the annotators say."""
    directed: int
    scored: int
    targets: int


def whole(target: Target) -> str:
    """The text as it is: the same score for each company, without conditioning."""
    return _without_codes(target.text)


def named_first(target: Target) -> str:
    """The name before the text: `Apple: Apple sues Nvidia`."""
    start, end = target.spans[0]
    return f"{target.text[start:end]}: {whole(target)}"


def others_masked(target: Target) -> str:
    """`another company` in place of each other name."""
    return _replaced(target, others=ANOTHER)


def placeholders(target: Target) -> str:
    """`the company` in place of the name, `another company` in place of the others."""
    return _replaced(target, own=THE_COMPANY, others=ANOTHER)


def clause(target: Target) -> str:
    """The clauses that have the name."""
    kept = _clauses(target)
    return _without_codes(" ".join(target.text[start:end] for start, end in kept)) or whole(target)


def clause_placeholders(target: Target) -> str:
    """The clauses that have the name, with placeholders."""
    kept = _clauses(target)
    return " ".join(
        _replaced(target, own=THE_COMPANY, others=ANOTHER, within=each) for each in kept
    )


def own_clause(target: Target) -> str:
    """The clauses that have the name; empty, so that there is no score, if others are in them."""
    kept = _clauses(target)
    shared = any(
        start <= other.start and other.end <= end for start, end in kept for other in target.others
    )
    return "" if shared else clause(target)


METHODS: dict[str, Callable[[Target], str]] = {
    "whole text for each": whole,
    "name first": named_first,
    "others masked": others_masked,
    "placeholders": placeholders,
    "clause": clause,
    "clause, placeholders": clause_placeholders,
    "clause of its own, or none": own_clause,
}
AGREED = "clause and placeholders agree"
"""Scores of the clause, only where placeholders give the same label."""
SEALED = ("whole text for each", "clause")
"""What is measured on the sealed set: the method that was chosen, and none."""


def annotated_targets(row: Annotated) -> list[Target]:
    """A target for each name of a text; names whose places have different labels are left out."""
    spans: dict[str, list[Span]] = {}
    labels: dict[str, set[str]] = {}
    for each in row.marked:
        if each.span.start >= 0:
            spans.setdefault(each.name, []).append(each.span)
            labels.setdefault(each.name, set()).add(each.label)
    return [
        Target(
            row.text,
            tuple(sorted(places)),
            tuple(sorted(span for other in spans if other != name for span in spans[other])),
            next(iter(labels[name])),
        )
        for name, places in spans.items()
        if len(labels[name]) == 1
    ]


def groups(texts: Iterable[list[Target]]) -> Iterator[Group]:
    """Texts by how many companies they have, and whether what they say of them differs."""
    texts = list(texts)
    several = [each for each in texts if len(each) > 1]
    disagreeing = [each for each in several if len({target.label for target in each}) > 1]
    yield Group("several, with different labels", disagreeing)
    yield Group("several", several)
    yield Group("one", [each for each in texts if len(each) == 1])


def measure(
    group: Group, classify: Classify, methods: Sequence[str] = (*METHODS, AGREED)
) -> Iterator[Result]:
    """Score each company of a group by each method."""
    targets = [target for text in group.texts for target in text]
    predictions = {
        name: _classified([METHODS[name](target) for target in targets], classify)
        for name in methods
        if name != AGREED
    }
    if AGREED in methods:
        predictions[AGREED] = [
            one if one is not None and other is not None and one.label == other.label else None
            for one, other in zip(predictions["clause"], predictions["placeholders"], strict=True)
        ]
    text_of = [number for number, text in enumerate(group.texts) for _ in text]
    for name, found in predictions.items():
        yield _result(name, targets, found, np.array(text_of))


def report(
    texts: Iterable[list[Target]], classify: Classify, *, sealed: bool = False
) -> Iterator[str]:
    """Lines with what each method achieved in each group.

    Args:
        texts: The companies of each.
        classify: The model.
        sealed: Only what was chosen before is measured.
    """
    classify = _each_once(classify)
    for group in groups(texts):
        targets = sum(map(len, group.texts))
        yield f"{group.name}: {len(group.texts):,} texts, {targets:,} companies"
        for each in measure(group, classify, SEALED if sealed else (*METHODS, AGREED)):
            low, high = wilson_interval(each.right, each.directed)
            precision = f"{each.right / max(each.directed, 1):.3f} ({low:.3f} to {high:.3f}"
            yield (
                f"  {each.method:<30} skill {each.skill:+.3f} ({each.low:+.3f} to {each.high:+.3f})"
                f"  directions {precision}; {each.right:,} of {each.directed:,})"
                f"  scored {each.scored:,}"
            )


def _each_once(classify: Classify) -> Classify:
    """A classifier that remembers: many methods make the same text of a text."""
    known: dict[str, Prediction] = {}

    def remembered(texts: Sequence[str]) -> list[Prediction]:
        new = [text for text in dict.fromkeys(texts) if text not in known]
        known.update(zip(new, classify(new), strict=True))
        return [known[text] for text in texts]

    return remembered


def _classified(texts: Sequence[str], classify: Classify) -> list[Prediction | None]:
    """Predictions of texts; None of empty ones."""
    found = iter(classify([text for text in texts if text]))
    return [next(found) if text else None for text in texts]


def _result(
    name: str,
    targets: Sequence[Target],
    found: Sequence[Prediction | None],
    text_of: np.ndarray[tuple[int], np.dtype[np.int64]],
) -> Result:
    truths = np.array([LABELS.index(target.label) - 1.0 for target in targets])
    scores = np.array([0.0 if each is None else headline_score(each.scores) for each in found])
    left = np.bincount(text_of, (scores - truths) ** 2)
    there = np.bincount(text_of, truths**2)
    rng = np.random.default_rng(0)
    samples = rng.integers(0, len(there), (_SAMPLES, len(there)))
    skills = 1 - left[samples].sum(axis=1) / np.maximum(there[samples].sum(axis=1), 1)
    low, high = np.quantile(skills, (0.025, 0.975))
    directed = [
        (each.label, target.label)
        for each, target in zip(found, targets, strict=True)
        if each is not None and each.label != "neutral"
    ]
    return Result(
        name,
        float(1 - left.sum() / max(there.sum(), 1)),
        float(low),
        float(high),
        sum(said == true for said, true in directed),
        len(directed),
        sum(each is not None for each in found),
        len(targets),
    )


def _clauses(target: Target) -> list[Span]:
    """Parts of a text that have a span of the target, each long enough to say something."""
    cuts = [0, *(match.end() for match in _BOUNDARY.finditer(target.text)), len(target.text)]
    names = [*target.spans, *target.others]
    cuts = [cut for cut in cuts if not any(start < cut < end for start, end in names)]
    parts: list[Span] = []
    for start, end in pairwise(cuts):
        before = parts[-1] if parts else Span(start, end)
        pieces = (target.text[start:end], target.text[before.start : before.end])
        if parts and min(len(_without_codes(each).split()) for each in pieces) < _LEAST_WORDS:
            parts[-1] = Span(before.start, end)
        else:
            parts.append(Span(start, end))
    return [
        part
        for part in parts
        if any(part.start <= start and end <= part.end for start, end in target.spans)
    ]


def _replaced(
    target: Target, *, own: str | None = None, others: str, within: Span | None = None
) -> str:
    """The text, or a part of it, with other words in place of names."""
    at, end = within or (0, len(target.text))
    pieces = []
    texts = [*((span, own) for span in target.spans), *((span, others) for span in target.others)]
    for span, text in sorted(texts):
        if at <= span.start and span.end <= end:
            pieces += [target.text[at : span.start], text or target.text[span.start : span.end]]
            at = span.end
    return _without_codes("".join((*pieces, target.text[at:end])))


def _without_codes(text: str) -> str:
    return " ".join(_CODE.sub("", text).split())
