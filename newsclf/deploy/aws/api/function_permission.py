"""Who may call a function: this API, on these paths, and nobody else."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.errors import RefusedError
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.walk.resource import Look

_PREFIX = "newsclf-"
_PRINCIPAL = "apigateway.amazonaws.com"


@dataclass(frozen=True, slots=True)
class FunctionPermission:
    """The statements of a function's policy that let API Gateway in."""

    clients: Clients
    names: Names
    function: str
    sources: Callable[[], Mapping[str, str]]
    """Part of a statement's id → what requests must come from, below the API's ARN; needs the API,
    so it is asked late. Empty while there is no API."""
    kind: str
    """Whose: `function permission`."""

    @property
    def name(self) -> str:
        """As the function."""
        return self.function

    def look(self) -> Look:
        """See whether the statements are there, and no others of ours."""
        wanted, has = self._wanted(), self._has()
        if not has:
            return Look("create")
        return Look("keep" if wanted == has else "update")

    def ensure(self) -> Mapping[str, str]:
        """Add what is missing, and remove what was for another API."""
        wanted, has = self._wanted(), self._has()
        for statement, source in has.items():
            if wanted.get(statement) != source:
                self._remove(statement)
        for statement, source in wanted.items():
            if has.get(statement) != source:
                self._add(statement, source)
        return {}

    def delete(self) -> bool:
        """Remove our statements; also goes with the function."""
        has = self._has()
        for statement in has:
            self._remove(statement)
        return bool(has)

    def exists(self) -> bool:
        """Whether there is a statement of ours."""
        return bool(self._has())

    def _wanted(self) -> dict[str, str]:
        return {
            f"{_PREFIX}{name}": self.names.arn("execute-api", source)
            for name, source in self.sources().items()
        }

    def _has(self) -> dict[str, str]:
        """Id of each statement of ours → its source."""
        answer = self.clients.find(
            "lambda",
            "get_policy",
            doing=f"looking at who may call {self.function}",
            FunctionName=self.function,
        )
        if answer is None:
            return {}
        return {
            statement["Sid"]: _source(statement)
            for statement in json.loads(answer["Policy"])["Statement"]
            if statement["Sid"].startswith(_PREFIX)
        }

    def _add(self, statement: str, source: str) -> None:
        try:
            self.clients.call(
                "lambda",
                "add_permission",
                doing=f"letting the API call {self.function}",
                FunctionName=self.function,
                StatementId=statement,
                Principal=_PRINCIPAL,
                Action="lambda:InvokeFunction",
                SourceArn=source,
            )
        except RefusedError:
            if self._has().get(statement) != source:
                raise  # else an attempt before this one has added it

    def _remove(self, statement: str) -> None:
        self.clients.find(
            "lambda",
            "remove_permission",
            doing=f"closing {self.function} to an API",
            FunctionName=self.function,
            StatementId=statement,
        )


def _source(statement: Mapping[str, Any]) -> str:
    conditions = statement.get("Condition", {}).get("ArnLike", {})
    return next((str(v) for k, v in conditions.items() if k.lower() == "aws:sourcearn"), "")
