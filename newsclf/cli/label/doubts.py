"""Show the rows of a labelled file whose label is doubted, or have a person review them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from newsclf.cli.console import Output
    from newsclf.cli.label.people import HumanOptions
    from newsclf.common.settings import DataSettings
    from newsclf.data.labelled import Label

_SHOWN = 20
_MOST_CHARACTERS = 80
"""Of a headline in the table."""


def show_doubts(output: Output, data: DataSettings, *, base: str, seed: int) -> None:
    """Rank the rows of a labelled file by how much their label is doubted, and show the first."""
    from newsclf.data.examples import counted
    from newsclf.data.labelled import read_if_labelled
    from newsclf.label.correction import LabelledTable
    from newsclf.label.doubts import doubts

    rows: list[tuple[str, Label | None]]
    if (labelled := read_if_labelled(Path(data.source))) is not None:
        rows = [(row.text, row.label) for row in labelled]
    else:
        rows = [*LabelledTable.read(data).rows]
    places = [i for i, (_, label) in enumerate(rows, start=1) if label is not None]
    texts = [text for text, label in rows if label is not None]
    labels = [label for _, label in rows if label is not None]
    if len(texts) < len(rows):
        without = counted(len(rows) - len(texts), "row has", "rows have")
        output.note(f"{without} no label, and no place in the ranking")
    found = doubts(texts, labels, base=base, seed=seed)
    output.data(
        [
            {
                "row": places[each.row],
                "headline": texts[each.row],
                "label": each.label,
                "suggested": each.suggested,
                "probability": round(each.probability, 4),
            }
            for each in found
        ]
    )
    shown = [
        (_shortened(texts[each.row]), each.label, each.suggested, f"{100 * each.probability:.0f} %")
        for each in found[:_SHOWN]
    ]
    columns = ("headline", "label", "rather", "probability")
    title = f"Labels of {Path(data.source).name} that are most doubted"
    output.show(output.table(title, columns, shown))
    output.note(f"{len(found):,} rows ranked; --json prints all of them")


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 1].rstrip()}…"


def review_doubts(
    output: Output,
    data: DataSettings,
    options: HumanOptions,
    *,
    out: Path | None,
    base: str,
    seed: int,
    gate: Mapping[str, float] | None,
) -> None:
    """Have a person review the rows of a labelled file, the most doubted first.

    A file that newsclf label wrote is written and measured again; of any other one a corrected copy
    is made, since no hidden rows measure it.
    """
    from newsclf.cli.label.people import check_can_review
    from newsclf.common.errors import ConfigError
    from newsclf.label.correction import is_measured

    check_can_review(output, options)
    path = Path(data.source)
    if not is_measured(path):
        if gate:
            raise ConfigError(
                f"--gate: no hidden rows measure {path.name}",
                hint="leave it out; newsclf label alone writes files with hidden rows",
            )
        _review_table(output, data, options, out=out, base=base, seed=seed)
        return
    if out is not None:
        raise ConfigError(
            f"--out: a review corrects {path.name} itself, and measures it again",
            hint="leave it out, or copy the file and those beside it first",
        )
    _review_measured(output, path, options, base=base, seed=seed, gate=gate)


def _review_table(
    output: Output,
    data: DataSettings,
    options: HumanOptions,
    *,
    out: Path | None,
    base: str,
    seed: int,
) -> None:
    """Have a person review the rows of any labelled file, and write a corrected copy."""
    from shlex import quote

    from newsclf.cli.label.people import review
    from newsclf.common.errors import ConfigError
    from newsclf.label.correction import LabelledTable, doubted_first
    from newsclf.label.labelling import journal_path
    from newsclf.label.review.journal import read_votes

    path = Path(data.source)
    out = out or path.with_name(f"{path.stem}-corrected.csv")
    if out.exists() and path.exists() and out.samefile(path):
        raise ConfigError(f"--out {out}: the same as --audit", hint="name another file")
    if out.suffix.lower() not in (".csv", ".jsonl"):
        raise ConfigError(
            f"--out {out}: a corrected copy is CSV or JSON Lines",
            hint="name a file that ends in .csv or .jsonl",
        )
    if out.exists() and not journal_path(out).exists():
        raise ConfigError(
            f"{out} already exists and was not written by a review",
            hint="name another file with --out",
        )
    table = LabelledTable.read(data)
    votes = table.votes()
    output.note(f"ranking {len(votes):,} rows")
    out.parent.mkdir(parents=True, exist_ok=True)
    journal = journal_path(out)
    review(output, doubted_first(votes, base=base, seed=seed), options, journal)
    changed = table.write_corrected(out, read_votes(journal))
    output.note(f"{out}: {len(table.rows):,} rows, {changed:,} with another label than in {path}")
    output.note(f"newsclf train --data {quote(str(out))} takes it")


def _review_measured(
    output: Output,
    path: Path,
    options: HumanOptions,
    *,
    base: str,
    seed: int,
    gate: Mapping[str, float] | None,
) -> None:
    """Have a person review the rows of a labelled file, and write and measure it again."""
    from newsclf.cli.label.people import review
    from newsclf.cli.label.scores import show_scores
    from newsclf.label.correction import MeasuredFile, doubted_first, write_corrected
    from newsclf.label.gate import check_gate
    from newsclf.label.labelling import journal_path
    from newsclf.label.review.journal import read_decisions

    file, journal = MeasuredFile.read(path), journal_path(path)
    votes = file.votes(read_decisions(journal))
    output.note(f"ranking {len(votes):,} rows, hidden ones of known label included")
    review(output, doubted_first(votes, base=base, seed=seed), options, journal)
    audit = write_corrected(file, file.votes(read_decisions(journal)), gate=gate)
    show_scores(output, path, audit)
    check_gate(audit, path)
