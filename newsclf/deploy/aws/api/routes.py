"""An API's routes: these three, each of them closed in the same way, and no other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from newsclf.deploy.aws.api.authorizer import find_authorizer
from newsclf.deploy.aws.api.http_api import api_id_of, find_api_id, items
from newsclf.deploy.aws.api.integration import Integration
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.errors import RefusedError
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.walk.resource import Look

ROUTES = ("POST /classify", "GET /health", "GET /openapi.json")


@dataclass(frozen=True, slots=True)
class Routes:
    """All routes of an API."""

    clients: Clients
    names: Names
    integration: Integration
    authorization: str
    """API Gateway's word: AWS_IAM, JWT, CUSTOM or NONE."""
    authorizer: str | None
    """Name of the authorizer; None: it needs none."""
    kind: str = field(default="routes", init=False)

    @property
    def name(self) -> str:
        """As the API."""
        return self.names.endpoint

    def look(self) -> Look:
        """See whether they are there, closed as they must be, and no others."""
        found = self._find()
        if not found:
            return Look("create", f"{', '.join(ROUTES)}: {self.authorization}")
        if {route["RouteKey"] for route in found} != set(ROUTES):
            return Look("update", "routes")
        settings = self._settings()
        if not all(_is_right(route, settings) for route in found):
            return Look("update", self.authorization)
        return Look("keep", self.authorization)

    def ensure(self) -> Mapping[str, str]:
        """Create and update them, and delete what is not of them, which may be open."""
        api_id = api_id_of(self.clients, self.names)
        settings = self._settings()
        found = {route["RouteKey"]: route for route in self._find()}
        for key, route in found.items():
            if key not in ROUTES:
                self._call(
                    "delete_route", f"deleting the route {key}", api_id, RouteId=route["RouteId"]
                )
            elif not _is_right(route, settings):
                self._call(
                    "update_route",
                    f"updating the route {key}",
                    api_id,
                    RouteId=route["RouteId"],
                    **settings,
                )
        for key in ROUTES:
            if key not in found:
                self._create(key, api_id, settings)
        return {}

    def delete(self) -> bool:
        """Nothing to do: they go with the API."""
        return False

    def exists(self) -> bool:
        """Whether there are any."""
        return bool(self._find())

    def _create(self, key: str, api_id: str, settings: Mapping[str, Any]) -> None:
        try:
            self._call(
                "create_route",
                f"creating the route {key}",
                api_id,
                RouteKey=key,
                **{k: v for k, v in settings.items() if v},
            )
        except RefusedError:
            there = (route for route in self._find() if route["RouteKey"] == key)
            if not any(_is_right(route, settings) for route in there):
                raise  # else an attempt before this one has made it

    def _settings(self) -> dict[str, Any]:
        integration_id = self.integration.look().found.get("integration_id", "")
        found = self.authorizer and find_authorizer(self.clients, self.names, self.authorizer)
        return {
            "AuthorizationType": self.authorization,
            "Target": f"integrations/{integration_id}",
            # An update keeps what it is not told; an empty id ends the use of an authorizer.
            "AuthorizerId": found["AuthorizerId"] if found else "",
        }

    def _find(self) -> list[dict[str, Any]]:
        api_id = find_api_id(self.clients, self.names)
        if api_id is None:
            return []
        return items(self.clients, "get_routes", "looking at routes", ApiId=api_id)

    def _call(self, operation: str, doing: str, api_id: str, **arguments: Any) -> None:
        self.clients.call("apigatewayv2", operation, doing=doing, ApiId=api_id, **arguments)


def _is_right(route: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    return all((route.get(name) or "") == value for name, value in settings.items())
