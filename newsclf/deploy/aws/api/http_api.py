"""The HTTP API itself; its routes, stage and authorizer are modules of their own.

Only API Gateway knows an API's id, so it is found by name and tag. Creating one is not idempotent:
when an answer got lost on the way there may be two, of which the oldest is used and the others are
deleted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from newsclf.common.errors import StateError
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.names import TAG, Names
from newsclf.deploy.aws.walk.resource import Look

_CORS_HEADERS = ("authorization", "content-type", "x-amz-date", "x-amz-security-token", "x-api-key")
_CORS_MAX_AGE_S = 600


def items(clients: Clients, operation: str, doing: str, **arguments: Any) -> list[dict[str, Any]]:
    """All items of one of API Gateway's lists; none where the API is not there."""
    return list(clients.listed("apigatewayv2", operation, "Items", doing=doing, **arguments))


def find_apis(clients: Clients, names: Names) -> list[dict[str, Any]]:
    """A deployment's APIs, the oldest first."""
    apis = items(clients, "get_apis", "looking for the API")
    ours = [
        api
        for api in apis
        if api["Name"] == names.endpoint and api.get("Tags", {}).get(TAG) == names.deployment
    ]
    return sorted(ours, key=lambda api: (str(api.get("CreatedDate")), api["ApiId"]))


def find_api_id(clients: Clients, names: Names) -> str | None:
    """The id of a deployment's API; None if there is none."""
    found = find_apis(clients, names)
    return found[0]["ApiId"] if found else None


def api_id_of(clients: Clients, names: Names) -> str:
    """The id of a deployment's API; StateError if there is none."""
    found = find_api_id(clients, names)
    if found is None:
        raise StateError(f"the API {names.endpoint} is not there", hint="newsclf wire-api")
    return found


@dataclass(frozen=True, slots=True)
class HttpApi:
    """One HTTP API."""

    clients: Clients
    names: Names
    cors_origins: Sequence[str] = ()
    """Whose pages may call it from a browser; none: CORS is off."""
    kind: str = field(default="HTTP API", init=False)

    @property
    def name(self) -> str:
        """As the endpoint."""
        return self.names.endpoint

    def look(self) -> Look:
        """See whether it is there, with the CORS that is wanted."""
        found = find_apis(self.clients, self.names)
        if not found:
            return Look("create", "CORS for " + ", ".join(self.cors_origins) if self._cors else "")
        ids = {"api_id": found[0]["ApiId"], "url": found[0]["ApiEndpoint"]}
        if len(found) > 1:
            return Look("update", f"{len(found) - 1} of the same name will go", found=ids)
        if not self._has_cors(found[0]):
            return Look("update", "CORS", found=ids)
        return Look("keep", found=ids)

    def ensure(self) -> Mapping[str, str]:
        """Create or update it; returns `api_id` and `url`."""
        found = find_apis(self.clients, self.names)
        if not found:
            made = self._call(
                "create_api",
                "creating the API",
                Name=self.name,
                ProtocolType="HTTP",
                Tags=self.names.tags,
                **({"CorsConfiguration": self._cors} if self._cors else {}),
            )
            found = find_apis(self.clients, self.names) or [made]
        api, *others = found
        for other in others:
            self._delete(other["ApiId"])
        if not self._has_cors(api):
            if self._cors:
                self._call(
                    "update_api", "changing CORS", ApiId=api["ApiId"], CorsConfiguration=self._cors
                )
            else:
                self._call("delete_cors_configuration", "turning CORS off", ApiId=api["ApiId"])
        return {"api_id": api["ApiId"], "url": api["ApiEndpoint"]}

    def delete(self) -> bool:
        """Delete it with its routes, integrations, authorizers and stages."""
        found = find_apis(self.clients, self.names)
        for api in found:
            self._delete(api["ApiId"])
        return bool(found)

    def exists(self) -> bool:
        """Whether it is there."""
        return bool(find_apis(self.clients, self.names))

    @property
    def _cors(self) -> dict[str, Any]:
        if not self.cors_origins:
            return {}
        return {
            "AllowOrigins": list(self.cors_origins),
            "AllowMethods": ["GET", "POST"],
            "AllowHeaders": list(_CORS_HEADERS),
            "MaxAge": _CORS_MAX_AGE_S,
        }

    def _has_cors(self, api: Mapping[str, Any]) -> bool:
        has = api.get("CorsConfiguration") or {}
        return all(has.get(name) == value for name, value in self._cors.items()) and (
            bool(has) == bool(self._cors)
        )

    def _delete(self, api_id: str) -> None:
        self.clients.find("apigatewayv2", "delete_api", doing="deleting the API", ApiId=api_id)

    def _call(self, operation: str, doing: str, **arguments: Any) -> dict[str, Any]:
        return self.clients.call("apigatewayv2", operation, doing=doing, **arguments)
