"""Review of the labels of a file that are most doubted, and the file that comes of it."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from newsclf.common.errors import DataError
from newsclf.common.files import write_text
from newsclf.common.settings import DataSettings
from newsclf.contract.labels import LABELS
from newsclf.data.labelled import (
    Audit,
    Label,
    LabelledRow,
    Vote,
    audit_path,
    read_audit,
    read_labelled,
)
from newsclf.data.sources import load_data
from newsclf.label.doubts import doubts
from newsclf.label.gold import GoldRow, gold_path, read_gold
from newsclf.label.labelling import Votes, write_measured
from newsclf.label.review.journal import Decision, votes_of
from newsclf.label.review.queue import ReviewItem
from newsclf.label.votes import decided, labelled_row


def is_measured(path: Path) -> bool:
    """Whether a file is one that `newsclf label` wrote, by the files beside it."""
    return gold_path(path).exists() or audit_path(path).exists()


@dataclass(frozen=True, slots=True)
class LabelledTable:
    """Rows of any labelled file, such as a CSV, which no hidden rows measure."""

    name: str
    rows: Sequence[tuple[str, Label]]
    """Text and label of each."""

    @classmethod
    def read(cls, data: DataSettings) -> LabelledTable:
        """Read a file of labelled headlines, as `train --data` does.

        Raises:
            DataError: There is no such file, or it can't be used.
        """
        found = load_data(data).examples
        rows = [(each.text, cast("Label", LABELS[each.label_id])) for each in found]
        return cls(Path(data.source).name, rows)

    def votes(self) -> dict[str, tuple[Vote, ...]]:
        """The label of each text as a vote of the file; that of its last row if it repeats."""
        now = dt.datetime.now(dt.UTC)
        return {
            text: (Vote(annotator=self.name, kind="human", label=label, at=now),)
            for text, label in self.rows
        }

    def write_corrected(self, out: Path, people: Votes) -> int:
        """Write all rows, in their order, with the labels of most people who reviewed them.

        Args:
            out: A CSV, or JSON Lines where its name ends in .jsonl.
            people: Votes of people by text. A row without any, or with a tie, keeps its label.

        Returns:
            How many rows have another label than before.

        Raises:
            OSError: The file can't be written.
        """
        after = [(text, decided(people.get(text, ()))[0] or label) for text, label in self.rows]
        text_of = _json_lines if out.suffix.lower() == ".jsonl" else _csv
        write_text(out, text_of(after))
        return sum(new != old for new, old in zip(after, self.rows, strict=True))


def _json_lines(rows: Sequence[tuple[str, Label]]) -> str:
    return "".join(
        json.dumps({"text": text, "label": label}, ensure_ascii=False) + "\n"
        for text, label in rows
    )


def _csv(rows: Sequence[tuple[str, Label]]) -> str:
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator="\n").writerows([("text", "label"), *rows])
    return file.getvalue()


@dataclass(frozen=True, slots=True)
class MeasuredFile:
    """A labelled file with its hidden rows and its audit."""

    path: Path
    rows: Sequence[LabelledRow]
    gold: Sequence[GoldRow]
    audit: Audit

    @classmethod
    def read(cls, path: Path) -> MeasuredFile:
        """Read a file that `newsclf label` wrote.

        Raises:
            DataError: It, its audit or its hidden rows are missing or damaged, or it was changed
                after its audit.
        """
        if path.is_file() and not gold_path(path).exists():
            raise DataError(
                f"{path}: its labels can't be reviewed, since {gold_path(path).name} is missing",
                hint="copy it from where the file was labelled, or, to have a corrected copy that"
                f" is not measured, remove {audit_path(path).name}",
            )
        return cls(path, list(read_labelled(path)), read_gold(path), read_audit(path))

    def votes(self, decisions: Sequence[Decision]) -> dict[str, tuple[Vote, ...]]:
        """Votes for all rows, hidden ones included; people's as the journal has them.

        Args:
            decisions: All of the journal. A person's vote in the file that it doesn't know of, as
                where the file was moved without its journal, counts too.
        """
        known = {(each.text, each.annotator) for each in decisions}
        reviewed = votes_of(list(decisions))
        given = {row.text: row.votes for row in self.rows}
        given |= {row.text: row.votes for row in self.gold}
        return {
            text: (
                *(
                    each
                    for each in votes
                    if each.kind == "llm" or (text, each.annotator) not in known
                ),
                *reviewed.get(text, ()),
            )
            for text, votes in given.items()
        }


def doubted_first(votes: Votes, *, base: str = "minilm", seed: int = 0) -> list[ReviewItem]:
    """Rows of a labelled file in the order of review: by how much their label is doubted.

    Hidden rows are ranked among the others, so that a review of the first of all rows corrects as
    large a share of their errors, and the audit still tells how good the whole file is. Rows
    without a label come last.

    Args:
        votes: Those for each row, hidden ones included; its label follows from them.
        base: What reads the headlines, as of `doubts`.
        seed: Divides the rows into folds.

    Raises:
        ConfigError, DownloadError, ModelError, DataError, MissingExtraError: as of `doubts`.
    """
    labels: dict[str, Label] = {}
    without = []
    for text, given in votes.items():
        label, _ = decided(given)
        if label is None:
            without.append(text)
        else:
            labels[text] = label
    texts = list(labels)
    found = doubts(texts, list(labels.values()), base=base, seed=seed)
    ranked = [*(texts[each.row] for each in found), *without]
    return [ReviewItem(text, tuple(votes[text])) for text in ranked]


def write_corrected(
    file: MeasuredFile, votes: Votes, *, gate: Mapping[str, float] | None = None
) -> Audit:
    """Write a labelled file again with the labels that follow from its votes, and measure it.

    Args:
        file: The file as it was.
        votes: Those for each row now.
        gate: Least value of each figure that it names; the file's own by default.

    Raises:
        DataError: It was changed since it was read.
        OSError: A file can't be written.
    """
    if read_audit(file.path).file_sha256 != file.audit.file_sha256:
        raise DataError(
            f"{file.path}: it was changed during the review",
            hint="what was decided is kept: run the same command again, and end it with q",
        )
    return write_measured(
        file.path,
        [labelled_row(row.text, votes[row.text], source=row.source) for row in file.rows],
        [row.model_copy(update={"votes": tuple(votes[row.text])}) for row in file.gold],
        gold_name=file.audit.gold_name,
        firewall=file.audit.firewall,
        gate=file.audit.gate if gate is None else gate,
    )
