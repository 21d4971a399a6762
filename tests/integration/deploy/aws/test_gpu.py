"""Endpoints on instances with a GPU: the container, archive and settings that they get."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.sagemaker.models import sagemaker_backends

from newsclf.deploy.records import AwsDeployment
from newsclf.deploy.store import Deployments
from tests.conftest import Cli
from tests.support.fakeaws.fixtures import REGION


def resources() -> tuple[dict[str, Any], dict[str, Any]]:
    """The container of the one model, and the variant of the one endpoint configuration."""
    backend = sagemaker_backends[ACCOUNT][REGION]
    (config,) = backend.endpoint_configs.values()
    (model,) = backend._models.values()  # noqa: SLF001 - moto has no other way to read it whole
    (variant,) = config.production_variants
    return model.primary_container, variant


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("instance", "workers", "usd_per_hour"),
    [("ml.g5.xlarge", "4", 1.408), ("ml.g6.xlarge", "4", 1.1267)],
)
def test_a_gpu_gets_its_container_its_archive_and_workers(
    newsclf: Cli, trained: Path, instance: str, workers: str, usd_per_hour: float
) -> None:
    result = newsclf(
        "deploy", "--model", trained / "model", "--instance", instance, "--max", 2, "--yes"
    )

    assert result.exit_code == 0, result.err
    container, variant = resources()
    assert "-gpu-py312-cu124-" in container["Image"]
    assert container["Environment"]["SAGEMAKER_MODEL_SERVER_WORKERS"] == workers
    assert variant["InferenceAmiVersion"] == "al2-ami-sagemaker-inference-gpu-3-1"
    spec = Deployments(Path(".newsclf")).get_of(AwsDeployment, "news").spec
    assert spec.usd_per_hour == usd_per_hour
    (shown,) = json.loads(newsclf("status", "--json").out)
    assert shown["usd_per_hour"] == usd_per_hour
    assert newsclf("teardown", "--yes").exit_code == 0


def test_a_template_has_the_same_and_names_the_archive(newsclf: Cli, trained: Path) -> None:
    result = newsclf(
        *("deploy", "--model", trained / "model", "--instance", "ml.g6.xlarge"),
        *("--region", REGION, "--export", "cloudformation"),
    )

    assert result.exit_code == 0, result.err
    assert "al2-ami-sagemaker-inference-gpu-3-1" in result.out
    assert "newsclf package --gpu" in result.err


def test_what_a_cpu_measured_is_not_priced_as_a_gpu(newsclf: Cli, trained: Path) -> None:
    shutil.copytree(trained / "model", "model")
    for command in (
        ("loadtest", "--instances", "local:1", "--price-as"),
        ("frontier", "model", "--instance"),
    ):
        refused = newsclf(*command, "ml.g5.xlarge")
        assert refused.exit_code == 2, refused.err
        assert "no GPU was measured here" in refused.err
        assert "newsclf loadtest --instances ml.g5.xlarge" in refused.err


@pytest.mark.usefixtures("aws")
def test_inference_recommender_is_not_asked_for_a_gpu(newsclf: Cli, trained: Path) -> None:
    shutil.copytree(trained / "model", "model")
    refused = newsclf(
        "loadtest", "--instances", "ml.g5.xlarge", "--recommender", "--region", REGION
    )

    assert refused.exit_code == 2
    assert "leave --recommender out" in refused.err
