"""Before there is an account: what would it cost, and what do commands say?"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.support.documented import assert_printed

SAGEMAKER = (
    "train",
    "--data",
    "sample",
    "--base",
    "minilm",
    "--on",
    "sagemaker",
    "--instance",
    "ml.m5.xlarge",
    "--dry-run",
)


@pytest.fixture(autouse=True)
def _nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


def test_a_dry_run_shows_the_plan_and_the_price(newsclf: Cli) -> None:
    result = newsclf("deploy", "--instance", "ml.c5.large", "--max", 3, "--ttl", "2h", "--dry-run")

    assert result.exit_code == 0, result.err
    assert "ml.c5.large × 1 to 3" in result.out
    assert "end of life" in result.out
    assert "$0.102 an hour" in result.out
    assert "nothing was checked in an account" in result.err
    assert not Path(".newsclf/deployments").exists()


def test_the_guide_shows_the_plan_for_a_gpu(newsclf: Cli) -> None:
    command = "newsclf deploy --instance ml.g6.xlarge --region us-east-1 --dry-run"

    assert_printed("aws.md", command, newsclf(*command.split()[1:]))


def test_a_dry_run_s_document_says_that_nothing_was_checked(newsclf: Cli) -> None:
    document = json.loads(newsclf("deploy", "--serverless", "--dry-run", "--json").out)

    assert document["checked"] is False
    assert {step["name"] for step in document["steps"]} == {None}


def test_a_dry_run_of_a_training_says_what_hosting_costs(newsclf: Cli) -> None:
    pytest.importorskip("sagemaker")
    result = newsclf(*SAGEMAKER)

    assert result.exit_code == 0, result.err
    assert "Hosting on ml.m5.xlarge costs $0.230 an hour, and training usually the same" in (
        " ".join(result.out.split())
    )
    assert "nothing was checked in an account" in result.err


@pytest.mark.parametrize(
    "command",
    [
        ("deploy", "--instance", "ml.c5.large", "--yes"),
        ("status", "--region", "us-east-1"),
        ("teardown", "--deployment", "news", "--region", "us-east-1"),
        ("prices", "refresh", "--region", "us-east-1"),
    ],
)
def test_a_command_that_needs_credentials_says_so_in_plain_words(
    newsclf: Cli, command: tuple[str, ...]
) -> None:
    result = newsclf(*command)

    assert result.exit_code == 2
    assert "no AWS credentials were found" in result.err
    assert "aws configure" in result.err


def test_a_profile_that_is_not_there_is_named(newsclf: Cli) -> None:
    result = newsclf("deploy", "--instance", "ml.c5.large", "--profile", "nobody", "--yes")

    assert result.exit_code == 2
    assert "there is no AWS profile 'nobody' in ~/.aws" in result.err


def test_an_address_of_aws_that_is_none_is_named(
    newsclf: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "localhost")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")

    result = newsclf("status", "--region", "us-east-1")

    assert result.exit_code == 2
    assert "Invalid endpoint: localhost" in result.err
    assert "AWS_ENDPOINT_URL" in result.err
