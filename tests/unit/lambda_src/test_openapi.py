"""The document of the API is valid, and true of what the contract takes."""

from __future__ import annotations

import importlib
import json
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from lambda_src.openapi import document
from newsclf.contract.requests import ContractError, parse_classify
from tests.support.builders import LAMBDA_ENVIRONMENT

CLASSIFY = document("none")
REQUEST = Draft202012Validator(
    {"$ref": "#/components/schemas/Request", "components": CLASSIFY["components"]}
)


@pytest.mark.parametrize(
    ("auth", "schemes"),
    [("api-key", ["api-key"]), ("iam", ["iam"]), ("jwt", ["jwt"]), ("none", [])],
)
def test_the_document_is_valid_and_names_the_credential(auth: str, schemes: list[str]) -> None:
    made = document(auth)

    OpenAPIV31SpecValidator(made).validate()
    assert list(made["components"]["securitySchemes"]) == schemes
    assert made["security"] == [{name: []} for name in schemes]
    assert json.loads(json.dumps(made)) == made


def test_the_handler_answers_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (LAMBDA_ENVIRONMENT | {"API_AUTH": "iam"}).items():
        monkeypatch.setenv(name, value)
    import lambda_src.handler

    handler: ModuleType = importlib.reload(lambda_src.handler)
    http = {"method": "GET"}
    event: dict[str, Any] = {"rawPath": "/prod/openapi.json", "requestContext": {"http": http}}

    answer = handler.handle(event, None)
    assert (answer["statusCode"], json.loads(answer["body"])) == (200, document("iam"))
    http["method"] = "POST"
    refused = handler.handle(event, None)
    assert (refused["statusCode"], refused["headers"]["allow"]) == (405, "GET")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["headline", "x"]), inner, max_size=2)
    ),
    max_leaves=5,
)
bodies = values | st.dictionaries(
    st.sampled_from(["headline", "headlines", "query", "min_confidence", "explain", "x"]),
    values | st.floats(-0.5, 1.5),
    max_size=3,
)


def is_taken(body: object) -> bool:
    try:
        parse_classify(body)
    except ContractError:
        return False
    return True


@settings(max_examples=200, deadline=None)
@given(body=bodies)
def test_what_the_document_allows_is_what_the_contract_takes(body: object) -> None:
    assert REQUEST.is_valid(body) == is_taken(body)


@pytest.mark.parametrize(
    ("body", "valid"),
    [
        ({"headline": "a"}, True),
        ({"headlines": ["a"] * 512, "more": 1}, True),
        ({"query": {"headline": "a", "more": 1}}, True),
        ({"headlines": ["a"] * 513}, False),
        ({"headlines": []}, False),
        ({"headline": "a", "headlines": 7}, False),
        ({"headline": "\t\u2003"}, False),
        ({"headline": "\x1c\x85"}, False),
        ({"headline": "\ufeff"}, True),
        ({"headline": "a", "min_confidence": 0.6}, True),
        ({"headline": "a", "min_confidence": 1}, True),
        ({"headline": "a", "min_confidence": 1.0000001}, False),
        ({"headline": "a", "min_confidence": 0}, False),
        ({"headline": "a", "min_confidence": 10**400}, False),
        ({"headline": "a", "min_confidence": True}, False),
        ({"headline": "a", "min_confidence": None}, False),
        ({"headline": "a", "min_confidence": "0.6"}, False),
        ({"min_confidence": 0.6}, False),
        ({"headline": "a", "explain": True}, True),
        ({"headline": "a", "explain": False}, True),
        ({"headline": "a", "explain": 1}, False),
        ({"headline": "a", "explain": None}, False),
    ],
)
def test_both_agree_at_the_limits(body: object, *, valid: bool) -> None:
    assert REQUEST.is_valid(body) is is_taken(body) is valid
