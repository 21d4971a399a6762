"""Files in the working directory are data and never run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from newsclf.deploy.local.target import LocalTarget
from newsclf.deploy.store import Deployments
from tests.conftest import Cli
from tests.support.builders import build_serving_model
from tests.support.runs import assert_complete

PLANTED = (
    "newsclf",
    "lambda_src",
    "awslambdaric",
    "multiprocessing",
    "struct",
    "pip",
    "json",
    "uvloop",
    "sitecustomize",
)


@pytest.fixture
def planted(tmp_path: Path) -> Iterator[Path]:
    """Folder in which each planted file leaves its name when it is run."""
    ran = tmp_path / "ran"
    ran.mkdir()
    for name in PLANTED:
        code = f"open({str(ran / name)!r}, 'w').close()\n"
        Path(f"{name}.py").write_text(code, encoding="utf-8")
    yield ran
    target = LocalTarget(Path(".newsclf"))
    for name in Deployments(Path(".newsclf")).names():
        target.teardown(name)


def test_no_file_of_the_working_directory_is_run(
    planted: Path, newsclf: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_serving_model(Path("model"))
    commands = [
        ("deploy", "--workers", 1),
        ("wire-api", "--auth", "none", "--runtimes", 1),
        ("predict", "--deployment", "news", "Profit rose"),
        (
            "loadtest",
            "--deployment",
            "news",
            "--warmup",
            0.2,
            "--duration",
            1,
            "--concurrency",
            1,
            "--yes",
        ),
    ]
    for command in commands:
        if command[0] == "wire-api":
            with monkeypatch.context() as patched:
                patched.setattr("newsclf.deploy.local.target._GATEWAY", "newsclf.common.errors")
                failed = newsclf(*command)
            # Its log is there to be read, while the server has nothing to do with it.
            assert (failed.exit_code, failed.err.splitlines()[-1]) == (
                4,
                "hint: newsclf logs --deployment news --api shows more of the API's log",
            )
        done = newsclf(*command)
        if command[0] == "loadtest":
            (measured,) = assert_complete(done)["points"]
            assert set(measured["outcomes"]) == {"OK"}
        else:
            assert done.exit_code == 0, done.err

    assert list(planted.iterdir()) == []
