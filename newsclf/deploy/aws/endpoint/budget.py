"""A budget alarm of AWS: a mail when the month's bill for SageMaker exceeds an amount.

It counts the whole account's SageMaker, in all regions. A budget on the deployment's tag would be
narrower, but sees nothing until someone activates that tag for cost allocation in the billing
console, and an alarm that can't ring is worse than none. Budgets are updated a few times a day, so
this is a safety net below `--ttl` and `teardown`, and does not replace them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from newsclf.deploy.aws.walk.resource import SimpleResource

_PERCENTS: Final = (50.0, 100.0)
_FILTERS: Final = {"Service": ["Amazon SageMaker"]}


@dataclass(frozen=True)
class Budget(SimpleResource):
    """A monthly budget, which alerts somebody when half of it and all of it is used."""

    usd_per_month: float = 0.0
    """0: only to delete it, as with the recipient."""
    email: str = ""
    differs = "replace"
    kind = "budget alarm"
    service = "budgets"
    deletion = "delete_budget"

    @property
    def name(self) -> str:
        """Its name on AWS; budgets are global, so the region is in it."""
        return f"{self.names.endpoint}-{self.names.region}"

    @property
    def identity(self) -> Mapping[str, Any]:
        return {"AccountId": self.names.account, "BudgetName": self.name}

    def find(self) -> Mapping[str, Any] | None:
        answer = self.ask("describe_budget")
        return answer and answer["Budget"]

    @property
    def detail(self) -> str:
        return f"{self.usd_per_month:g} USD per month, mail to {self.email}"

    def difference(self, found: Mapping[str, Any]) -> str | None:
        limit = found["BudgetLimit"]
        same = float(limit["Amount"]) == round(self.usd_per_month, 2) and limit["Unit"] == "USD"
        same = same and all(self._addresses(percent) == [self.email] for percent in _PERCENTS)
        return None if same else self.detail

    def create(self) -> None:
        self.scope.clients.create(
            "budgets",
            "create_budget",
            AccountId=self.names.account,
            ResourceTags=self.scope.tag_list,
            **self.definition,
        )

    @property
    def definition(self) -> dict[str, Any]:
        """The arguments of CreateBudget, apart from the account and the tags."""
        return {
            "Budget": {
                "BudgetName": self.name,
                "BudgetLimit": {"Amount": f"{self.usd_per_month:.2f}", "Unit": "USD"},
                "BudgetType": "COST",
                "TimeUnit": "MONTHLY",
                "CostFilters": _FILTERS,
            },
            "NotificationsWithSubscribers": [
                {
                    "Notification": _notification(percent),
                    "Subscribers": [{"SubscriptionType": "EMAIL", "Address": self.email}],
                }
                for percent in _PERCENTS
            ],
        }

    def update(self, found: Mapping[str, Any]) -> None:  # noqa: ARG002
        """Replace it, which loses nothing."""
        self.drop("delete_budget")
        self.create()

    def _addresses(self, percent: float) -> list[str]:
        """The recipients when so much of the budget is used."""
        answer = self.ask(
            "describe_subscribers_for_notification", Notification=_notification(percent)
        )
        return [each["Address"] for each in answer["Subscribers"]] if answer else []


def _notification(percent: float) -> dict[str, Any]:
    return {
        "NotificationType": "ACTUAL",
        "ComparisonOperator": "GREATER_THAN",
        "Threshold": percent,
        "ThresholdType": "PERCENTAGE",
    }
