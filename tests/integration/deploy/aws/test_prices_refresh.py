"""`newsclf prices`, with boto3 as it is against the pricing service on loopback."""

from __future__ import annotations

import json
import socket
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.support.fakeaws.price_list import PriceList, hosting, product, serve


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[PriceList]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    with serve(PriceList()) as prices:
        monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", prices.url)
        yield prices


FILE = Path(".newsclf/prices.toml")


def test_refresh_shows_old_and_new_and_later_commands_use_it(aws: PriceList, newsclf: Cli) -> None:
    refreshed = newsclf("prices", "refresh", "--region", "us-east-1")

    assert refreshed.exit_code == 0, refreshed.err
    lines = [line.split() for line in refreshed.out.splitlines()]
    assert ["ml.c5.large", "us-east-1", "0.102", "0.103", "changed"] in lines
    assert ["ml.c5.xlarge", "us-east-1", "0.204", "0.204"] in lines
    assert "not offered in us-east-1: ml.c5.2xlarge" in refreshed.err
    shown = newsclf("prices", "show", "--region", "us-east-1", "--json")
    prices = {(line["what"], line["unit"]): line for line in json.loads(shown.out)}
    assert prices["ml.c5.large", "hour"]["usd"] == 0.103
    assert "AWS Price List API, offer AmazonSageMaker" in prices["ml.c5.large", "hour"]["source"]
    assert prices["ml.c5.2xlarge", "hour"]["usd"] == 0.408  # not offered, so what ships stays
    assert prices["SageMaker serverless", "GB-second"]["usd"] == 0.00003
    assert aws.requests > 5  # it came in pages


def test_a_region_and_an_instance_that_were_not_known_can_be_added(
    aws: PriceList, newsclf: Cli
) -> None:
    aws.products += [hosting("eu-west-3", "EUW3-", "ml.r5.large", "0.178")]

    first = newsclf("prices", "refresh", "--region", "ca-central-1", "--json")
    second = newsclf("prices", "refresh", "--region", "eu-west-3", "--instance", "ml.r5.large")

    assert first.exit_code == second.exit_code == 0, first.err + second.err
    assert {line["region"] for line in json.loads(first.out)} == {"ca-central-1"}
    document = tomllib.loads(FILE.read_text(encoding="utf-8"))
    assert {table["region"] for table in document["hosting"]} == {"ca-central-1", "eu-west-3"}
    tiers = document["api_gateway"][0]["usd_per_request"]
    assert tiers == [{"up_to": 3e8, "usd": 0.0000011}, {"usd": 0.00000099}]
    assert document["lambda"][0]["usd_per_request"] == 0.0000002
    shown = newsclf("prices", "show", "--instance", "ml.r5.large")
    assert "0.178" in shown.out
    again = newsclf("prices", "refresh", "--region", "ca-central-1")
    assert again.exit_code == 0, again.err
    regions = [table["region"] for table in tomllib.loads(FILE.read_text())["hosting"]]
    assert sorted(regions) == ["ca-central-1", "eu-west-3"]  # replaced, not piled up


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        ((400, "AccessDeniedException"), (4, "allow pricing:GetProducts")),
        ((400, "UnrecognizedClientException"), (4, "does not accept the credentials")),
        ((400, "ThrottlingException"), (5, "throttling")),
        ((500, "InternalErrorException"), (5, "AWS failed")),
        ((400, "InvalidParameterException"), (4, "AWS refused")),
    ],
)
@pytest.mark.parametrize("answered", [0, 4])
def test_a_refusal_at_any_moment_leaves_the_file_as_it_was(
    aws: PriceList,
    newsclf: Cli,
    error: tuple[int, str],
    shown: tuple[int, str],
    answered: int,
) -> None:
    newsclf("prices", "refresh", "--region", "us-east-1")
    before = FILE.read_bytes()
    aws.error, aws.error_after = error, aws.requests + answered

    result = newsclf("prices", "refresh")

    assert result.exit_code == shown[0]
    assert shown[1] in result.err
    assert "Traceback" not in result.err
    assert FILE.read_bytes() == before
    assert [path.name for path in FILE.parent.iterdir()] == ["prices.toml"]


def test_without_credentials_it_says_so(
    aws: PriceList, newsclf: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")

    result = newsclf("prices", "refresh", "--region", "us-east-1")

    assert result.exit_code == 2
    assert "no AWS credentials were found" in result.err
    assert "aws configure" in result.err
    assert aws.requests == 0
    assert not FILE.exists()


def test_a_profile_that_does_not_exist(
    aws: PriceList, newsclf: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")

    result = newsclf("prices", "refresh", "--region", "us-east-1")

    assert (result.exit_code, aws.requests) == (2, 0)
    assert "there is no AWS profile 'nobody' in ~/.aws" in result.err


def test_without_a_network_it_says_so(newsclf: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", url)
        result = newsclf("prices", "refresh", "--region", "us-east-1")

    assert result.exit_code == 5
    assert "can't be reached" in result.err


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (hosting("us-east-1", "USE1-", "ml.c5.large", "0.2"), "two prices for ml.c5.large"),
        (hosting("us-east-1", "USE1-", "ml.c5.9xlarge", "cheap"), "of an unknown form"),
        (
            product("AmazonSageMaker", "us-east-1", "USE1-Host:x", ("0", "1"), component="Hosting")
            | {"terms": []},
            "of an unknown form",
        ),
    ],
)
def test_an_answer_that_is_not_clear_is_an_error(
    aws: PriceList, newsclf: Cli, bad: dict[str, object], said: str
) -> None:
    aws.products.append(bad)

    result = newsclf("prices", "refresh", "--region", "us-east-1")

    assert result.exit_code == 5
    assert said in result.err
    assert not FILE.exists()


def test_a_region_that_does_not_exist(aws: PriceList, newsclf: Cli) -> None:
    result = newsclf("prices", "refresh", "--region", "mars-north-1")

    assert result.exit_code == 4
    assert "no hosting prices for 'mars-north-1'" in result.err
    assert not FILE.exists()
    assert aws.requests > 0


def test_a_name_that_is_no_instance(aws: PriceList, newsclf: Cli) -> None:
    result = newsclf("prices", "refresh", "--instance", "c5.large")

    assert (result.exit_code, aws.requests) == (2, 0)
    assert "ml." in result.err


def test_show_names_date_and_source(newsclf: Cli) -> None:
    result = newsclf("prices", "show", "--region", "eu-west-1")

    assert result.exit_code == 0, result.err
    assert "eu-west-1" in result.out
    assert ["ml.c5.xlarge", "0.23", "hour", "2026-09-22", "[1]"] in [
        line.split() for line in result.out.splitlines()
    ]
    assert "[1] AWS Price List, offer AmazonSageMaker" in result.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--region", "mars"], "no prices are known in 'mars'"),
        (["--region", "ca-central-1", "--instance", "ml.c7g.large"], "no price is known for"),
        (["--prices", "none.toml"], "no such price file"),
    ],
)
def test_show_of_what_is_not_known(newsclf: Cli, arguments: list[str], said: str) -> None:
    result = newsclf("prices", "show", *arguments)

    assert result.exit_code == 2
    assert said in result.err
