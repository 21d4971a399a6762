"""Suggestions for mistyped regions and instances; well-formed names are left alone."""

from __future__ import annotations

import pytest

from newsclf.common.errors import ConfigError
from newsclf.common.suggestions import closest_instance, closest_region
from newsclf.costs.prices import load_prices
from tests.conftest import Cli


@pytest.fixture(scope="module")
def regions() -> list[str]:
    """All regions of AWS that have SageMaker."""
    import boto3

    found: list[str] = boto3.Session().get_available_regions("sagemaker")
    return found


@pytest.mark.parametrize(
    ("typed", "closest"),
    [
        ("us-esat-1", "us-east-1"),
        ("us-wets-2", "us-west-2"),
        ("eu-centrall-1", "eu-central-1"),
        ("us_east_1", "us-east-1"),
        ("us-east-7", None),  # there may be one by now
        ("mars-north-1", None),
        ("nowhere", None),
    ],
)
def test_a_region(regions: list[str], typed: str, closest: str | None) -> None:
    assert closest_region(typed, regions) == closest


def test_no_region_of_aws_is_taken_for_a_slip(regions: list[str]) -> None:
    """Each is tried as a region that this version does not know yet."""
    taken = {
        region: closest
        for region in regions
        if (closest := closest_region(region, [each for each in regions if each != region]))
    }

    assert taken == {}


@pytest.mark.parametrize(
    ("typed", "closest"),
    [
        ("ml.c5.xlrage", "ml.c5.xlarge"),
        ("c5.large", "ml.c5.large"),
        ("m5.2xlarge", "ml.m5.2xlarge"),
        ("ml.c5.24xlarge", None),  # it exists, only its price is not known here
        ("ml.c9i.large", None),
        ("laptop", None),
    ],
)
def test_an_instance(typed: str, closest: str | None) -> None:
    assert closest_instance(typed, load_prices().instances("us-east-1")) == closest


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--instance", "c5.large", "--region", "us-east-1"], "did you mean ml.c5.large?"),
        (["--instance", "ml.c5.xlrage", "--region", "us-east-1"], "did you mean ml.c5.xlarge?"),
        (["--instance", "ml.c5.large", "--region", "us-esat-1"], "did you mean us-east-1?"),
    ],
)
def test_deploy_suggests_the_closest_name(newsclf: Cli, arguments: list[str], said: str) -> None:
    result = newsclf("deploy", *arguments, "--dry-run")

    assert result.exit_code == 2
    assert said in result.err


def test_a_price_by_use_suggests_the_closest_region() -> None:
    with pytest.raises(ConfigError, match=r"did you mean us-east-1\?"):
        load_prices().serverless_price("us-esat-1")


def test_an_instance_whose_price_is_not_known_can_still_be_asked_for(newsclf: Cli) -> None:
    result = newsclf("deploy", "--instance", "ml.c5.24xlarge", "--region", "us-east-1", "--dry-run")

    assert result.exit_code == 2
    assert "newsclf prices refresh --region us-east-1 --instance ml.c5.24xlarge" in result.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["policy", "deploi"],
            "error: deploi: not a command of newsclf\nhint: did you mean deploy?",
        ),
        (["policy", "xyz"], "error: xyz: not a command of newsclf"),
        (["policy", "evaluate"], "evaluate needs no permissions on AWS"),
        (["policy", "prices"], "needs pricing:GetProducts"),
        (["evaluate", "--gate", "acuracy=0.9"], "did you mean accuracy?"),
        (["evaluate", "--gate", "accuracy=90"], "for example --gate accuracy=0.9"),
        (["evaluate", "--gate", "accuracy=nan"], "a share, from 0 to 1"),
        (["train", "--on", "moon"], "'moon' is not one of 'local', 'sagemaker'"),
    ],
)
def test_a_name_or_number_that_cannot_be_is_refused_at_once(
    newsclf: Cli, arguments: list[str], said: str
) -> None:
    result = newsclf(*arguments)

    assert result.exit_code == 2
    assert said in result.err
