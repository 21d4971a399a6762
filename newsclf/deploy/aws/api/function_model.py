"""Which model the function says that it answers with, after another has been deployed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.walk.resource import Look

_VARIABLE = "MODEL_DIGEST"


@dataclass(frozen=True, slots=True)
class FunctionModel:
    """The digest that an API's function puts into its answers; nothing where there is no API."""

    clients: Clients
    names: Names
    digest: str
    kind: str = field(default="model of the API", init=False)

    @property
    def name(self) -> str:
        """As the function."""
        return self.names.endpoint

    def look(self) -> Look:
        """See whether the function names this model."""
        variables = self._variables()
        if variables is None or variables.get(_VARIABLE) == self.digest:
            return Look("keep")
        return Look("update", self.digest[:12])

    def ensure(self) -> Mapping[str, str]:
        """Have the function name this model."""
        variables = self._variables()
        if variables is not None:
            self.clients.call(
                "lambda",
                "update_function_configuration",
                doing=f"telling the function {self.name} of the model",
                FunctionName=self.name,
                Environment={"Variables": variables | {_VARIABLE: self.digest}},
            )
        return {}

    def delete(self) -> bool:
        """Nothing to do: it goes with the function."""
        return False

    def exists(self) -> bool:
        """Never by itself."""
        return False

    def _variables(self) -> dict[str, Any] | None:
        found = self.clients.find(
            "lambda",
            "get_function",
            doing=f"looking at the function {self.name}",
            FunctionName=self.name,
        )
        if found is None:
            return None
        variables: dict[str, Any] = found["Configuration"].get("Environment", {})["Variables"]
        return variables
