"""Load tests from Python, such as in a notebook."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from newsclf.loadtest.store.records import Summary

_WARMUP_S = 5.0


def measure(
    deployment: str = "news",
    *,
    url: str | None = None,
    users: Sequence[int] = (),
    rates_per_s: Sequence[float] = (),
    objectives: Sequence[str] = (),
    duration_s: float = 20,
    price_as: str | None = None,
    state_dir: str | Path = ".newsclf",
) -> Summary:
    """Measure what a deployment can take, and what an inference costs.

    The run is kept in the state directory, as that of `newsclf loadtest` is, and `newsclf report`
    shows it.

    Args:
        deployment: Its name.
        url: An address on this machine to measure instead of a deployment.
        users: Numbers of users, each of whom waits for an answer; 1 to 32 if no load is chosen.
        rates_per_s: Rates at which requests arrive at random.
        objectives: Such as `p95=200ms`; the highest rate that meets each is searched for.
        duration_s: Length of each measurement, after a warm-up of at most 5 s.
        price_as: Price this machine as if it were this instance, such as `ml.c5.large`.
        state_dir: Where deployments and runs are recorded.

    Returns:
        The summary; `docs/summary.schema.json` is its schema.

    Raises:
        ConfigError: An objective or price can't be used.
        StateError: There is no such deployment.
        RequestRejectedError: It refuses what is sent.
        ServiceError: It can't be reached.
    """
    from newsclf.common.errors import ConfigError, require_extra

    if not all(0 < each < math.inf for each in (*users, *rates_per_s, duration_s)):
        raise ConfigError("users, rates_per_s and duration_s must be numbers above zero")
    if any(each != int(each) for each in users):
        raise ConfigError("users must be whole numbers")
    require_extra("httptools", "jinja2", "scipy", extra="loadtest", purpose="a load test")
    from newsclf.common.settings import Settings
    from newsclf.costs.prices import prices_at
    from newsclf.loadtest.load.options import parse_objective
    from newsclf.loadtest.load.plan import LoadChoice, make_loads
    from newsclf.loadtest.points import Callbacks
    from newsclf.loadtest.run import LoadtestRequest, loadtest
    from newsclf.loadtest.subjects import SubjectRequest, find_subjects

    settings = Settings(state_dir=Path(state_dir))
    prices = prices_at(settings.state_dir, None)
    choice = LoadChoice(
        concurrency=users,
        rates_per_s=rates_per_s,
        warmup_s=min(_WARMUP_S, duration_s),
        duration_s=duration_s,
    )
    wanted = SubjectRequest(settings=settings, prices=prices, deployment=deployment, url=url)
    with find_subjects(wanted) as subjects:
        request = LoadtestRequest(
            subjects=subjects,
            loads=make_loads(choice),
            objectives=[parse_objective(text) for text in objectives],
            prices=prices,
            price_as=price_as,
            runs=settings.state_dir / "runs",
        )
        _, summary = loadtest(request, Callbacks())
    return summary
