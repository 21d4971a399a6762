"""Rows of a labelled file that are trained on beside the main data.

They are taken only from a file whose labels were measured and met their gate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from newsclf.common.errors import CheckFailedError, DataError
from newsclf.contract.labels import LABELS
from newsclf.data.examples import Example
from newsclf.data.labelled import Audit, LabelledRow, audit_path, read_audit, read_labelled
from newsclf.data.overlap import distinct, near_any


@dataclass(frozen=True, slots=True)
class ExtraRows:
    """The rows that are used of a labelled file, and why the others aren't."""

    name: str
    examples: Sequence[Example]
    audit: Audit
    unlabelled: int
    """Rows without a label."""
    repeated: int
    """Rows that repeat, or nearly repeat, another one or a row of the training part."""
    held_out: int
    """Rows that repeat, or nearly repeat, one of a validation or test part."""


def read_accepted_audit(path: Path) -> Audit:
    """The audit of a labelled file that may be trained on.

    Raises:
        DataError: there is no such file, it has no audit, or it was changed after it.
        CheckFailedError: the audit has no gate, or it was not met.
    """
    if not path.is_file():
        raise DataError(
            f"{path}: no such file", hint="--extra takes a file that newsclf label wrote"
        )
    if not audit_path(path).exists():
        raise DataError(
            f"{path}: its labels were never measured, since {audit_path(path).name} is missing",
            hint="copy it from where the file was labelled, or label the headlines with newsclf"
            " label, which measures them on hidden rows of known label",
        )
    audit = read_audit(path)
    if audit.gate_met:
        return audit
    figures = (
        f"accuracy {audit.score.accuracy.value:.3f}, kappa {audit.score.kappa.value:.3f} on"
        f" {audit.gold_rows:,} hidden rows of known label"
    )
    if not audit.gate:
        raise CheckFailedError(
            f"{path}: its labels were measured ({figures}), but no gate was set",
            hint="say what is good enough: newsclf label … --gate kappa=0.7",
        )
    gate = ", ".join(f"{name}={minimum:g}" for name, minimum in audit.gate.items())
    raise CheckFailedError(
        f"{path}: its labels did not meet their gate {gate} ({figures})",
        hint=f"newsclf label --audit {quote(str(path))} ranks the labels that are most likely"
        " wrong, to correct them",
    )


def read_extra(
    path: Path, *, weight: float, training: Sequence[Example], held_out: Sequence[Example]
) -> ExtraRows:
    """Read the rows of a labelled file that may be trained on beside the main data.

    Args:
        path: The file, with its audit beside it.
        weight: Weight of its rows in the loss.
        training: Rows that are learnt anyway.
        held_out: Rows that no row may resemble.

    Raises:
        DataError: the file or its audit can't be used, or none of its rows can.
        CheckFailedError: the audit has no gate, or it was not met.
    """
    audit = read_accepted_audit(path)
    rows = list(read_labelled(path))
    labelled = [row for row in rows if row.label is not None and row.text.strip()]
    near_held_out = near_any([row.text for row in labelled], [example.text for example in held_out])
    open_rows = [row for row, near in zip(labelled, near_held_out, strict=True) if not near]
    texts = [row.text for row in open_rows]
    near_training = near_any(texts, [example.text for example in training])
    examples = [_example(open_rows[i], weight) for i in distinct(texts) if not near_training[i]]
    if not examples:
        raise DataError(
            f"{path}: none of its {len(rows):,} rows can be used: they have no label, or repeat"
            " those of --data",
            hint="name a file of other headlines with --extra",
        )
    return ExtraRows(
        name=path.name,
        examples=examples,
        audit=audit,
        unlabelled=len(rows) - len(labelled),
        repeated=len(open_rows) - len(examples),
        held_out=sum(near_held_out),
    )


def _example(row: LabelledRow, weight: float) -> Example:
    return Example(row.text, LABELS.index(str(row.label)), row.agreement, weight=weight)
