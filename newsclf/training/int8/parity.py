"""Comparison of an int8 model with the float model that it was made from.

It is rejected for two reasons, both measured on validation rows, its own and those of the shipped
headlines: it gives another label where the
float model was decided, or its accuracy is lower by more than chance explains. A single row
is never a reason, since there are often only a few dozen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from newsclf.common.intervals import percent
from newsclf.common.settings import OptimizeSettings
from newsclf.contract.answers import Prediction
from newsclf.data.examples import Example, counted
from newsclf.model.card import Parity

_UNDECIDED_MARGIN = 0.1
"""Up to this difference of two probabilities the float model is undecided between their labels."""
_SIGNIFICANCE = 0.05
_ROUNDING = 1e-9


def measure(
    floats: Sequence[Prediction], int8s: Sequence[Prediction], examples: Sequence[Example]
) -> Parity:
    """Compare the answers of two models to the same rows."""
    rows = list(zip(floats, int8s, examples, strict=True))
    differing = [(f, q) for f, q, _ in rows if f.label != q.label]
    right = [(f.label_id == e.label_id, q.label_id == e.label_id) for f, q, e in rows]
    return Parity(
        rows=len(rows),
        agreement=1 - len(differing) / len(rows),
        undecided=sum(f.score - f.scores[q.label_id] <= _UNDECIDED_MARGIN for f, q in differing),
        float_accuracy=sum(by_float for by_float, _ in right) / len(rows),
        int8_accuracy=sum(by_int8 for _, by_int8 in right) / len(rows),
        only_float_right=right.count((True, False)),
        only_int8_right=right.count((False, True)),
    )


def problems(parity: Parity, limits: OptimizeSettings, *, by_chance: bool = False) -> list[str]:
    """Reasons to reject the int8 model; empty if it is good enough.

    Args:
        parity: The comparison.
        limits: When an int8 model is good enough.
        by_chance: Whether more rows may differ, as long as chance explains them (exact binomial
            test, 5 %): for headlines, on which models are less sure than on reports.
    """
    found = []
    allowed = _rows_of(1 - limits.min_agreement, parity.rows)
    if by_chance:
        allowed = _rows_by_chance(1 - limits.min_agreement, parity.rows)
    if parity.differing > allowed:
        found.append(
            f"{parity.differing} get another label than from the float model, where at most"
            f" {allowed} may"
            + (
                f" ({parity.undecided} more, on which the float model is undecided, do not count)"
                if parity.undecided
                else ""
            )
        )
    if _is_less_accurate(parity, limits):
        found.append(
            f"accuracy falls from {percent(parity.float_accuracy)} to"
            f" {percent(parity.int8_accuracy)}, by more than"
            f" {100 * limits.max_accuracy_drop:g} points and more than chance explains"
        )
    return found


def caveat(parity: Parity, limits: OptimizeSettings) -> str | None:
    """Caveat for an accepted model with less agreement than `min_agreement`; otherwise None.

    A single row may differ in any set, and rows on which the float model is undecided do not count.
    """
    differing = parity.differing + parity.undecided
    allowed = math.floor((1 - limits.min_agreement) * parity.rows + _ROUNDING)
    if differing <= allowed:
        return None
    accepted = f"accepted: {differing:,} of {counted(parity.rows, 'row', 'rows')}"
    accepted += " differs" if differing == 1 else " differ"
    if parity.differing <= allowed:
        return f"{accepted}, where the float model is undecided"
    if parity.differing > 1:
        share = 100 * (1 - limits.min_agreement)
        return f"{accepted}, as chance may where {share:g} % do"
    return f"{accepted}, which a set this small always allows; too few rows to judge"


def accepting_options(parities: Sequence[Parity]) -> str:
    """Options of `newsclf optimize` that accept models as they were measured."""
    agreement = min(1 - parity.differing / parity.rows for parity in parities)
    options = f"--min-agreement {math.floor(100 * agreement + _ROUNDING) / 100:g}"
    drop = max(parity.float_accuracy - parity.int8_accuracy for parity in parities)
    if drop > 0:
        options += f" --max-accuracy-drop {math.ceil(100 * drop - _ROUNDING) / 100:g}"
    return options


def _rows_of(share: float, rows: int) -> int:
    """A share of the rows, at least one row, which may differ by chance."""
    return max(1, math.floor(share * rows + _ROUNDING))


def _rows_by_chance(share: float, rows: int) -> int:
    """The most rows that chance makes of a share, in 19 of 20 sets."""
    from scipy import stats

    return max(1, int(stats.binom.ppf(1 - _SIGNIFICANCE, rows, share)))


def _is_less_accurate(parity: Parity, limits: OptimizeSettings) -> bool:
    lost, won = parity.only_float_right, parity.only_int8_right
    from scipy import stats

    if lost - won <= _rows_of(limits.max_accuracy_drop, parity.rows):
        return False
    # Exact sign test: the probability of so many losses if both models were equally good.
    return bool(stats.binomtest(lost, lost + won, alternative="greater").pvalue <= _SIGNIFICANCE)
