"""AWS's stock containers for serving and training, by region.

Serving: Amazon's Hugging Face PyTorch inference images for CPUs and for GPUs. Source: the
`sagemaker` package's image_uri_config/huggingface.json (tags, registries), read 2026-11-27; AWS
Deep Learning Containers, Dockerfile of 2.6 for CPU (Python 3.12, x86-64), read 2026-11-22.

Training: Amazon's PyTorch images for SageMaker; the Hugging Face ones are for GPUs alone. Source:
image_uri_config/pytorch-amzn2023.json (same registries); AWS Deep Learning Containers,
docs/src/data/pytorch/2.13-{cpu,cuda}-sagemaker.yml (Python 3.12; patched until 2027-07-20) and
docker/pytorch/2.13 (torch 2.13.0, and pip for the rest), read 2026-11-22.

A test compares the regions with those of the `sagemaker` package.
"""

from __future__ import annotations

import re

from newsclf.common.errors import ConfigError
from newsclf.costs.instances import has_gpu

_CPU_TRAINING_TAG = "pytorch:2.13.0-cpu-amzn2023-sagemaker"
_GPU_TRAINING_TAG = "pytorch:2.13.0-cu133-amzn2023-sagemaker"
_TAG = "huggingface-pytorch-inference:2.6.0-transformers5.5.3-cpu-py312-ubuntu22.04"
_GPU_TAG = "huggingface-pytorch-inference:2.6.0-transformers5.5.3-gpu-py312-cu124-ubuntu22.04"
_GPU_AMI = "al2-ami-sagemaker-inference-gpu-3-1"
"""The AMI with the driver (550) for that image's CUDA 12.4. Source: API of SageMaker,
ProductionVariant, read 2026-11-27."""
_GPU_BATCH_AMI = "al2-ami-sagemaker-batch-gpu-535"
"""The AMI of a batch job with the newest driver (535), which runs any CUDA 12 (NVIDIA's "CUDA
Compatibility", minor versions). Source: API of SageMaker, TransformResources, read 2026-11-27."""
_MAIN = "763104351884"
_MAIN_REGIONS = (
    "us-east-1 us-east-2 us-west-1 us-west-2 ca-central-1 sa-east-1 eu-central-1 eu-north-1"
    " eu-west-1 eu-west-2 eu-west-3 ap-northeast-1 ap-northeast-2 ap-south-1"
    " ap-southeast-1 ap-southeast-2"
)
"""Regions with the main registry; newer ones have registries of their own."""
_REGISTRIES = {
    **dict.fromkeys(_MAIN_REGIONS.split(), _MAIN),
    "af-south-1": "626614931356",
    "ap-east-1": "871362719292",
    "ap-east-2": "975050140332",
    "ap-northeast-3": "364406365360",
    "ap-south-2": "772153158452",
    "ap-southeast-3": "907027046896",
    "ap-southeast-4": "457447274322",
    "ap-southeast-5": "550225433462",
    "ap-southeast-6": "633930458069",
    "ap-southeast-7": "590183813437",
    "ca-west-1": "204538143572",
    "eu-central-2": "380420809688",
    "eu-south-1": "692866216735",
    "eu-south-2": "503227376785",
    "il-central-1": "780543022126",
    "me-central-1": "914824155844",
    "me-south-1": "217643126080",
    "me-west-1": "124382933778",
    "mx-central-1": "637423239942",
}
_ONLY_TRAINING = {
    "ap-east-2",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "me-west-1",
    "mx-central-1",
}
"""Regions for which the `sagemaker` package lists no registry of the image for serving."""
TRAINING_REGIONS = frozenset(_REGISTRIES)
SERVING_REGIONS = TRAINING_REGIONS - _ONLY_TRAINING
_IMAGE = re.compile(r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com/([^:@]+)[:@].+")
_GRAVITON = re.compile(r"ml\.[a-z]+\d+g[a-z]*\.")
_FOR_CPUS = re.compile(r"[:-]cpu(-|$)")
"""How Amazon names its images for CPUs."""
_SERVING_GPU = re.compile(r"ml\.g[56]\.(|[248]|16)xlarge")
"""A10G and L4, which compute in bfloat16: the sizes that have one GPU."""
_TOO_OLD = re.compile(r"ml\.p[23][a-z]*\.")
"""GPUs that CUDA 13 no longer supports: K80 and V100 (CUDA 13.0's release notes)."""
_OTHER_ACCELERATOR = re.compile(r"ml\.(trn|inf)\d")
_OTHER_INSTANCE = "choose an instance such as ml.c7i.large, or name an image with --image"


def stock_image(region: str, instance: str | None) -> str:
    """The stock image for serving, for which `newsclf package` makes archives.

    Raises:
        ConfigError: none is known in the region, or it does not run on the instance or cannot use
            its accelerator.
    """
    if region in _ONLY_TRAINING:
        raise ConfigError(
            f"no stock image for serving is known in {region}",
            hint="name one with --image, such as a copy of another region's in a repository of your"
            f" own; known regions: {', '.join(sorted(SERVING_REGIONS))}",
        )
    is_gpu = instance is not None and has_gpu(instance)
    image = _stock(region, instance, _GPU_TAG if is_gpu else _TAG)
    check_serves(image, instance)
    return image


def check_serves(image: str, instance: str | None) -> None:
    """Raise ConfigError if an image is known not to be suitable for the instance."""
    is_gpu = instance is not None and has_gpu(instance)
    if is_gpu and (image.endswith(_TAG) or _FOR_CPUS.search(image)):
        raise ConfigError(
            f"{instance}: its GPU would be idle, since the image has no CUDA: {image}",
            hint="leave --image out, or choose an instance such as ml.c7i.large",
        )
    if image.endswith(_GPU_TAG) and not is_gpu:
        raise ConfigError(
            f"{instance or 'serverless inference'}: it has no GPU, and the image and the archive"
            " are for one",
            hint="choose an instance such as ml.g6.xlarge",
        )
    if instance is None or not image.endswith((_TAG, _GPU_TAG)):
        return
    if is_gpu and not _SERVING_GPU.fullmatch(instance):
        raise ConfigError(
            f"{instance}: newsclf serves on one GPU that computes in bfloat16",
            hint="ml.g6.xlarge or ml.g5.xlarge, more of them with --min and --max, or an image of"
            " your own with --image",
        )
    if _OTHER_ACCELERATOR.match(instance):
        raise ConfigError(
            f"{instance}: its accelerator would be idle, since the stock image and the archive"
            " are for CPUs and NVIDIA GPUs",
            hint=_OTHER_INSTANCE,
        )
    _check_processor(instance)


def inference_ami(image: str) -> str | None:
    """The AMI that an image needs on its instances; None: SageMaker's default will do."""
    return _GPU_AMI if image.endswith(_GPU_TAG) else None


def batch_ami(image: str) -> str | None:
    """The AMI that an image needs in batch jobs; None: SageMaker's default will do."""
    return _GPU_BATCH_AMI if image.endswith(_GPU_TAG) else None


def training_image(region: str, instance: str) -> str:
    """The image that a training job runs in, with PyTorch for the instance's CPU or GPU.

    Raises:
        ConfigError: none is known in the region, or for such an instance.
    """
    if _OTHER_ACCELERATOR.match(instance):
        raise ConfigError(
            f"{instance}: its accelerator needs a build of PyTorch that newsclf does not know",
            hint="choose an instance such as ml.m5.xlarge or ml.g5.xlarge",
        )
    if _TOO_OLD.match(instance):
        raise ConfigError(
            f"{instance}: its GPU is too old for the CUDA 13 of the training image",
            hint="choose an instance such as ml.g5.xlarge, or name an image with --image",
        )
    return _stock(region, instance, _GPU_TRAINING_TAG if has_gpu(instance) else _CPU_TRAINING_TAG)


def _stock(region: str, instance: str | None, tag: str) -> str:
    registry = _REGISTRIES.get(region)
    if registry is None:
        raise ConfigError(
            f"no stock image is known in {region}",
            hint=f"name one with --image; known regions: {', '.join(sorted(_REGISTRIES))}",
        )
    _check_processor(instance)
    return f"{registry}.dkr.ecr.{region}.amazonaws.com/{tag}"


def _check_processor(instance: str | None) -> None:
    # g4dn and g5 have GPUs and x86; a g after the generation is Graviton.
    if instance is not None and _GRAVITON.match(instance):
        raise ConfigError(
            f"{instance} has an ARM processor, and the stock images and the archive are for x86-64",
            hint=_OTHER_INSTANCE,
        )


def repository_arn(image: str) -> str:
    """The ARN of the ECR repository of an image.

    Raises:
        ConfigError: it is not in ECR, from which SageMaker takes images.
    """
    found = _IMAGE.fullmatch(image)
    if found is None:
        raise ConfigError(
            f"--image {image}: not an image of ECR with a tag or digest",
            hint="ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY:TAG",
        )
    account, region, repository = found.groups()
    return f"arn:aws:ecr:{region}:{account}:repository/{repository}"
