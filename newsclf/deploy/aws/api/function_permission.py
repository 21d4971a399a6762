"""Permission for one API to call a function on its own paths, and for no other caller."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from newsclf.deploy.aws.walk.resource import SimpleResource

_PREFIX = "newsclf-"
PRINCIPAL = "apigateway.amazonaws.com"
ACTION = "lambda:InvokeFunction"


@dataclass(frozen=True)
class FunctionPermission(SimpleResource):
    """The statements of a function's policy that let API Gateway in."""

    name: str
    """The function's."""
    kind: str
    """`function permission`."""
    sources: Callable[[], Mapping[str, str]]
    """Part of a statement's id → the source of requests, below the API's ARN. Needs the API, so it
    is called late; empty while there is no API."""
    service = "lambda"
    name_argument = "FunctionName"

    def find(self) -> dict[str, str]:
        """Id of each statement of ours → its source."""
        answer = self.ask("get_policy")
        if answer is None:
            return {}
        return {
            statement["Sid"]: _source(statement)
            for statement in json.loads(answer["Policy"])["Statement"]
            if statement["Sid"].startswith(_PREFIX)
        }

    def difference(self, found: Mapping[str, str]) -> str | None:
        return None if found == self.desired else ""

    def create(self) -> None:
        self.update({})

    def update(self, found: Mapping[str, str]) -> None:
        """Add what is missing, and remove what was for another API."""
        desired = self.desired
        for statement, source in found.items():
            if desired.get(statement) != source:
                self._remove(statement)
        for statement, source in desired.items():
            if found.get(statement) != source:
                self.make(
                    "add_permission",
                    StatementId=statement,
                    Principal=PRINCIPAL,
                    Action=ACTION,
                    SourceArn=source,
                )

    def delete(self) -> bool:
        """Remove our statements; they are also deleted with the function."""
        removed = [self._remove(statement) for statement in self.find()]
        return any(removed)

    @property
    def desired(self) -> dict[str, str]:
        """Id of each statement → its source."""
        return {
            f"{_PREFIX}{name}": self.names.arn("execute-api", source)
            for name, source in self.sources().items()
        }

    def _remove(self, statement: str) -> bool:
        return self.drop("remove_permission", StatementId=statement)


def _source(statement: Mapping[str, Any]) -> str:
    conditions = statement.get("Condition", {}).get("ArnLike", {})
    return next((str(v) for k, v in conditions.items() if k.lower() == "aws:sourcearn"), "")
