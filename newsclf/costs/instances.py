"""Instance types of SageMaker: vCPUs, GPUs, and the sizes of a family."""

from __future__ import annotations

import re
from typing import Final

from newsclf.common.errors import ConfigError

_GPU: Final = re.compile(r"ml\.(p\d+[a-z]*|g\d+(dn|e)?)\.")
"""p and g families; a g behind the generation, as in c7g, is Graviton."""
_MOST_ON_A_GPU: Final = 8
"""Processes that share a GPU of 24 GB: each takes up to 1 GB for CUDA and a model of 400 MB, and
half a GB for a batch."""
_VCPUS: Final = {"medium": 2, "large": 2, "xlarge": 4}


def vcpus(instance: str) -> int:
    """The vCPUs of an instance, by AWS's rule of sizes: large 2, xlarge 4, Nxlarge 4 N.

    Raises:
        ConfigError: the size is not known.
    """
    size = instance.rpartition(".")[2]
    if many := re.fullmatch(r"(\d+)xlarge", size):
        return 4 * int(many[1])
    if size not in _VCPUS:
        raise ConfigError(f"{instance}: how many vCPUs that size has is not known")
    return _VCPUS[size]


def family(instance: str) -> str:
    """The family of an instance: `ml.c5` of `ml.c5.large`."""
    return instance.rpartition(".")[0]


def has_gpu(instance: str) -> bool:
    """Whether an instance has NVIDIA GPUs."""
    return _GPU.match(instance) is not None


def workers(instance: str) -> int:
    """Requests that an endpoint's instance answers at once: one for each vCPU, on a GPU at most 8.

    Raises:
        ConfigError: the size is not known.
    """
    return min(vcpus(instance), _MOST_ON_A_GPU) if has_gpu(instance) else vcpus(instance)


def check_measured_on_cpu(instance: str | None, option: str) -> None:
    """Raise ConfigError if what was measured on CPUs is to be priced as an instance with a GPU."""
    if instance is not None and has_gpu(instance):
        raise ConfigError(
            f"{option} {instance}: it serves with its GPU, and no GPU was measured here",
            hint=f"newsclf loadtest --instances {instance} measures it on AWS, and newsclf cost"
            " prices what it finds",
        )
