"""What counts as a good answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

import httpx

from newsclf.common.errors import ConfigError
from newsclf.contract.answers import read_api_answer, read_endpoint_answer
from newsclf.contract.requests import ContractError, parse_json

_JSON = "json:"


@dataclass(frozen=True, slots=True)
class Expectation:
    """What counts as a good answer."""

    kind: Literal["newsclf", "status", "json"] = "newsclf"
    """newsclf: predictions as its API or a model server gives them; status: 2xx; json: 2xx with a
    JSON document that has a value at `path`."""
    path: str = ""
    """Names and indices with dots between, such as `0.label`."""

    def __str__(self) -> str:
        """As --expect takes it."""
        return f"{_JSON}{self.path}" if self.kind == "json" else self.kind

    def is_met(self, response: httpx.Response, headlines: int) -> bool:
        """Whether a response of status 2xx to so many headlines is what was expected."""
        if self.kind == "status":
            return True
        try:
            document = parse_json(response.content)
            if self.kind == "json":
                return _value_at(document, self.path) is not None
            read = read_api_answer if isinstance(document, dict) else read_endpoint_answer
            read(document, headlines)
        except ContractError:
            return False
        return response.status_code == httpx.codes.OK


PREDICTIONS = Expectation()
"""The answer of newsclf."""


def parse_expectation(text: str) -> Expectation:
    """Read what --expect takes.

    Raises:
        ConfigError: It is something else.
    """
    if text in ("newsclf", "status"):
        return Expectation(text)  # type: ignore[arg-type]
    if text.startswith(_JSON) and text != _JSON:
        return Expectation("json", text.removeprefix(_JSON))
    raise ConfigError(
        f"--expect {text}: expected status, json:PATH or newsclf",
        hint='--expect json:0.label wants an answer such as [{"label": …}]',
    )


def _value_at(document: object, path: str) -> object:
    """The value at a path; None if it is missing. A string that holds JSON is looked into."""
    for step in path.split("."):
        if isinstance(document, str):
            try:
                document = json.loads(document)
            except (ValueError, RecursionError):
                return None
        if isinstance(document, dict):
            document = document.get(step)
        elif isinstance(document, list) and step.isdecimal() and int(step) < len(document):
            document = document[int(step)]
        else:
            return None
    return document
