"""What hands an API's requests to the function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from newsclf.deploy.aws.api.http_api import api_id_of, find_api_id, items
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.walk.resource import Look

TIMEOUT_MS = 30_000
"""The most that API Gateway waits; the function gives up a second before."""


@dataclass(frozen=True, slots=True)
class Integration:
    """The integration of an API with a function."""

    clients: Clients
    names: Names
    function_arn: str
    kind: str = field(default="integration", init=False)

    @property
    def name(self) -> str:
        """As the API."""
        return self.names.endpoint

    def look(self) -> Look:
        """See whether it is there, and as it must be."""
        found = self._find()
        if found is None:
            return Look("create", f"at most {TIMEOUT_MS // 1000} s")
        ids = {"integration_id": found["IntegrationId"]}
        return Look("keep" if self._is_right(found) else "update", found=ids)

    def ensure(self) -> Mapping[str, str]:
        """Create or update it; returns `integration_id`."""
        api_id = api_id_of(self.clients, self.names)
        found = self._find()
        if found is None:
            found = self.clients.call(
                "apigatewayv2",
                "create_integration",
                doing="creating the integration",
                ApiId=api_id,
                **self._settings(),
            )
        elif not self._is_right(found):
            self.clients.call(
                "apigatewayv2",
                "update_integration",
                doing="updating the integration",
                ApiId=api_id,
                IntegrationId=found["IntegrationId"],
                **self._settings(),
            )
        return {"integration_id": found["IntegrationId"]}

    def delete(self) -> bool:
        """Nothing to do: it goes with the API."""
        return False

    def exists(self) -> bool:
        """Whether it is there."""
        return self._find() is not None

    def _settings(self) -> dict[str, Any]:
        return {
            "IntegrationType": "AWS_PROXY",
            "IntegrationMethod": "POST",
            "IntegrationUri": self.function_arn,
            "PayloadFormatVersion": "2.0",
            "TimeoutInMillis": TIMEOUT_MS,
        }

    def _is_right(self, found: Mapping[str, Any]) -> bool:
        return all(found.get(name) == value for name, value in self._settings().items())

    def _find(self) -> dict[str, Any] | None:
        """The one of this function, as an answer that got lost may have left two alike."""
        api_id = find_api_id(self.clients, self.names)
        if api_id is None:
            return None
        found = items(self.clients, "get_integrations", "looking at integrations", ApiId=api_id)
        ours = [each for each in found if each.get("IntegrationUri") == self.function_arn]
        return min(ours, key=lambda each: str(each["IntegrationId"]), default=None)
