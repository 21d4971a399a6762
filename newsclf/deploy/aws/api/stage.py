"""An API's one stage, `$default`: what makes its routes live, how many requests, what is logged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from newsclf.deploy.aws.api.http_api import api_id_of, find_api_id, items
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.errors import RefusedError
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.walk.resource import Look

STAGE = "$default"
# Who and what, how long, and why not; neither path nor query, in which a headline might stand.
_LOG_FIELDS = {
    "requestId": "$context.requestId",
    "time": "$context.requestTime",
    "sourceIp": "$context.identity.sourceIp",
    "routeKey": "$context.routeKey",
    "status": "$context.status",
    "responseLatencyMs": "$context.responseLatency",
    "integrationLatencyMs": "$context.integrationLatency",
    "integrationStatus": "$context.integrationStatus",
    "integrationError": "$context.integrationErrorMessage",
    "authorizerError": "$context.authorizer.error",
    "error": "$context.error.message",
}
LOG_FORMAT = json.dumps(_LOG_FIELDS, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Stage:
    """The stage of an API."""

    clients: Clients
    names: Names
    log_group: str
    rate_per_s: float
    burst: int
    name: str = field(default=STAGE, init=False)
    kind: str = field(default="stage", init=False)

    def look(self) -> Look:
        """See whether it is there, with its throttling and its log."""
        found = self._find()
        if found is None:
            return Look("create", f"{self.rate_per_s:g} requests/s, {self.burst} at once")
        return Look("keep") if self._is_right(found) else Look("update", "throttling or log")

    def ensure(self) -> Mapping[str, str]:
        """Create it, or update it in place; from then on the API answers."""
        api_id = api_id_of(self.clients, self.names)
        found = self._find()
        if found is None:
            try:
                # Without tags: they need apigateway:TagResource, an action that IAM does not list.
                self._call("create_stage", "creating the stage", api_id)
            except RefusedError:
                found = self._find()
                if found is None:  # else an attempt before this one has made it
                    raise
        if found is not None and not self._is_right(found):
            self._call("update_stage", "updating the stage", api_id)
        return {}

    def delete(self) -> bool:
        """Nothing to do: it goes with the API."""
        return False

    def exists(self) -> bool:
        """Whether it is there."""
        return self._find() is not None

    def _settings(self) -> dict[str, Any]:
        return {
            "AutoDeploy": True,  # or routes never go live
            "DefaultRouteSettings": {
                "ThrottlingRateLimit": self.rate_per_s,
                "ThrottlingBurstLimit": self.burst,
            },
            "AccessLogSettings": {
                "DestinationArn": self.names.arn("logs", f"log-group:{self.log_group}"),
                "Format": LOG_FORMAT,
            },
        }

    def _is_right(self, found: Mapping[str, Any]) -> bool:
        for name, value in self._settings().items():
            has = found.get(name)
            if isinstance(value, dict):  # AWS adds defaults
                has = {key: (has or {}).get(key) for key in value}
            if has != value:
                return False
        return True

    def _find(self) -> dict[str, Any] | None:
        api_id = find_api_id(self.clients, self.names)
        if api_id is None:
            return None
        found = items(self.clients, "get_stages", "looking at stages", ApiId=api_id)
        return next((each for each in found if each["StageName"] == STAGE), None)

    def _call(self, operation: str, doing: str, api_id: str) -> None:
        self.clients.call(
            "apigatewayv2",
            operation,
            doing=doing,
            ApiId=api_id,
            StageName=STAGE,
            **self._settings(),
        )
