"""Instance types of SageMaker: vCPUs, and the sizes of a family."""

from __future__ import annotations

import re
from typing import Final

from newsclf.common.errors import ConfigError

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
