"""The stage of an API, `$default`: makes its routes live, throttles requests and logs access."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from newsclf.deploy.aws.api.http_api import PartOfApi
from newsclf.deploy.aws.walk.resource import SimpleResource

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


@dataclass(frozen=True)
class Stage(PartOfApi, SimpleResource):
    """The stage of an API."""

    log_group: str
    rate_per_s: float
    burst: int
    name = STAGE
    kind = "stage"

    @property
    def detail(self) -> str:
        return f"{self.rate_per_s:g} requests/s, {self.burst} at once"

    def find(self) -> dict[str, Any] | None:
        return next((s for s in self.items("get_stages") if s["StageName"] == STAGE), None)

    def difference(self, found: Mapping[str, Any]) -> str | None:
        for name, value in self.settings.items():
            there = found.get(name)
            if isinstance(value, dict):  # AWS adds defaults
                there = {key: (there or {}).get(key) for key in value}
            if there != value:
                return "throttling or log"
        return None

    def create(self) -> None:
        # Without tags: they need apigateway:TagResource, an action that IAM does not list.
        self.make("create_stage", StageName=STAGE, **self.settings)

    def update(self, found: Mapping[str, Any]) -> None:  # noqa: ARG002
        self.call("update_stage", StageName=STAGE, **self.settings)

    @property
    def settings(self) -> dict[str, Any]:
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
