"""Inference components that others have put on a deployment's endpoint, or tagged as its own."""

from __future__ import annotations

from moto.core.models import DEFAULT_ACCOUNT_ID as ACCOUNT

from tests.conftest import Cli
from tests.support.documented import assert_printed
from tests.support.fakeaws.components import Component
from tests.support.fakeaws.fixtures import REGION, Deploy
from tests.support.fakeaws.server import FakeAws


def test_a_teardown_deletes_those_of_the_deployment_and_no_others(
    aws: FakeAws, newsclf: Cli, deploy: Deploy
) -> None:
    assert deploy().exit_code == 0
    components = aws.sagemaker.components.found
    components |= {
        "on-it": Component("newsclf-news"),
        "tagged": Component("elsewhere"),
        "stranger": Component("elsewhere"),
    }
    for name in ("tagged", "long-gone"):
        arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:inference-component/{name}"
        aws.services.ghosts[arn] = [{"Key": "newsclf:deployment", "Value": "news"}]
    aws.services.tags_lag = True

    result = newsclf("teardown")

    assert result.exit_code == 0, result.err
    assert_printed("aws.md", "newsclf teardown", result)
    assert list(components) == ["stranger"]
    assert aws.world.left() == []


def test_one_that_may_not_be_deleted_keeps_the_endpoint(
    aws: FakeAws, newsclf: Cli, deploy: Deploy
) -> None:
    assert deploy().exit_code == 0
    aws.sagemaker.components.found["on-it"] = Component("newsclf-news")
    aws.refuse = {"DeleteInferenceComponent": "not authorized to delete it"}

    failed = newsclf("teardown")
    assert failed.exit_code == 1
    assert "inference component newsclf-news/*" in failed.err
    assert "us-east-1 endpoint newsclf-news" in aws.world.left()

    aws.refuse = {}
    assert newsclf("teardown").exit_code == 0
    assert aws.world.left() == []
