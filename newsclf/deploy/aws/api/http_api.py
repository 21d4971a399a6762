"""HTTP APIs of API Gateway; routes, stage and authorizer are in modules of their own.

Only API Gateway knows an API's id, so it is found by name and tag. Creating one is not idempotent:
when an answer got lost on the way there may be two, of which the oldest is used and the others are
deleted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from newsclf.common.errors import StateError
from newsclf.deploy.aws.call.names import TAG
from newsclf.deploy.aws.call.scope import Scope
from newsclf.deploy.aws.walk.resource import Deletable, NamedLikeDeployment, SimpleResource, has

_CORS_HEADERS = ("authorization", "content-type", "x-amz-date", "x-amz-security-token", "x-api-key")
_CORS_MAX_AGE_S = 600
_Item = dict[str, Any]


@dataclass(frozen=True)
class HttpApi(NamedLikeDeployment, SimpleResource):
    """The HTTP API of a deployment."""

    cors_origins: Sequence[str] = ()
    """Origins whose pages may call it from a browser; none: CORS is off."""
    kind = "HTTP API"
    service = "apigatewayv2"

    @property
    def detail(self) -> str:
        return "CORS for " + ", ".join(self.cors_origins) if self.cors_origins else ""

    def find(self) -> list[_Item]:
        """The APIs of this name, the oldest first."""
        apis = [
            api
            for api in _listed(self.scope, "get_apis", "looking for the API")
            if api["Name"] == self.name and api.get("Tags", {}).get(TAG) == self.names.deployment
        ]
        return sorted(apis, key=lambda api: (str(api.get("CreatedDate")), api["ApiId"]))

    def difference(self, found: Sequence[_Item]) -> str | None:
        if len(found) > 1:
            return f"{len(found) - 1} of the same name will be deleted"
        return None if self._has_cors(found[0]) else "CORS"

    def ids(self, found: Sequence[_Item]) -> Mapping[str, str]:
        return {"api_id": found[0]["ApiId"], "url": found[0]["ApiEndpoint"]}

    def create(self) -> list[_Item]:
        cors: dict[str, Any] = {"CorsConfiguration": self.cors} if self.cors_origins else {}
        made = self.call(
            "create_api", Name=self.name, ProtocolType="HTTP", Tags=self.names.tags, **cors
        )
        found = self.find() or [made]
        self.update(found)
        return found[:1]

    def update(self, found: Sequence[_Item]) -> None:
        """Delete all but the oldest, and give that the desired CORS."""
        api, *others = found
        for other in others:
            self.drop("delete_api", ApiId=other["ApiId"])
        if self._has_cors(api):
            return
        if self.cors_origins:
            self.call("update_api", ApiId=api["ApiId"], CorsConfiguration=self.cors)
        else:
            self.call("delete_cors_configuration", ApiId=api["ApiId"])

    def delete(self) -> bool:
        """Delete it with its routes, integrations, authorizers and stages."""
        found = self.found()
        for api in found:
            self.drop("delete_api", ApiId=api["ApiId"])
        return bool(found)

    @property
    def cors(self) -> dict[str, Any]:
        """The settings of CORS for its origins."""
        return {
            "AllowOrigins": list(self.cors_origins),
            "AllowMethods": ["GET", "POST"],
            "AllowHeaders": list(_CORS_HEADERS),
            "MaxAge": _CORS_MAX_AGE_S,
        }

    def _has_cors(self, api: Mapping[str, Any]) -> bool:
        cors = api.get("CorsConfiguration")
        return has(cors or {}, self.cors) if self.cors_origins else not cors


class PartOfApi(Deletable):
    """A part of the HTTP API, which is deleted with it."""

    service = "apigatewayv2"

    @property
    def identity(self) -> Mapping[str, Any]:
        """The API's id; StateError without an API."""
        found = self.api_id
        if found is None:
            raise StateError(f"the API {self.names.endpoint} is not there", hint="newsclf wire-api")
        return {"ApiId": found}

    @property
    def api_id(self) -> str | None:
        """The API's id; None without an API."""
        return api_id_of(self.scope)

    def items(self, operation: str) -> list[_Item]:
        """The items of one of the API's lists; none without an API."""
        doing = f"looking for the {self.kind}"
        api_id = self.api_id
        return _listed(self.scope, operation, doing, ApiId=api_id) if api_id else []


def api_id_of(scope: Scope) -> str | None:
    """Id of a deployment's API; None if it has no API."""
    found = HttpApi(scope).found()
    return found[0]["ApiId"] if found else None


def _listed(scope: Scope, operation: str, doing: str, **arguments: Any) -> list[_Item]:
    return list(scope.clients.listed("apigatewayv2", operation, "Items", doing=doing, **arguments))
