"""Routes of an API: these three, closed in the same way, and no other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from newsclf.deploy.aws.api.authorizer import Authorizer
from newsclf.deploy.aws.api.http_api import PartOfApi
from newsclf.deploy.aws.api.integration import Integration
from newsclf.deploy.aws.walk.resource import NamedLikeDeployment, SimpleResource

ROUTES = ("POST /classify", "GET /health", "GET /openapi.json")


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
        settings = self._settings()
        return None if all(_is_right(route, settings) for route in found) else self.authorization

    def create(self) -> None:
        self.update([])

    def update(self, found: Sequence[Mapping[str, Any]]) -> None:
        """Create and update them, and delete others, which may be open."""
        settings = self._settings()
        for route in found:
            if route["RouteKey"] not in ROUTES:
                self.call("delete_route", RouteId=route["RouteId"])
            elif not _is_right(route, settings):
                self.call("update_route", RouteId=route["RouteId"], **settings)
        given = {name: value for name, value in settings.items() if value}
        for key in ROUTES:
            if key not in {route["RouteKey"] for route in found}:
                self.make("create_route", RouteKey=key, **given)

    def _settings(self) -> dict[str, Any]:
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
