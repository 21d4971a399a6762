"""The stock containers: which there are, and what they run on."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from newsclf.common.errors import ConfigError
from newsclf.deploy.aws.images import (
    SERVING_REGIONS,
    TRAINING_REGIONS,
    check_serves,
    inference_ami,
    stock_image,
    training_image,
)


@pytest.mark.parametrize(
    ("file", "versions", "regions", "image"),
    [
        ("huggingface.json", ("inference", "5.5.3", "pytorch2.6.0"), SERVING_REGIONS, stock_image),
        ("pytorch-amzn2023.json", ("training", "2.13"), TRAINING_REGIONS, training_image),
    ],
)
def test_regions_and_registries_are_those_of_the_sagemaker_package(
    file: str, versions: tuple[str, ...], regions: frozenset[str], image: Any
) -> None:
    package = find_spec("sagemaker")
    if package is None:
        pytest.skip("needs: pip install '.[sagemaker]'")
    folders = [Path(each) for each in package.submodule_search_locations or ()]
    path = next(p for each in folders for p in each.glob(f"**/image_uri_config/{file}"))
    listed = json.loads(path.read_text(encoding="utf-8"))
    listed = listed[versions[0]]["versions"]
    for version in versions[1:]:
        listed = listed[version]
    commercial = {
        region: registry
        for region, registry in listed["registries"].items()
        if not region.startswith(("cn-", "us-gov-", "us-iso", "eu-isoe", "eusc-"))
    }

    assert regions == set(commercial)
    for region, registry in commercial.items():
        uri = image(region, "ml.m5.large")
        assert uri.startswith(f"{registry}.dkr.ecr.{region}.amazonaws.com/")
        assert listed.get("repository", "pytorch") in uri


@pytest.mark.parametrize("instance", ["ml.p2.xlarge", "ml.p3.2xlarge", "ml.p3dn.24xlarge"])
def test_a_gpu_that_the_training_image_s_cuda_has_given_up_is_refused(instance: str) -> None:
    with pytest.raises(ConfigError, match="too old for the CUDA 13") as raised:
        training_image("us-east-1", instance)

    assert "ml.g5.xlarge" in (raised.value.hint or "")


@pytest.mark.parametrize("instance", ["ml.g4dn.xlarge", "ml.g5.xlarge", "ml.p4d.24xlarge"])
def test_other_gpus_get_the_training_image_with_cuda(instance: str) -> None:
    assert "-cu133-" in training_image("us-east-1", instance)


@pytest.mark.parametrize(
    "instance",
    ["ml.inf1.xlarge", "ml.inf2.xlarge", "ml.trn1.2xlarge"],
)
def test_serving_on_an_accelerator_that_would_be_idle_is_refused(instance: str) -> None:
    with pytest.raises(ConfigError, match="would be idle") as raised:
        stock_image("us-east-1", instance)

    assert "ml.c7i.large" in (raised.value.hint or "")
    assert "--image" in (raised.value.hint or "")


@pytest.mark.parametrize("instance", ["ml.g5.xlarge", "ml.g5.16xlarge", "ml.g6.2xlarge"])
def test_a_gpu_is_served_by_the_image_and_ami_of_its_cuda(instance: str) -> None:
    image = stock_image("us-east-1", instance)

    assert "-gpu-py312-cu124-" in image
    assert inference_ami(image) == "al2-ami-sagemaker-inference-gpu-3-1"  # CUDA 12.4
    assert inference_ami(stock_image("us-east-1", "ml.c5.large")) is None
    if find_spec("sagemaker") is not None:
        from sagemaker.core import image_uris

        listed = image_uris.retrieve(
            framework="huggingface",
            region="us-east-1",
            version="5.5.3",
            base_framework_version="pytorch2.6.0",
            py_version="py312",
            instance_type=instance,
            image_scope="inference",
        )
        assert image == listed


@pytest.mark.parametrize(
    "instance", ["ml.g4dn.xlarge", "ml.g5.12xlarge", "ml.g6e.xlarge", "ml.p4d.24xlarge"]
)
def test_other_gpus_do_not_serve(instance: str) -> None:
    with pytest.raises(ConfigError, match="one GPU that computes in bfloat16") as raised:
        stock_image("us-east-1", instance)

    assert "ml.g6.xlarge" in (raised.value.hint or "")


def test_an_image_serves_only_on_what_it_is_for() -> None:
    gpu, cpu = stock_image("us-east-1", "ml.g5.xlarge"), stock_image("us-east-1", None)

    for image, instance, said in (
        (cpu, "ml.g5.xlarge", "no CUDA"),
        (gpu, "ml.c5.large", "has no GPU"),
        (gpu, None, "serverless inference: it has no GPU"),
    ):
        with pytest.raises(ConfigError, match=said):
            check_serves(image, instance)


@pytest.mark.parametrize("instance", ["ml.c7g.large", "ml.m6gd.large", "ml.r8g.large"])
def test_graviton_is_refused_by_both(instance: str) -> None:
    for image in (stock_image, training_image):
        with pytest.raises(ConfigError, match="ARM"):
            image("us-east-1", instance)


def test_a_region_without_an_image_says_which_have_one() -> None:
    for region in ("mx-central-1", "cn-north-1"):
        with pytest.raises(ConfigError, match=f"is known in {region}") as raised:
            stock_image(region, None)
        assert "me-central-1" in (raised.value.hint or "")
    with pytest.raises(ConfigError, match="no stock image is known in cn-north-1"):
        training_image("cn-north-1", "ml.m5.large")
