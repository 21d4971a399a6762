"""An AWS Budgets alarm: a mail when the month's bill for SageMaker passes what was foreseen.

It counts the whole account's SageMaker, in all regions. A budget on the deployment's tag would be
narrower, but sees nothing until someone activates that tag for cost allocation in the billing
console, and an alarm that can't ring is worse than none. Budgets are brought up to date a few times
a day, so this is a net below `--ttl` and `teardown`, not in their place.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from newsclf.common.errors import ConfigError
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.walk.resource import Look

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PERCENTS: Final = (50.0, 100.0)
_FILTERS: Final = {"Service": ["Amazon SageMaker"]}


@dataclass(frozen=True, slots=True)
class AnyBudget:
    """The budget of a deployment, whatever its amount."""

    clients: Clients
    names: Names

    @property
    def kind(self) -> str:
        """For people and the journal."""
        return "budget alarm"

    @property
    def name(self) -> str:
        """Its name on AWS; budgets are global, so the region is in it."""
        return f"{self.names.endpoint}-{self.names.region}"

    def delete(self) -> bool:
        """Delete it, with its notifications."""
        return self._find("delete_budget", "deleting the budget alarm") is not None

    def exists(self) -> bool:
        """Whether it is there."""
        return self._budget() is not None

    def _find(self, operation: str, doing: str, **arguments: Any) -> dict[str, Any] | None:
        return self.clients.find(
            "budgets",
            operation,
            doing=doing,
            AccountId=self.names.account,
            BudgetName=self.name,
            **arguments,
        )

    def _budget(self) -> Mapping[str, Any] | None:
        answer = self._find("describe_budget", "looking at the budget alarm")
        return None if answer is None else answer["Budget"]


@dataclass(frozen=True, slots=True)
class Budget(AnyBudget):
    """A monthly budget, and whom to write to at half of it and at all of it."""

    usd_per_month: float
    email: str

    def __post_init__(self) -> None:
        """Raises ConfigError: the amount or the address can't be used."""
        if not 0 < self.usd_per_month < math.inf:
            raise ConfigError(f"--budget {self.usd_per_month:g}: expected US dollars above zero")
        if not _EMAIL.fullmatch(self.email):
            raise ConfigError(
                f"--budget-email {self.email}: not an address",
                hint="--budget 20 --budget-email you@example.com",
            )

    def look(self) -> Look:
        """See whether it is there, with this amount and this address."""
        wanted = f"{self.usd_per_month:g} USD per month, mail to {self.email}"
        budget = self._budget()
        if budget is None:
            return Look("create", wanted)
        return Look("keep" if self._is_wanted(budget) else "replace", wanted)

    def ensure(self) -> Mapping[str, str]:
        """Create it; one of another amount or address is made anew, which loses nothing."""
        action = self.look().action
        if action == "keep":
            return {}
        if action == "replace":
            self.delete()
        self.clients.create(
            "budgets",
            "create_budget",
            doing="creating the budget alarm",
            AccountId=self.names.account,
            Budget={
                "BudgetName": self.name,
                "BudgetLimit": {"Amount": f"{self.usd_per_month:.2f}", "Unit": "USD"},
                "BudgetType": "COST",
                "TimeUnit": "MONTHLY",
                "CostFilters": _FILTERS,
            },
            NotificationsWithSubscribers=[
                {
                    "Notification": _notification(percent),
                    "Subscribers": [{"SubscriptionType": "EMAIL", "Address": self.email}],
                }
                for percent in _PERCENTS
            ],
            ResourceTags=[{"Key": key, "Value": value} for key, value in self.names.tags.items()],
        )
        return {}

    def _is_wanted(self, budget: Mapping[str, Any]) -> bool:
        limit = budget["BudgetLimit"]
        same = float(limit["Amount"]) == round(self.usd_per_month, 2) and limit["Unit"] == "USD"
        return same and all(self._addresses(percent) == [self.email] for percent in _PERCENTS)

    def _addresses(self, percent: float) -> list[str]:
        """Who hears of it when so much of the budget is used."""
        answer = self._find(
            "describe_subscribers_for_notification",
            "looking at the budget alarm",
            Notification=_notification(percent),
        )
        return [each["Address"] for each in answer["Subscribers"]] if answer else []


def _notification(percent: float) -> dict[str, Any]:
    return {
        "NotificationType": "ACTUAL",
        "ComparisonOperator": "GREATER_THAN",
        "Threshold": percent,
        "ThresholdType": "PERCENTAGE",
    }
