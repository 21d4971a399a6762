"""Authorizers of an API: the issuer of JWTs, or a function that knows the key's hash.

Signatures (`iam`) need none: API Gateway checks them itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from newsclf.deploy.aws.api.http_api import PartOfApi
from newsclf.deploy.aws.call.errors import RefusedError
from newsclf.deploy.aws.walk.resource import SimpleResource

KEY_TTL_S = 300
"""How long API Gateway keeps an answer for a key, and so how long a replaced key is accepted."""


@dataclass(frozen=True, slots=True)
class Jwt:
    """The issuer and the audience of accepted tokens."""

    issuer: str
    audience: tuple[str, ...]

    def settings(self) -> dict[str, Any]:
        """The settings as API Gateway takes them."""
        return {
            "AuthorizerType": "JWT",
            "IdentitySource": ["$request.header.Authorization"],
            "JwtConfiguration": {"Issuer": self.issuer, "Audience": list(self.audience)},
        }


@dataclass(frozen=True, slots=True)
class KeyCheck:
    """The function that knows the key's hash."""

    function_arn: str

    def settings(self) -> dict[str, Any]:
        """The settings as API Gateway takes them; without the header it refuses without a call."""
        region = self.function_arn.split(":")[3]
        return {
            "AuthorizerType": "REQUEST",
            "AuthorizerUri": f"arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/"
            f"{self.function_arn}/invocations",
            "AuthorizerPayloadFormatVersion": "2.0",
            "EnableSimpleResponses": True,
            "IdentitySource": ["$request.header.x-api-key"],
            "AuthorizerResultTtlInSeconds": KEY_TTL_S,
        }


@dataclass(frozen=True)
class AnyAuthorizer(PartOfApi):
    """An authorizer, whatever its settings."""

    suffix: Literal["jwt", "key"]
    """An authorizer of the other kind has another name."""

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


@dataclass(frozen=True)
class Authorizer(AnyAuthorizer, SimpleResource):
    """An authorizer, in its desired state."""

    desired: Jwt | KeyCheck

    @property
    def detail(self) -> str:
        return self.suffix

    @property
    def settings(self) -> Mapping[str, Any]:
        return self.desired.settings()

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
