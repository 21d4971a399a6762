"""Review of the labels of a file that are most doubted, and the file that comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from newsclf.common.errors import DataError
from newsclf.data.labelled import Audit, Label, LabelledRow, Vote, read_audit, read_labelled
from newsclf.label.doubts import doubts
from newsclf.label.gold import GoldRow, gold_path, read_gold
from newsclf.label.labelling import Votes, write_measured
from newsclf.label.review.journal import Decision, votes_of
from newsclf.label.review.queue import ReviewItem
from newsclf.label.votes import decided, labelled_row


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
                hint="name a file that newsclf label wrote, with the files beside it; without"
                " --human, --audit ranks the rows of any labelled file",
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
        OSError: A file can't be written.
    """
    return write_measured(
        file.path,
        [labelled_row(row.text, votes[row.text], source=row.source) for row in file.rows],
        [row.model_copy(update={"votes": tuple(votes[row.text])}) for row in file.gold],
        gold_name=file.audit.gold_name,
        firewall=file.audit.firewall,
        gate=file.audit.gate if gate is None else gate,
    )
