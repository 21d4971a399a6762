"""What `newsclf logs` shows of a deployment's log."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path

import pytest

from newsclf.deploy.local.gateway.app import rotate
from newsclf.deploy.local.target import LocalTarget
from newsclf.deploy.records import LocalDeployment
from newsclf.deploy.store import Deployments
from tests.conftest import Cli

STATE = Path(".newsclf")


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
            "workers": 1,
            "api": process | {"auth": "none", "runtimes": 1, "rate_per_s": 1.0, "burst": 1},
        }
    )
    recorded = Deployments(STATE)
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


def test_new_lines_are_followed_also_where_the_log_begins_anew(gateway_log: Path) -> None:
    gateway_log.write_text("first\n", encoding="utf-8")
    deployment = Deployments(STATE).get_of(LocalDeployment, "news")
    followed = LocalTarget(STATE).log(deployment, 10, api=True, follow=True)

    assert next(followed) == "first"
    with gateway_log.open("a", encoding="utf-8") as file:
        file.write("second\nthird\n")
    assert list(itertools.islice(followed, 2)) == ["second", "third"]

    rotate(gateway_log, at_most_bytes=10)
    assert gateway_log.with_name("gateway.log.1").read_text("utf-8") == "first\nsecond\nthird\n"
    with gateway_log.open("a", encoding="utf-8") as file:
        file.write("4th\n")
    assert next(followed) == "4th"


def test_a_short_log_is_left_as_it_is(gateway_log: Path) -> None:
    gateway_log.write_text("a line\n", encoding="utf-8")

    rotate(gateway_log, at_most_bytes=7)

    assert gateway_log.read_text("utf-8") == "a line\n"
    assert not gateway_log.with_name("gateway.log.1").exists()


def test_a_line_cannot_drive_the_terminal(gateway_log: Path, newsclf: Cli) -> None:
    gateway_log.write_bytes(b"\x1b[2J" + os.urandom(16) + b"\n")

    assert "\x1b" not in newsclf("logs", "--api").out
