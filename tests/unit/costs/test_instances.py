"""Instance types of SageMaker."""

from __future__ import annotations

import pytest

from newsclf.common.errors import ConfigError
from newsclf.costs.instances import family, vcpus


def test_vcpus_follow_the_size() -> None:
    sizes = ("ml.c5.large", "ml.c5.xlarge", "ml.c5.2xlarge", "ml.m7i.48xlarge")
    assert [vcpus(size) for size in sizes] == [2, 4, 8, 192]
    with pytest.raises(ConfigError, match=r"ml\.c5\.metal"):
        vcpus("ml.c5.metal")


def test_a_family_is_all_but_the_size() -> None:
    assert family("ml.c6i.2xlarge") == "ml.c6i"
