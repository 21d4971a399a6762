"""Measure which companies are found in texts, against people's annotations.

    python -m benchmarks.entities --sets DIR            # FinEntity, the development set
    python -m benchmarks.entities --sets DIR --sealed   # SEntFiN: once, for the figures in the docs

A found company is right if the text has an annotation of it. An annotation is of a company of the
list if it is one of its names, apart from legal forms; `finentity_companies.csv` corrects that for
names that were looked up by hand. What is found and not annotated counts as wrong.
"""

from __future__ import annotations

import argparse
import ast
import csv
import hashlib
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from newsclf.common.intervals import wilson_interval
from newsclf.watch.entities.listed import CompanyList, shipped_list
from newsclf.watch.entities.matcher import EntityMatcher, company_key
from newsclf.watch.entities.names import words_of

_FINENTITY, _SENTFIN = "FinEntity.json", "SEntFiN.csv"
_BY_HAND = Path(__file__).with_name("finentity_companies.csv")
_WORDS = (
    "inc incorporated corp corporation co ltd limited plc llc lp holdings holding group ag nv sa se"
    " spa asa ab oyj company companies . , & the"
)
_LEGAL_FORMS = frozenset(_WORDS.split())
_BROKEN_DICT = re.compile(r"""(?P<q>['"])(?P<name>.+?)(?P=q): '\w+'""")


class Annotated(NamedTuple):
    """A text and what its annotators found in it."""

    text: str
    names: tuple[str, ...]


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


def measure(rows: Iterable[Annotated], known: CompanyList, by_hand: Mapping[str, str]) -> Counts:
    """Compare what the matcher finds with the annotations."""
    matcher = EntityMatcher((), known)
    company_of = _names(known)
    counts = Counts()
    for row in rows:
        counts.texts += 1
        there: dict[str, None] = {}
        for name in dict.fromkeys(row.names):
            counts.annotated += 1
            company = by_hand.get(name, company_of.get(_without_legal_form(name), ""))
            if company:
                there[company] = None
        mentions = matcher.mentions(row.text)
        found = {mention.entity for mention in mentions.others}
        counts.in_list += len(there)
        counts.found += len(found)
        counts.right += len(found & there.keys())
        counts.in_doubt += mentions.others_in_doubt
        counts.missed += [(company, row.text) for company in there.keys() - found]
        counts.wrong += [(company, row.text) for company in sorted(found - there.keys())]
    return counts


def finentity(content: str) -> Iterator[Annotated]:
    """The texts of FinEntity."""
    for item in json.loads(content):
        yield Annotated(item["content"], tuple(each["value"] for each in item["annotations"]))


def sentfin(content: str) -> Iterator[Annotated]:
    """The headlines of SEntFiN."""
    for row in csv.DictReader(content.splitlines(keepends=True)):
        given = row["Decisions"]
        try:
            names = tuple(ast.literal_eval(given))
        except (SyntaxError, ValueError):  # an apostrophe in a name breaks the dict
            names = tuple(match["name"] for match in _BROKEN_DICT.finditer(given))
        yield Annotated(row["Title"], names)


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
    parser.add_argument("--errors", action="store_true", help="List what was wrong and missed")
    given = parser.parse_args(arguments)
    if given.sealed and given.errors:
        parser.error("errors on a sealed set are not shown: leave out --errors")
    known = shipped_list()
    if given.sealed:
        rows, by_hand, name = sentfin, {}, _SENTFIN
    else:
        rows, by_hand, name = finentity, read_by_hand(_BY_HAND), _FINENTITY
    content = (given.sets / name).read_text(encoding="utf-8-sig")
    counts = measure(rows(content), known, by_hand)
    for line in _report(name, counts, known):
        sys.stdout.write(line + "\n")
    if given.errors:
        for kind, found in (("wrong", counts.wrong), ("missed", counts.missed)):
            for company, text in found:
                sys.stdout.write(f"{kind}\t{_digest(text)}\t{company}\t{text}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
