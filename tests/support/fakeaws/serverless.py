"""Quotas of serverless inference in a new account.

Sources: SageMaker's refusals as users quote them (eight public repositories have "Memory size in MB
per serverless endpoint" at 3072), and SuperCowPowers/workbench on the other two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tests.support.fakeaws.answers import RefusedError

MEMORY = "Memory size in MB per serverless endpoint"
CONCURRENCY = "Maximum total concurrency that can be allocated across all serverless endpoints"
ENDPOINTS = "Maximum number of serverless endpoints"
SERVERLESS_QUOTAS = {MEMORY: 3072.0, CONCURRENCY: 10.0, ENDPOINTS: 5.0}


def check_serverless(
    wanted: Mapping[str, Any] | None,
    others: Iterable[Mapping[str, Any]],
    quotas: Mapping[str, float],
) -> None:
    """Raise RefusedError for a ServerlessConfig that is too much beside those of others."""
    if wanted is None:
        return
    shares = list(others)
    for name, used, more, unit in (
        (MEMORY, 0, wanted["MemorySizeInMB"], "MBs"),
        (CONCURRENCY, sum(e["MaxConcurrency"] for e in shares), wanted["MaxConcurrency"], "Units"),
        (ENDPOINTS, len(shares), 1, "Units"),
    ):
        limit = quotas.get(name, SERVERLESS_QUOTAS[name])
        if used + more > limit:
            raise RefusedError(
                "ResourceLimitExceeded",
                f"The account-level service limit '{name}' is {limit:g} {unit}, with current"
                f" utilization of {used} {unit} and a request delta of {more} {unit}. Please use"
                " AWS Service Quotas to request an increase for this quota. If AWS Service Quotas"
                " is not available, contact AWS support to request an increase for this quota.",
            )
