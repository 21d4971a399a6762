"""A specification of a deployment on AWS is valid, or is not made."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from newsclf.common.validation import first_problem
from newsclf.deploy.records import ApiRequest, AwsSpec, Vpc


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"min_instances": 0}, "min_instances: at least 1"),
        ({"min_instances": 3, "max_instances": 2}, "max_instances: less than the minimum, 3"),
        ({"instance": "ml.t2.medium", "max_instances": 2}, "max_instances: ml.t2.medium cannot be"),
        ({"instance": "ml.c5.large", "serverless": {}}, "serverless: an endpoint has an instance"),
        ({"serverless": {"memory_mb": 1000}}, "serverless.memory_mb: not one of 1024"),
        ({"serverless": {}, "max_instances": 2}, "max_instances: not for a serverless endpoint"),
        ({"serverless": {}, "vpc": "subnet-1,subnet-2:sg-1"}, "vpc: not for a serverless"),
        ({"vpc": "subnet-1"}, "vpc: expected subnet-1,subnet-2:sg-1"),
        ({"vpc": "subnet-1:sg-1"}, "vpc.subnets: two subnets at least"),
        ({"ttl_s": 600}, "ttl_s: 15m is the minimum"),
        ({"budget_usd": 5}, "budget_email: a budget and the address"),
        ({"budget_email": "me@example.com"}, "budget_email: a budget and the address"),
        ({"budget_usd": 0, "budget_email": "me@example.com"}, "budget_usd: must be more than 0"),
        (
            {"budget_usd": float("nan"), "budget_email": "me@example.com"},
            "budget_usd: not a finite",
        ),
        ({"budget_usd": 5, "budget_email": "me"}, "budget_email: not an address"),
    ],
)
def test_a_specification_that_cannot_be_is_an_error(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as raised:
        AwsSpec.model_validate({"image": "i"} | fields)

    assert first_problem(raised.value).startswith(said)


@pytest.mark.parametrize(
    "origin",
    ["https://example.com/", "https://example.com/app", "https://Example.com", "https://", "a.b"],
)
def test_an_origin_that_no_browser_sends_is_an_error(origin: str) -> None:
    with pytest.raises(ValidationError, match="expected https://host"):
        ApiRequest(cors_origins=(origin,))


def test_an_origin_is_a_scheme_a_host_and_maybe_a_port() -> None:
    origins = ("http://localhost:3000", "https://example.com", "*")
    assert ApiRequest(cors_origins=origins).cors_origins == origins


def test_the_maximum_is_the_minimum_unless_it_is_given() -> None:
    assert AwsSpec(image="i", min_instances=3).max_instances == 3


def test_a_network_is_read_as_it_is_typed() -> None:
    spec = AwsSpec.model_validate({"image": "i", "vpc": "subnet-1,subnet-2:sg-1,sg-2"})

    assert spec.vpc == Vpc(subnets=("subnet-1", "subnet-2"), security_groups=("sg-1", "sg-2"))
    assert AwsSpec.model_validate(spec.model_dump()) == spec
