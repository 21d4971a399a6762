"""The gate of a labelled file: least values of its figures on gold rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote

from newsclf.common.errors import CheckFailedError, ConfigError
from newsclf.common.suggestions import did_you_mean
from newsclf.contract.labels import LABELS
from newsclf.data.examples import counted
from newsclf.data.labelled import AnnotatorScore, Audit, Measured
from newsclf.evaluation.gates import check_minimum

FIGURES = ("accuracy", "kappa", "alpha", *(f"recall.{label}" for label in LABELS))


def parse_gate(values: Sequence[str]) -> dict[str, float]:
    """Read a gate: `kappa=0.7`, or several, in one text with commas or in several texts.

    Raises:
        ConfigError: one is not FIGURE=MIN, names no figure, or is not a share.
    """
    gate = {}
    for part in (part.strip() for value in values for part in value.split(",")):
        figure, equals, minimum = part.partition("=")
        if not (figure and equals and minimum):
            raise ConfigError(f"--gate {part}: expected FIGURE=MIN, such as kappa=0.7")
        if figure not in FIGURES:
            raise ConfigError(
                f"--gate {figure}: not a figure of labels",
                hint=did_you_mean(figure, FIGURES) or f"choose {', '.join(FIGURES)}",
            )
        try:
            gate[figure] = float(minimum)
        except ValueError:
            raise ConfigError(f"--gate {part}: the minimum is not a number") from None
        check_minimum(figure, gate[figure])
    return gate


def gate_met(gate: Mapping[str, float], score: AnnotatorScore, alpha: Measured | None) -> bool:
    """Whether figures reach a gate. None reach an empty one, nor any without rows."""
    values = _values(score, alpha)
    return bool(gate and score.rows) and all(
        values[name] >= minimum for name, minimum in gate.items()
    )


def check_gate(audit: Audit, path: Path) -> None:
    """Raise CheckFailedError if a labelled file did not meet its gate.

    Args:
        audit: Audit of the file.
        path: The file.
    """
    if audit.gate_met or not audit.gate:
        return
    if not audit.score.rows:
        raise CheckFailedError(
            f"{path}: gate not met: no hidden row of known label has got a label",
            hint="run the same command again for more labels, with a higher --max-cost if that has"
            " ended it, and without --gold-share 0",
        )
    values = _values(audit.score, audit.alpha)
    missed = [
        f"{name} is {values[name]:.4f}, below {minimum:g}"
        for name, minimum in audit.gate.items()
        if values[name] < minimum
    ]
    raise CheckFailedError(
        f"{path}: gate not met on {counted(audit.gold_rows, 'hidden row', 'hidden rows')} of known"
        " label: " + ", ".join(missed),
        hint=f"newsclf label --audit {quote(str(path))} ranks the labels that are most likely"
        " wrong, to correct them",
    )


def _values(score: AnnotatorScore, alpha: Measured | None) -> dict[str, float]:
    """The value of each figure; an alpha that can't be computed reaches nothing."""
    values = {
        "accuracy": score.accuracy.value,
        "kappa": score.kappa.value,
        "alpha": alpha.value if alpha else -1.0,
    }
    return values | {f"recall.{label}": each.value for label, each in score.recall.items()}
