"""Who decides whether a request may pass: a JWT's issuer, or a function that knows the key's hash.

Signatures (`iam`) need none: API Gateway checks them itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from newsclf.deploy.aws.api.http_api import api_id_of, find_api_id, items
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.errors import RefusedError
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.walk.resource import Look

KEY_TTL_S = 300
"""An answer is kept so long for a key; a key that was replaced lives on for that time."""


@dataclass(frozen=True, slots=True)
class Jwt:
    """Whose tokens pass."""

    issuer: str
    audience: tuple[str, ...]

    def settings(self) -> dict[str, Any]:
        """As API Gateway takes it."""
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
        """As API Gateway takes it; a request without the header is refused without a call."""
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
class AuthorizerRemains:
    """An authorizer, for taking it away."""

    clients: Clients
    names: Names
    suffix: Literal["jwt", "key"]
    """What was of the other kind is another authorizer."""

    @property
    def kind(self) -> str:
        """`key authorizer`, or `jwt authorizer`."""
        return f"{self.suffix} authorizer"

    @property
    def name(self) -> str:
        """Unique within the API."""
        return f"{self.names.endpoint}-{self.suffix}"

    def delete(self) -> bool:
        """Delete it; no route may use it any more. Without that it goes with the API."""
        found = find_authorizer(self.clients, self.names, self.name)
        if found is None:
            return False
        answer = self.clients.find(
            "apigatewayv2",
            "delete_authorizer",
            doing="deleting the authorizer",
            ApiId=api_id_of(self.clients, self.names),
            AuthorizerId=found["AuthorizerId"],
        )
        return answer is not None

    def exists(self) -> bool:
        """Whether it is there."""
        return find_authorizer(self.clients, self.names, self.name) is not None


@dataclass(frozen=True)
class Authorizer(AuthorizerRemains):
    """An authorizer, as it is wanted."""

    wanted: Jwt | KeyCheck

    def look(self) -> Look:
        """See whether it is there, and as it must be."""
        found = find_authorizer(self.clients, self.names, self.name)
        if found is None:
            return Look("create", self.suffix)
        ids = {"authorizer_id": found["AuthorizerId"]}
        return Look("keep" if self._is_right(found) else "update", self.suffix, found=ids)

    def ensure(self) -> Mapping[str, str]:
        """Create or update it; returns `authorizer_id`."""
        api_id = api_id_of(self.clients, self.names)
        found = find_authorizer(self.clients, self.names, self.name)
        if found is None:
            found = self._create(api_id)
        if not self._is_right(found):
            self.clients.call(
                "apigatewayv2",
                "update_authorizer",
                doing="updating the authorizer",
                ApiId=api_id,
                AuthorizerId=found["AuthorizerId"],
                **self.wanted.settings(),
            )
        return {"authorizer_id": found["AuthorizerId"]}

    def _create(self, api_id: str) -> dict[str, Any]:
        try:
            return self.clients.call(
                "apigatewayv2",
                "create_authorizer",
                doing="creating the authorizer",
                ApiId=api_id,
                Name=self.name,
                **self.wanted.settings(),
            )
        except RefusedError:
            found = find_authorizer(self.clients, self.names, self.name)
            if found is None:  # else an attempt before this one has made it
                raise
            return found

    def _is_right(self, found: Mapping[str, Any]) -> bool:
        return all(found.get(name) == value for name, value in self.wanted.settings().items())


def find_authorizer(clients: Clients, names: Names, name: str) -> dict[str, Any] | None:
    """An authorizer by its name."""
    api_id = find_api_id(clients, names)
    if api_id is None:
        return None
    found = items(clients, "get_authorizers", "looking at authorizers", ApiId=api_id)
    return next((each for each in found if each["Name"] == name), None)
