"""Extrapolate a learning curve by an inverse power law, or say that it can't be told.

Error falls with the number of labels n as c + a·n^-b (Cortes et al. 1993; Hestness et al. 2017,
arXiv 1712.00409). Four measured sizes don't tell three parameters well, so that no single curve is
believed: the interval of a gain is that of all curves which a likelihood-ratio test does not
reject, with b between 0.1, nearly a logarithm, and 1.5. Its middle is the median over these curves,
weighted by their likelihood.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from newsclf.common.intervals import Interval

_EXPONENTS = np.linspace(0.1, 1.5, 141)
_FALLS = 161
_ENDS = 61
_GRID_DEVIATIONS = 5.0
_FLAT = 1.96
"""A fall of the error of fewer standard errors may be chance."""
_NOT_REJECTED = 3.84
"""Chi-squared of one degree of freedom that chance exceeds in 5 % of cases."""
_MISFIT = 6.63
"""The same in 1 % of cases."""
_FARTHEST = 4.0
"""The sizes span this factor, and are not extrapolated by more."""
_WIDEST = 10.0
"""Ratio of the ends of a gain's interval beyond which nothing is said of it."""
_RATHER_ZERO = 1e-9


@dataclass(frozen=True, slots=True)
class Curve:
    """Error of a learner by the number of labels that it has learnt from."""

    sizes: Sequence[float]
    """In rising order."""
    errors: NDArray[np.float64]
    covariance: NDArray[np.float64]
    """Of the errors. Those of all sizes are counted on the same rows, so they vary together."""


@dataclass(frozen=True, slots=True)
class Gain:
    """What more labels would bring."""

    interval: Interval | None
    """Fall of the error; None if it can't be told."""
    why_not: str | None = None


def extrapolate(curve: Curve, *, now: float, more: float) -> Gain:
    """By how much the error would fall with more labels.

    Args:
        curve: The measured curve.
        now: How many labels there are.
        more: How many would be added.
    """
    if now + more > _FARTHEST * now:
        enough = int(np.ceil(more / (_FARTHEST - 1)))
        return Gain(
            None, f"{more:,.0f} more are too far from {now:,.0f} labels; {enough:,} would be enough"
        )
    contrast = np.zeros(len(curve.sizes))
    contrast[[0, -1]] = 1, -1
    fall = float(contrast @ curve.errors)
    deviation = float(np.sqrt(contrast @ curve.covariance @ contrast))
    if fall <= _FLAT * deviation:
        return Gain(
            None,
            f"what all labels are better than the first {curve.sizes[0]:,.0f}"
            f" ({100 * fall:+.1f} points) may be chance (± {196 * deviation:.1f})",
        )
    falls, chi2 = _chi_squared(curve, fall, deviation)
    best = float(chi2.min())
    if best > _MISFIT:
        return Gain(None, "it does not follow an inverse power law of the number of labels")
    ahead = _shape(_EXPONENTS, now, curve.sizes) - _shape(_EXPONENTS, now + more, curve.sizes)
    gains = ahead[:, None] * falls
    possible = gains[chi2 <= best + _NOT_REJECTED]
    low, high = float(possible.min()), float(possible.max())
    if high > _WIDEST * max(low, _RATHER_ZERO):
        return Gain(
            None,
            f"curves that fit would bring {100 * low:.2f} to {100 * high:.1f} points, which is"
            " too wide to say",
        )
    middle = _weighted_median(gains.ravel(), np.exp((best - chi2) / 2).ravel())
    return Gain(Interval(value=min(max(middle, low), high), low=low, high=high))


def _shape(
    exponents: NDArray[np.float64], size: float, sizes: Sequence[float]
) -> NDArray[np.float64]:
    """The law at a size, shifted and scaled to 1 at the smallest size and 0 at the largest."""
    first, last = sizes[0] ** -exponents, sizes[-1] ** -exponents
    return np.asarray((size**-exponents - last) / (first - last))


def _chi_squared(
    curve: Curve, fall: float, deviation: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How badly curves fit: the least chi-squared for each exponent and each fall of the error.

    Returns:
        The falls, and (exponents, falls), infinite for curves that tend to less than no error.
    """
    inverse = np.linalg.inv(curve.covariance)
    ones = np.ones(len(curve.sizes))
    shapes = np.stack([_shape(_EXPONENTS, size, curve.sizes) for size in curve.sizes], axis=1)
    reach = _GRID_DEVIATIONS * deviation
    falls = np.linspace(max(0.0, fall - reach), fall + reach, _FALLS)
    reach = _GRID_DEVIATIONS * float(np.sqrt(curve.covariance[-1, -1]))
    ends = np.linspace(max(0.0, curve.errors[-1] - reach), curve.errors[-1] + reach, _ENDS)
    # residuals without the error at the end: (exponents, falls, sizes)
    residuals = curve.errors - falls[None, :, None] * shapes[:, None, :]
    squares = np.einsum("efs,st,eft->ef", residuals, inverse, residuals)
    crossed = residuals @ inverse @ ones
    chi2 = (
        squares[..., None] - 2 * crossed[..., None] * ends + float(ones @ inverse @ ones) * ends**2
    )
    # What the error tends to is not less than none.
    at_end = curve.sizes[-1] ** -_EXPONENTS / (
        curve.sizes[0] ** -_EXPONENTS - curve.sizes[-1] ** -_EXPONENTS
    )
    possible = ends >= falls[None, :, None] * at_end[:, None, None]
    return falls, np.where(possible, chi2, np.inf).min(axis=-1)


def _weighted_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(reached, reached[-1] / 2)])
