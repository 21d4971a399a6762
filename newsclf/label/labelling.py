"""From headlines to a labelled file: what annotators get, and what is made of their votes.

OUT          the labelled rows (data/labelled.py)
OUT.gold     hidden rows of known label, with their votes
OUT.audit    how good the labels are, by the hidden rows
OUT.answers  every answer of an LLM, so that none is paid for twice
OUT.review   every decision of a person
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from newsclf.common.errors import DataError
from newsclf.common.settings import ReadingSettings
from newsclf.contract.requests import headline_problem
from newsclf.data.formats.columns import TEXT_COLUMN
from newsclf.data.formats.rows import BadRow, Record, headline_of
from newsclf.data.labelled import (
    Audit,
    LabelledRow,
    Vote,
    read_labelled,
    write_audit,
    write_labelled,
)
from newsclf.data.overlap import distinct
from newsclf.data.records import open_records
from newsclf.label.firewall import passed
from newsclf.label.gold import GoldRow, GoldSource, Mixed, gold_path, mixed, read_gold, write_gold
from newsclf.label.measure import measure
from newsclf.label.review.journal import Decision, votes_of
from newsclf.label.votes import labelled_row

MAX_CHARACTERS = 2000
"""Length of a headline that is labelled: a longer text is none, and each vote on it would cost."""
Votes = Mapping[str, Sequence[Vote]]
"""Headline → its votes."""


@dataclass(frozen=True, slots=True)
class Headlines:
    """Headlines that somebody wants labels for."""

    name: str
    """Where they are from, for messages and for each labelled row."""
    texts: Sequence[str]
    unusable: int = 0
    """How many more there are without a text, or with one that is too long."""

    @property
    def rows(self) -> int:
        """All of them."""
        return len(self.texts) + self.unusable


@dataclass(frozen=True, slots=True)
class Task:
    """Headlines for annotators, with hidden rows of known label among them."""

    mixed: Mixed
    headlines: Headlines
    repeated: int
    """Headlines that repeat, or nearly repeat, another one."""
    firewall: int
    """Headlines that stand in, or resemble, a validation or test part."""


def read_headlines(source: Path | BinaryIO, reading: ReadingSettings) -> Headlines:
    """Read headlines from a file or from a stream.

    Args:
        source: Any file or stream that `predict` reads.
        reading: How its rows are read; what is not set is found as in labelled data.

    Raises:
        DataError: There is no such file, or it can't be read.
    """
    if isinstance(source, Path) and not source.exists():
        raise DataError(f"{source}: no such file", hint="name a file of headlines to label")
    unusable, texts = 0, []
    with open_records(source, reading) as records:
        column = records.column(TEXT_COLUMN, reading.text_column)
        for row in records:
            text = headline_of(row, column) if isinstance(row, Record) else row
            if isinstance(text, BadRow) or not _is_usable(text):
                unusable += 1
            else:
                texts.append(text)
    name = source.name if isinstance(source, Path) else records.name
    return Headlines(name, texts, unusable)


def usable_headlines(name: str, texts: Iterable[str]) -> Headlines:
    """Headlines that are there already, without those that can't be classified."""
    given = list(texts)
    usable = [text for text in given if _is_usable(text)]
    return Headlines(name, usable, len(given) - len(usable))


def _is_usable(text: str) -> bool:
    return headline_problem(text) is None and len(text) <= MAX_CHARACTERS


def make_task(
    headlines: Headlines,
    *,
    held_out: Sequence[str],
    gold: GoldSource,
    gold_share: float,
    seed: int,
    shown: Sequence[str] = (),
) -> Task:
    """Leave out headlines that may not be labelled, and mix in rows of known label.

    Args:
        headlines: What there is to label.
        held_out: Headlines of validation and test parts.
        gold: Where the rows of known label are chosen from.
        gold_share: How many there are, as a share of all.
        seed: Chooses them and the order.
        shown: Headlines that annotators are shown with their label.

    Raises:
        DataError: None of the headlines may be labelled, or there are too few rows of known label.
    """
    texts = headlines.texts
    once = [texts[i] for i in distinct(texts)]
    kept = passed(once, held_out)
    if not kept.kept:
        raise DataError(
            f"{headlines.name}: none of {headlines.rows:,} rows may be labelled: {kept.count:,}"
            f" resemble held-out headlines, {headlines.unusable:,} have none"
        )
    chosen = [once[i] for i in kept.kept]
    return Task(
        mixed=mixed(chosen, gold, share=gold_share, seed=seed, shown=shown),
        headlines=headlines,
        repeated=len(texts) - len(once),
        firewall=kept.count,
    )


def votes_of_models(out: Path) -> dict[str, tuple[Vote, ...]]:
    """The votes of LLMs that a labelled file and its hidden rows hold; none if there is no file.

    Raises:
        DataError: One of the files can't be read.
    """
    return _chosen(_votes_in(out), lambda _, vote: vote.kind == "llm")


def votes_of_people(out: Path, decisions: Sequence[Decision]) -> dict[str, tuple[Vote, ...]]:
    """The votes of people: those of the journal, and those that only the files hold.

    A file that was moved without its journal holds votes that the journal doesn't know of.

    Args:
        out: The labelled file.
        decisions: All of the journal.

    Raises:
        DataError: One of the files can't be read.
    """
    known = {(each.text, each.annotator) for each in decisions}
    kept = _chosen(
        _votes_in(out),
        lambda text, vote: vote.kind == "human" and (text, vote.annotator) not in known,
    )
    return joined(kept, votes_of(list(decisions)))


def _votes_in(out: Path) -> Iterator[tuple[str, Sequence[Vote]]]:
    """The votes on each row of a labelled file and on each hidden one."""
    if out.exists():
        yield from ((row.text, row.votes) for row in read_labelled(out))
    if gold_path(out).exists():
        yield from ((row.text, row.votes) for row in read_gold(out))


def _chosen(
    votes: Iterable[tuple[str, Sequence[Vote]]], chooses: Callable[[str, Vote], bool]
) -> dict[str, tuple[Vote, ...]]:
    found = {text: tuple(vote for vote in given if chooses(text, vote)) for text, given in votes}
    return {text: given for text, given in found.items() if given}


def joined(*votes: Votes) -> dict[str, tuple[Vote, ...]]:
    """Votes of several annotators together."""
    texts = dict.fromkeys(text for each in votes for text in each)
    return {text: tuple(vote for each in votes for vote in each.get(text, ())) for text in texts}


def write_labels(out: Path, task: Task, votes: Votes, *, gate: Mapping[str, float]) -> Audit:
    """Write a labelled file with its hidden rows and its audit.

    Args:
        out: The labelled file; the others lie beside it.
        task: What annotators got.
        votes: What they said.
        gate: Least value of each figure that it names.

    Raises:
        OSError: A file can't be written.
    """
    of_headlines, of_gold = task.mixed.separated(votes)
    rows = [
        labelled_row(text, of_headlines.get(text, ()), source=task.headlines.name)
        for text in task.mixed.texts
        if text not in task.mixed.gold
    ]
    gold = [
        GoldRow(text=text, known=known, votes=tuple(of_gold.get(text, ())))
        for text, known in task.mixed.gold.items()
    ]
    return write_measured(
        out, rows, gold, gold_name=task.mixed.gold_name, firewall=task.firewall, gate=gate
    )


def write_measured(
    out: Path,
    rows: Sequence[LabelledRow],
    gold: Sequence[GoldRow],
    *,
    gold_name: str,
    firewall: int,
    gate: Mapping[str, float],
) -> Audit:
    """Write rows, hidden rows and the audit that follows from them; arguments as of `measure`.

    Raises:
        OSError: A file can't be written.
    """
    write_gold(out, gold)
    digest = write_labelled(out, rows)
    audit = measure(
        rows, gold, file_sha256=digest, gold_name=gold_name, firewall=firewall, gate=gate
    )
    write_audit(out, audit)
    return audit


def journal_path(out: Path) -> Path:
    """Where people's decisions about a labelled file are."""
    return out.with_name(f"{out.name}.review")
