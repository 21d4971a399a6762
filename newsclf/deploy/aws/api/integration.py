"""Integrations of an API with the function that handles its requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from newsclf.deploy.aws.api.http_api import PartOfApi
from newsclf.deploy.aws.walk.resource import NamedLikeDeployment, SimpleResource

TIMEOUT_MS = 30_000
"""The most that API Gateway waits; the function gives up a second before."""


@dataclass(frozen=True)
class Integration(NamedLikeDeployment, PartOfApi, SimpleResource):
    """The integration of an API with a function."""

    function_arn: str
    kind = "integration"
    detail = f"at most {TIMEOUT_MS // 1000} s"

    def find(self) -> dict[str, Any] | None:
        """The one of this function, as an answer that got lost may have left two alike."""
        found = self.items("get_integrations")
        ours = [each for each in found if each.get("IntegrationUri") == self.function_arn]
        return min(ours, key=lambda each: str(each["IntegrationId"]), default=None)

    def ids(self, found: Mapping[str, Any]) -> Mapping[str, str]:
        return {"integration_id": found["IntegrationId"]}

    def create(self) -> dict[str, Any]:
        return self.call("create_integration", **self.settings)

    def update(self, found: Mapping[str, Any]) -> None:
        self.call("update_integration", IntegrationId=found["IntegrationId"], **self.settings)

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "IntegrationType": "AWS_PROXY",
            "IntegrationMethod": "POST",
            "IntegrationUri": self.function_arn,
            "PayloadFormatVersion": "2.0",
            "TimeoutInMillis": TIMEOUT_MS,
        }
