"""The Dockerfile, as far as it goes without an engine: what it copies, and what it starts."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import yaml

from tests.support.documented import assert_printed

ROOT = Path(__file__).parents[3]
DOCKERFILE = (ROOT / "container" / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", "")


def instruction(pattern: str) -> re.Match[str]:
    found = re.search(pattern, DOCKERFILE, flags=re.MULTILINE)
    assert found is not None, pattern
    return found


@pytest.fixture
def environment(trained: Path, tmp_path: Path) -> dict[str, str]:
    """What the container's process finds around it: `newsclf` on the path, a model, a port."""
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "newsclf"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m newsclf "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    (tmp_path / "ml").mkdir()
    (tmp_path / "ml" / "model").symlink_to(trained / "model")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    return {
        **os.environ,
        "PATH": f"{command.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "SAGEMAKER_BASE_DIR": str(tmp_path / "ml"),
        "SAGEMAKER_BIND_TO_PORT": str(port),
    }


def entry_point() -> Path:
    """The script in the checkout that the image starts."""
    words = json.loads(instruction(r"^ENTRYPOINT (\[.*\])$")[1])  # exec form is JSON
    source = instruction(rf"^COPY (\S+) {re.escape(words[0])}$")[1]
    return ROOT / source


def test_the_build_stage_has_all_that_the_package_is_built_from(tmp_path: Path) -> None:
    build_stage = DOCKERFILE.split("\nFROM ")[1]
    for words in re.findall(r"^COPY (.+)$", build_stage, flags=re.MULTILINE):
        *sources, target = words.split()
        for source in sources:
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, tmp_path / target)
            else:
                shutil.copy(ROOT / source, tmp_path / target)

    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )

    assert built.returncode == 0, built.stderr


def test_what_is_copied_is_not_ignored() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    kept = {line.removeprefix("!") for line in lines if line.startswith("!")}
    sources = {
        source
        for words in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, flags=re.MULTILINE)
        for source in words.split()[:-1]
    }

    assert sources == kept


@pytest.mark.parametrize("arguments", [["serve"], []])
def test_the_entry_point_serves_is_healthy_and_stops_on_sigterm(
    environment: dict[str, str], arguments: list[str]
) -> None:
    check = json.loads(instruction(r"^HEALTHCHECK .*CMD (\[.*\])$")[1])
    process = subprocess.Popen(
        [entry_point(), *arguments], env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        url = f"http://127.0.0.1:{environment['SAGEMAKER_BIND_TO_PORT']}"
        deadline = time.monotonic() + 60
        while subprocess.run(check, env=environment, capture_output=True, check=False).returncode:
            assert time.monotonic() < deadline, "the health check does not succeed"
            assert process.poll() is None
        assert httpx.post(f"{url}/invocations", json={"inputs": "Profit rose"}).status_code == 200
        assert httpx.get(url).status_code == 404, "the page is for people at this machine"
        assert httpx.post(f"{url}/classify", json={"headline": "Profit"}).status_code == 404
        # The shell has given its place to the server: what is process 1 gets the signal.
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
        assert process.returncode == 0
        command = 'SAGEMAKER_BASE_DIR="$PWD/ml" SAGEMAKER_BIND_TO_PORT=8080 container/serve'
        assert_printed("serving.md", command, said)
    finally:
        process.kill()
        process.wait()
    assert subprocess.run(check, env=environment, capture_output=True, check=False).returncode


def test_no_other_command_is_taken(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [entry_point(), "train"], env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert "the only command of this image is 'serve', not 'train'" in done.stderr


def test_the_base_is_pinned_and_the_port_label_is_there() -> None:
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, flags=re.MULTILINE)) == {
        "python:3.12-slim-bookworm"
    }
    instruction(r"^LABEL com.amazonaws.sagemaker.capabilities.accept-bind-to-port=true$")
    instruction(r"^USER ")


def test_compose_runs_the_image_closed() -> None:
    """The server has no key, so it listens on loopback, and can write and do nothing else."""
    (service,) = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"].values()

    assert (ROOT / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
    exposed = instruction(r"^EXPOSE (\d+)$")[1]
    assert service["ports"] == [f"127.0.0.1:${{PORT:-8080}}:{exposed}"]
    (model,) = service["volumes"]
    assert model["target"] == "/opt/ml/model"
    assert model["read_only"]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert "privileged" not in service
