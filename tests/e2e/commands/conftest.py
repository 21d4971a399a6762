"""Moments of creating a deployment, shared by the tests of interruptions."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.support.fakeaws.scenario import Moment, record_moments
from tests.support.fakeaws.server import FakeAws


@pytest.fixture(scope="module")
def _recorded() -> Iterator[list[Moment]]:
    yield []
    gc.unfreeze()


@pytest.fixture
def moments(aws: FakeAws, newsclf: Cli, archive: Path, _recorded: list[Moment]) -> list[Moment]:
    """All moments of one undisturbed run, recorded once for this module."""
    if not _recorded:
        _recorded += record_moments(aws, newsclf, archive)
        gc.freeze()  # else each collection goes through all the copies of what AWS holds
    return _recorded
