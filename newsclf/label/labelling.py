"""From headlines to a labelled file: what annotators get, and what is made of their votes.

OUT          the labelled rows (data/labelled.py)
OUT.gold     hidden rows of known label, with their votes
OUT.audit    how good the labels are, by the hidden rows
OUT.answers  every answer of an LLM, so that none is paid for twice
OUT.review   every decision of a person
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from newsclf.common.errors import DataError
from newsclf.data.formats.columns import TEXT_COLUMN
from newsclf.data.formats.rows import BadRow, Record, headline_of
from newsclf.data.labelled import Audit, Vote, read_labelled, write_audit, write_labelled
from newsclf.data.overlap import distinct
from newsclf.data.records import open_records
from newsclf.label.firewall import passed
from newsclf.label.gold import GoldRow, GoldSource, Mixed, gold_path, mixed, read_gold, write_gold
from newsclf.label.measure import measure
from newsclf.label.votes import labelled_row

Votes = Mapping[str, Sequence[Vote]]
"""Headline → its votes."""


@dataclass(frozen=True, slots=True)
class Task:
    """Headlines for annotators, with hidden rows of known label among them."""

    mixed: Mixed
    rows: int
    """Rows of the file."""
    unusable: int
    """Rows without a headline, or with one that is too long."""
    repeated: int
    """Headlines that repeat, or nearly repeat, another one."""
    firewall: int
    """Headlines that stand in, or resemble, a validation or test part."""


def read_task(
    path: Path,
    *,
    text_column: str | None,
    held_out: Sequence[str],
    gold: GoldSource,
    gold_share: float,
    seed: int,
    shown: Sequence[str] = (),
) -> Task:
    """Read headlines, leave out those that may not be labelled, and mix in rows of known label.

    Args:
        path: Any file that `predict` reads.
        text_column: Its column with the headlines; by default found as in labelled data.
        held_out: Headlines of validation and test parts.
        gold: Where the rows of known label are chosen from.
        gold_share: How many there are, as a share of all.
        seed: Chooses them and the order.
        shown: Headlines that annotators are shown with their label.

    Raises:
        DataError: There is no such file, or none of its rows may be labelled.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file", hint="name a file of headlines to label")
    rows, texts = 0, []
    with open_records(path) as records:
        column = records.column(TEXT_COLUMN, text_column)
        for row in records:
            rows += 1
            text = headline_of(row, column) if isinstance(row, Record) else row
            if not isinstance(text, BadRow):
                texts.append(text)
    once = [texts[i] for i in distinct(texts)]
    kept = passed(once, held_out)
    if not kept.kept:
        raise DataError(
            f"{path}: none of its {rows:,} rows may be labelled: {kept.count:,} resemble held-out"
            f" headlines, {rows - len(texts):,} have none"
        )
    chosen = [once[i] for i in kept.kept]
    return Task(
        mixed=mixed(chosen, gold, share=gold_share, seed=seed, shown=shown),
        rows=rows,
        unusable=rows - len(texts),
        repeated=len(texts) - len(once),
        firewall=kept.count,
    )


def votes_of_models(out: Path) -> dict[str, tuple[Vote, ...]]:
    """The votes of LLMs that a labelled file and its hidden rows hold; none if there is no file.

    Raises:
        DataError: One of the files can't be read.
    """
    rows: list[tuple[str, Iterable[Vote]]] = []
    if out.exists():
        rows += [(row.text, row.votes) for row in read_labelled(out)]
    if gold_path(out).exists():
        rows += [(row.text, row.votes) for row in read_gold(out)]
    found = {text: tuple(vote for vote in votes if vote.kind == "llm") for text, votes in rows}
    return {text: votes for text, votes in found.items() if votes}


def joined(*votes: Votes) -> dict[str, tuple[Vote, ...]]:
    """Votes of several annotators together."""
    texts = dict.fromkeys(text for each in votes for text in each)
    return {text: tuple(vote for each in votes for vote in each.get(text, ())) for text in texts}


def write_labels(
    out: Path, task: Task, votes: Votes, *, gate: Mapping[str, float], source: str
) -> Audit:
    """Write a labelled file with its hidden rows and its audit.

    Args:
        out: The labelled file; the others lie beside it.
        task: What annotators got.
        votes: What they said.
        gate: Least value of each figure that it names.
        source: Name of the file that the headlines are from.

    Raises:
        OSError: A file can't be written.
    """
    of_headlines, of_gold = task.mixed.separated(votes)
    rows = [
        labelled_row(text, of_headlines.get(text, ()), source=source)
        for text in task.mixed.texts
        if text not in task.mixed.gold
    ]
    gold = [
        GoldRow(text=text, known=known, votes=tuple(of_gold.get(text, ())))
        for text, known in task.mixed.gold.items()
    ]
    write_gold(out, gold)
    audit = measure(
        rows,
        gold,
        file_sha256=write_labelled(out, rows),
        gold_name=task.mixed.gold_name,
        firewall=task.firewall,
        gate=gate,
    )
    write_audit(out, audit)
    return audit
