"""Show how good the labels of a file are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from newsclf.cli.console import Output
    from newsclf.data.labelled import Audit, Measured


def show_scores(output: Output, out: Path, audit: Audit) -> None:
    """Show the audit of a labelled file that was written."""
    from newsclf.data.examples import counted

    output.data(audit.model_dump(mode="json"))

    def cell(found: Measured) -> str:
        return f"{found.value:.3f} ({found.low:.3f}\u2013{found.high:.3f})"  # en dash

    scores = [audit.score, *(audit.annotators if len(audit.annotators) > 1 else ())]
    rows = [
        (score.annotator, score.rows, score.failures, cell(score.accuracy), cell(score.kappa))
        for score in scores
    ]
    columns = ("annotator", "rows", "no label", "accuracy", "kappa")
    hidden = counted(audit.gold_rows, "hidden row", "hidden rows")
    title = f"Labels on {hidden} of known label"
    if audit.gold_rows:
        output.show(output.table(title, columns, rows))
    if audit.alpha is not None:
        output.show(f"Krippendorff's alpha between annotators: {cell(audit.alpha)}")
    output.note(
        f"wrote {counted(audit.rows, 'labelled headline', 'labelled headlines')} to {out}"
        + (f", and {audit.undecided:,} without a label" if audit.undecided else "")
    )
