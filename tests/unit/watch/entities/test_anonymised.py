"""Headlines lose the names of companies, and nothing else."""

from __future__ import annotations

import pytest

from newsclf.watch.entities.anonymised import anonymised
from newsclf.watch.entities.listed import CompanyList, ListedCompany, WatchedEntity
from newsclf.watch.entities.matcher import EntityMatcher

LISTED = CompanyList(
    text="",
    companies=(
        ListedCompany(name="Orvane Motors Inc", aliases=("Orvane Motors",), tickers=("ORV",)),
        ListedCompany(name="Tarnholt Bank Corp", aliases=("Tarnholt Bank",), tickers=("TBK",)),
    ),
)
MATCHER = EntityMatcher(
    [
        WatchedEntity(name="Orvane Motors", tickers=("ORV",)),
        WatchedEntity(name="Mirkavo", aliases=("Mirkavo AG",)),
    ],
    LISTED,
)


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Orvane Motors cuts 300 jobs", "The company cuts 300 jobs"),
        ("Mirkavo's rival Orvane Motors, up", "Another company's rival the company, up"),
        ("Orvane Motors (ORV), Mirkavo and others", "The company, another company and others"),
        ("UPDATE 2-Orvane Motors lifts forecast", "UPDATE 2-the company lifts forecast"),
        ("$ORV jumps as Orvane Motors wins order", "The company jumps as the company wins order"),
        ("Orvane Motors (NYSE: ORV) names a chief", "The company names a chief"),
        ("Orvane Motors <ORV.N> slides", "The company slides"),
        ("Tarnholt Bank sues Orvane Motors", "Another company sues the company"),
        ("Orvane Motors and Mirkavo AG settle", "The company and another company settle"),
        ("Copper rises in London", "Copper rises in London"),
    ],
)
def test_names_and_symbols_become_other_words(title: str, text: str) -> None:
    assert anonymised(title, MATCHER.mentions(title), "Orvane Motors") == text
