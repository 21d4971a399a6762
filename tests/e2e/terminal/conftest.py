"""A real terminal: tmux, in which the review is driven."""

from __future__ import annotations

import shutil

import pytest


@pytest.fixture(scope="session")
def tmux() -> str:
    found = shutil.which("tmux")
    if found is None:
        pytest.fail("tmux is not installed: apt-get install tmux")
    return found
