"""Measure which companies are found in texts, against people's annotations.

    python -m benchmarks.entities --sets DIR                # FinEntity, the development set
    python -m benchmarks.entities --sets DIR --model MODEL  # and scores for one company of several
    python -m benchmarks.entities --sets DIR --sealed       # SEntFiN: once, for figures in the docs

A found company is right if the text has an annotation of it. An annotation is of a company of the
list if it is one of its names, apart from legal forms; `finentity_companies.csv` corrects that for
names that were looked up by hand. What is found and not annotated counts as wrong.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from benchmarks.annotated import FINENTITY, SENTFIN, Annotated, finentity, sentfin
from benchmarks.entity_sentiment import Target, annotated_targets, report
from newsclf.common.intervals import wilson_interval
from newsclf.common.machine import available_cores
from newsclf.serving.engines.onnx_runtime import Engine
from newsclf.watch.entities.forms import company_key
from newsclf.watch.entities.listed import CompanyList, shipped_list
from newsclf.watch.entities.matcher import EntityMatcher, Mentions
from newsclf.watch.entities.names import words_of
from newsclf.watch.entities.relevance import BESIDE_OTHERS

_BY_HAND = Path(__file__).with_name("finentity_companies.csv")
_WORDS = (
    "inc incorporated corp corporation co ltd limited plc llc lp holdings holding group ag nv sa se"
    " spa asa ab oyj company companies . , & the"
)
_LEGAL_FORMS = frozenset(_WORDS.split())


@dataclass
class Counts:
    """Companies found and annotated, each once a text."""

    texts: int = 0
    found: int = 0
    right: int = 0
    annotated: int = 0
    in_list: int = 0
    in_doubt: int = 0
    """Companies of which a text has a word in doubt; they are not found."""
    wrong: list[tuple[str, str]] = field(default_factory=list)
    missed: list[tuple[str, str]] = field(default_factory=list)


class Found(NamedTuple):
    """A text with the companies of the list that are annotated and those that are found."""

    row: Annotated
    annotated: dict[str, set[str]]
    """By company, its labels."""
    mentions: Mentions


def find(
    rows: Iterable[Annotated], known: CompanyList, by_hand: Mapping[str, str]
) -> Iterator[Found]:
    """Find the companies of texts."""
    matcher = EntityMatcher((), known)
    company_of = _names(known)
    for row in rows:
        annotated: dict[str, set[str]] = {}
        for each in row.marked:
            company = by_hand.get(each.name, company_of.get(_without_legal_form(each.name), ""))
            if company:
                annotated.setdefault(company, set()).add(each.label)
        yield Found(row, annotated, matcher.mentions(row.text))


def measure(texts: Iterable[Found]) -> Counts:
    """Compare what the matcher finds with the annotations."""
    counts = Counts()
    for row, annotated, mentions in texts:
        found = {mention.entity for mention in mentions.others}
        counts.texts += 1
        counts.annotated += len({each.name for each in row.marked})
        counts.in_list += len(annotated)
        counts.found += len(found)
        counts.right += len(found & annotated.keys())
        counts.in_doubt += mentions.others_in_doubt
        counts.missed += [(company, row.text) for company in annotated.keys() - found]
        counts.wrong += [(company, row.text) for company in sorted(found - annotated.keys())]
    return counts


def found_targets(text: Found) -> list[Target]:
    """A target for each company that is annotated and that the text would count for if alone."""
    mentions = text.mentions.others
    return [
        Target(
            text.row.text,
            each.spans,
            tuple(sorted(span for other in mentions if other != each for span in other.spans)),
            next(iter(labels)),
        )
        for each in mentions
        if each.relevance >= BESIDE_OTHERS
        and len(labels := text.annotated.get(each.entity, set())) == 1
    ]


def read_by_hand(path: Path) -> dict[str, str]:
    """By annotated name, the company of the list; empty where that has none."""
    with path.open(encoding="utf-8", newline="") as file:
        return dict(csv.reader(file))


def _names(known: CompanyList) -> dict[tuple[str, ...], str]:
    names = {
        _without_legal_form(each.name): company_key(each) for each in reversed(known.companies)
    }
    for company in reversed(known.companies):
        short = (*company.aliases, *company.uncertain)
        names |= {_without_legal_form(name): company_key(company) for name in short}
    return names


def _without_legal_form(name: str) -> tuple[str, ...]:
    words = [word.casefold() for word in words_of(name)]
    while words and words[-1] in _LEGAL_FORMS:
        words.pop()
    return tuple(words)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _share(part: int, whole: int) -> str:
    low, high = wilson_interval(part, whole)
    return f"{part / whole:.3f} ({low:.3f} to {high:.3f}; {part:,} of {whole:,})"


def _report(name: str, counts: Counts, known: CompanyList) -> Iterator[str]:
    size = f"{len(known.companies):,} companies ({known.digest[:12]})"
    yield f"{name}: {counts.texts:,} texts; list of {size}"
    yield f"  precision                                    {_share(counts.right, counts.found)}"
    yield f"  recall among companies of the list           {_share(counts.right, counts.in_list)}"
    yield f"  recall among all annotated names             {_share(counts.right, counts.annotated)}"
    yield f"  in doubt, so not counted: {counts.in_doubt:,}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print precision and recall with intervals of 95 %."""
    parser = argparse.ArgumentParser(description="Precision and recall of companies in texts")
    parser.add_argument("--sets", type=Path, required=True, help="Folder with the public sets")
    parser.add_argument(
        "--sealed", action="store_true", help="Measure on SEntFiN, of which nothing was chosen"
    )
    parser.add_argument(
        "--model", type=Path, help="Model whose scores for one company of several are measured"
    )
    parser.add_argument("--errors", action="store_true", help="List what was wrong and missed")
    given = parser.parse_args(arguments)
    if given.sealed and given.errors:
        parser.error("errors on a sealed set are not shown: leave out --errors")
    known = shipped_list()
    if given.sealed:
        rows, by_hand, name = sentfin, {}, SENTFIN
    else:
        rows, by_hand, name = finentity, read_by_hand(_BY_HAND), FINENTITY
    content = (given.sets / name).read_text(encoding="utf-8-sig")
    texts = list(find(rows(content), known, by_hand))
    counts = measure(texts)
    for line in _report(name, counts, known):
        sys.stdout.write(line + "\n")
    if given.model is not None:
        classify = Engine(given.model, threads=available_cores()).classify
        for kind, targets in (
            ("names as annotated", map(annotated_targets, (each.row for each in texts))),
            ("companies as found", map(found_targets, texts)),
        ):
            sys.stdout.write(f"\nscores by {given.model.name}, {kind}\n")
            for line in report(targets, classify, sealed=given.sealed):
                sys.stdout.write(line + "\n")
    if given.errors:
        for kind, found in (("wrong", counts.wrong), ("missed", counts.missed)):
            for company, text in found:
                sys.stdout.write(f"{kind}\t{_digest(text)}\t{company}\t{text}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
