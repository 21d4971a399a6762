"""Authorizers of an API: the issuer of JWTs, or a function that knows the key's hash.

Signatures (`iam`) need none: API Gateway checks them itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from newsclf.deploy.aws.api.http_api import PartOfApi
from newsclf.deploy.aws.call.errors import RefusedError
from newsclf.deploy.aws.walk.resource import SimpleResource
from newsclf.deploy.records import Jwt

KEY_TTL_S = 300
"""How long API Gateway keeps an answer for a key, and so how long a replaced key is accepted."""


def jwt_settings(jwt: Jwt) -> dict[str, Any]:
    """The settings of an authorizer that accepts an issuer's tokens."""
    return {
        "AuthorizerType": "JWT",
        "IdentitySource": ["$request.header.Authorization"],
        "JwtConfiguration": {"Issuer": jwt.issuer, "Audience": list(jwt.audience)},
    }


def key_settings(function_arn: str) -> dict[str, Any]:
    """The settings of an authorizer that calls a function, unless the header is missing."""
    region = function_arn.split(":")[3]
    return {
        "AuthorizerType": "REQUEST",
        "AuthorizerUri": f"arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/"
        f"{function_arn}/invocations",
        "AuthorizerPayloadFormatVersion": "2.0",
        "EnableSimpleResponses": True,
        "IdentitySource": ["$request.header.x-api-key"],
        "AuthorizerResultTtlInSeconds": KEY_TTL_S,
    }


@dataclass(frozen=True)
class Authorizer(PartOfApi, SimpleResource):
    """An authorizer, in its desired state."""

    suffix: Literal["jwt", "key"]
    """An authorizer of the other kind has another name."""
    desired: Mapping[str, Any] = field(default_factory=dict)
    """Its settings, as API Gateway takes them; empty: only to find or delete it."""

    @property
    def kind(self) -> str:
        """`key authorizer`, or `jwt authorizer`."""
        return f"{self.suffix} authorizer"

    @property
    def name(self) -> str:
        """Unique within the API."""
        return f"{self.names.endpoint}-{self.suffix}"

    def find(self) -> dict[str, Any] | None:
        found = self.items("get_authorizers")
        return next((each for each in found if each["Name"] == self.name), None)

    def delete(self) -> bool:
        """Delete it; no route may use it any more. Otherwise it is deleted with the API."""
        found = self.found()
        return found is not None and self.drop(
            "delete_authorizer", AuthorizerId=found["AuthorizerId"]
        )

    @property
    def detail(self) -> str:
        return self.suffix

    @property
    def settings(self) -> Mapping[str, Any]:
        return self.desired

    def ids(self, found: Mapping[str, Any]) -> Mapping[str, str]:
        return {"authorizer_id": found["AuthorizerId"]}

    def create(self) -> dict[str, Any]:
        try:
            return self.call("create_authorizer", Name=self.name, **self.settings)
        except RefusedError:
            found = self.find()
            if found is None:  # else an attempt before this one has made it
                raise
            return found

    def update(self, found: Mapping[str, Any]) -> None:
        self.call("update_authorizer", AuthorizerId=found["AuthorizerId"], **self.settings)
