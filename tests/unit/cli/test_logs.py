"""What `newsclf logs` shows of a deployment's log."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from newsclf.cli.deployments import logs as command
from newsclf.deploy.records import LocalDeployment
from newsclf.deploy.store import Deployments
from tests.conftest import Cli


@pytest.fixture
def gateway_log() -> Path:
    """The log of the gateway of a recorded deployment."""
    process = {"status": "ready", "port": 9, "pid": None}
    deployment = LocalDeployment.model_validate(
        {
            "name": "news",
            "target": "local",
            "created": "2026-01-02T03:04:05+00:00",
            "model": "model",
            "model_digest": "ab",
            "folder": ".newsclf/run/news",
            "server": process,
            "api": process | {"auth": "none"},
        }
    )
    recorded = Deployments(Path(".newsclf"))
    recorded.save(deployment)
    found = recorded.get("news")
    assert isinstance(found, LocalDeployment)
    found.gateway_log.parent.mkdir(parents=True, exist_ok=True)
    return found.gateway_log


def test_metrics_are_left_out_unless_asked_for(gateway_log: Path, newsclf: Cli) -> None:
    metrics = json.dumps({"_aws": {"Timestamp": 1}})
    gateway_log.write_text(f"a line\n{metrics}\nPOST /classify 200\n", encoding="utf-8")

    assert newsclf("logs", "--api").out == "a line\nPOST /classify 200\n"
    assert metrics in newsclf("logs", "--api", "--raw").out
    assert newsclf("logs", "--api", "-n", 1).out == "POST /classify 200\n"


def test_new_lines_are_followed(gateway_log: Path) -> None:
    gateway_log.write_text("first\n", encoding="utf-8")
    followed: Iterator[str] = command._lines(gateway_log, 10, follow=True)  # noqa: SLF001

    assert next(followed) == "first"
    with gateway_log.open("a", encoding="utf-8") as file:
        file.write("second\nthird\n")
    assert list(itertools.islice(followed, 2)) == ["second", "third"]


def test_a_line_cannot_drive_the_terminal(gateway_log: Path, newsclf: Cli) -> None:
    gateway_log.write_bytes(b"\x1b[2J" + os.urandom(16) + b"\n")

    assert "\x1b" not in newsclf("logs", "--api").out
