"""Routes of an API, closed in the same way, and their integration with the function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from newsclf.deploy.aws.api.authorizer import Authorizer
from newsclf.deploy.aws.api.http_api import PartOfApi
from newsclf.deploy.aws.walk.resource import NamedLikeDeployment, SimpleResource

ROUTES = ("POST /classify", "GET /health", "GET /openapi.json")


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


@dataclass(frozen=True)
class Routes(NamedLikeDeployment, PartOfApi, SimpleResource):
    """All routes of an API."""

    integration: Integration
    authorization: str
    """API Gateway's word: AWS_IAM, JWT, CUSTOM or NONE."""
    authorizer: Authorizer | None
    """None: it needs none."""
    kind = "routes"

    @property
    def detail(self) -> str:
        return f"{', '.join(ROUTES)}: {self.authorization}"

    def find(self) -> list[dict[str, Any]]:
        return self.items("get_routes")

    def difference(self, found: Sequence[Mapping[str, Any]]) -> str | None:
        if {route["RouteKey"] for route in found} != set(ROUTES):
            return "routes"
        settings = self.route_settings()
        return None if all(_is_right(route, settings) for route in found) else self.authorization

    def create(self) -> None:
        self.update([])

    def update(self, found: Sequence[Mapping[str, Any]]) -> None:
        """Create and update them, and delete others, which may be open."""
        settings = self.route_settings()
        for route in found:
            if route["RouteKey"] not in ROUTES:
                self.call("delete_route", RouteId=route["RouteId"])
            elif not _is_right(route, settings):
                self.call("update_route", RouteId=route["RouteId"], **settings)
        given = {name: value for name, value in settings.items() if value}
        for key in ROUTES:
            if key not in {route["RouteKey"] for route in found}:
                self.make("create_route", RouteKey=key, **given)

    def route_settings(self) -> dict[str, Any]:
        """The settings of each route; needs the integration and the authorizer."""
        integration = self.integration.found() or {}
        authorizer = self.authorizer.found() if self.authorizer else None
        return {
            "AuthorizationType": self.authorization,
            "Target": f"integrations/{integration.get('IntegrationId', '')}",
            # An update keeps what it is not given; an empty id ends the use of an authorizer.
            "AuthorizerId": authorizer["AuthorizerId"] if authorizer else "",
        }


def _is_right(route: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    return all((route.get(name) or "") == value for name, value in settings.items())
