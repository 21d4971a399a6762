"""Gates: minimums of measures that a model must reach."""

from __future__ import annotations

from collections.abc import Sequence

from newsclf.common.errors import CheckFailedError, ConfigError
from newsclf.evaluation.records import Gate


def check_minimum(metric: str, minimum: float) -> None:
    """Raise ConfigError if the minimum of a gate is not a share."""
    if not 0 <= minimum <= 1:  # also refuses NaN
        share = minimum / 100 if 1 < minimum <= 100 else 0.9  # noqa: PLR2004 - a percentage
        raise ConfigError(
            f"--gate {metric}={minimum:g}: the minimum is a share, from 0 to 1",
            hint=f"for example --gate {metric}={share:g}",
        )


def check_gates(gates: Sequence[Gate]) -> None:
    """Raise CheckFailedError if a gate was not met."""
    missed = [gate for gate in gates if not gate.met]
    if missed:
        raise CheckFailedError(
            "gate not met: "
            + ", ".join(f"{g.metric} is {g.value:.4f}, below {g.minimum:g}" for g in missed),
            hint="see the errors in the report; more or cleaner training data helps most",
        )
