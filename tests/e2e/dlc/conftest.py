"""The archive that the container's toolkit is given."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.dlc.toolkit import PYTHON


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--model", type=Path, help="model directory to test instead of a tiny one")


@pytest.fixture(scope="session")
def model(request: pytest.FixtureRequest) -> Path:
    """The model directory that is tested."""
    named: Path | None = request.config.getoption("--model", default=None)
    if named is not None:
        return named
    trained: Path = request.getfixturevalue("trained")
    return trained / "model"


@pytest.fixture(scope="session")
def archive(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made by the real command, of the real wheels; those stay in `.venv-dlc/wheels`."""
    out = tmp_path_factory.mktemp("archive") / "model.tar.gz"
    command: list[str | Path] = [
        "package",
        model,
        "--out",
        out,
        "--state-dir",
        PYTHON.parents[1],
    ]
    subprocess.run([sys.executable, "-m", "newsclf", *command], check=True)
    return out


@pytest.fixture(scope="module")
def ml() -> Iterator[Path]:
    """What is /opt/ml in the container; unlike pytest's own folders, everyone may look into it."""
    folder = Path(tempfile.mkdtemp(prefix="opt-ml-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)
