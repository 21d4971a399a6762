"""The default path, DistilBERT and PhraseBank from the Hub, against a Hub on loopback.

Each command runs in a process of its own with an empty home, as a user would run it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.builders import sample_as_phrasebank
from tests.support.hub import COMMIT, Hub, serve_hub
from tests.support.processes import started

Command = Callable[..., "subprocess.CompletedProcess[str]"]

FAST = """
[train]
epochs = 2
learning_rate = 2e-3
adversarial_step = 0.0
threads = 1
[optimize]
min_agreement = 0.9
max_accuracy_drop = 0.1
"""


@pytest.fixture(scope="module")
def hub(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    data = tmp_path_factory.mktemp("hub-data")
    (data / "data").mkdir()
    sample_as_phrasebank(data / "data" / "FinancialPhraseBank-v1.0.zip")
    with serve_hub(
        {
            "models/distilbert-base-uncased": tiny_base,
            "datasets/takala/financial_phrasebank": data,
        }
    ) as server:
        yield server


def environment(folder: Path, endpoint: str) -> dict[str, str]:
    """Environment of a user with an empty home and this Hub."""
    environ = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HF_", "NEWSCLF_", "XDG_"))
    }
    return environ | {"HOME": str(folder / "home"), "HF_ENDPOINT": endpoint}


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """Run `newsclf` in a process of its own, with an empty home and this Hub."""

    def run(endpoint: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "newsclf", *arguments],
            cwd=tmp_path,
            env=environment(tmp_path, endpoint),
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_distilbert_and_phrasebank_go_from_the_hub_to_a_prediction(
    hub: Hub, command: Command, tmp_path: Path
) -> None:
    (tmp_path / "fast.toml").write_text(FAST, encoding="utf-8")

    trained = command(hub.url, "train", "--config", "fast.toml", "--no-optimize")
    assert trained.returncode == 0, trained.stderr
    card = json.loads((tmp_path / "model" / "card.json").read_text(encoding="utf-8"))
    assert card["base"] == {"name": "distilbert-base-uncased", "revision": COMMIT}
    assert card["data"]["licence"] == "CC BY-NC-SA 3.0"
    assert "GET /datasets/takala/financial_phrasebank/resolve/" in " ".join(hub.requests)

    optimized = command(hub.url, "optimize", "--config", "fast.toml")
    assert optimized.returncode == 0, optimized.stderr

    # From here on the Hub is not needed: what was downloaded is in the cache.
    nowhere = "http://127.0.0.1:9"
    evaluated = command(nowhere, "evaluate", "--json")
    assert evaluated.returncode == 0, evaluated.stderr
    report = json.loads(evaluated.stdout)
    assert report["part"] == "test"
    assert {row["name"] for row in report["by_agreement"]} <= {"75–99 % agreed", "all agreed"}

    predicted = command(nowhere, "predict", "--json", "Profit rose by a third")
    assert predicted.returncode == 0, predicted.stderr
    scores = json.loads(predicted.stdout)["predictions"][0]["scores"]
    assert sum(scores.values()) == pytest.approx(1, abs=1e-5)


def test_a_run_goes_on_with_the_base_s_commit_that_it_began_with(
    tiny_base: Path, command: Command, tmp_path: Path
) -> None:
    (tmp_path / "fast.toml").write_text(FAST, encoding="utf-8")
    arguments = ["--config", "fast.toml", "--data", "sample", "--base", "org/base"]
    with serve_hub({"models/org/base": tiny_base}) as hub:
        with started(
            [sys.executable, "-m", "newsclf", "train", *arguments, "--epochs", "9"],
            cwd=tmp_path,
            env=environment(tmp_path, hub.url) | {"PYTHONUNBUFFERED": "1"},
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stderr is not None
            seen = next(line for line in process.stderr if "epoch 1 of" in line)
            process.send_signal(signal.SIGINT)
            _, rest = process.communicate(timeout=60)
            assert process.returncode == 130, seen + rest
        hub.commit = "decade" + "0" * 34

        resumed = command(hub.url, "train", "--resume")

    assert resumed.returncode == 0, resumed.stderr
    card = json.loads((tmp_path / "model" / "card.json").read_text(encoding="utf-8"))
    assert card["base"] == {"name": "org/base", "revision": COMMIT}


def test_a_hub_out_of_reach_is_an_error_that_says_what_to_pass(
    command: Command, tmp_path: Path
) -> None:
    nowhere = "http://127.0.0.1:9"
    shutil.rmtree(tmp_path / "home", ignore_errors=True)

    data = command(nowhere, "train")
    assert data.returncode == 5
    assert "error: the data set takala/financial_phrasebank could not be downloaded:" in data.stderr
    assert "127.0.0.1:9 can't be reached" in data.stderr
    assert "--data sample" in data.stderr
    assert len(data.stderr.splitlines()) == 2, data.stderr

    base = command(nowhere, "train", "--data", "sample")
    assert base.returncode == 5
    assert "error: the base model distilbert-base-uncased could not be downloaded" in base.stderr
    assert "--base minilm" in base.stderr
    assert not list(tmp_path.glob("model*"))


def test_a_model_that_the_hub_does_not_have_is_an_error(hub: Hub, command: Command) -> None:
    missing = command(hub.url, "train", "--data", "sample", "--base", "nobody/no-such-model")

    assert missing.returncode == 5
    assert "the base model nobody/no-such-model is not on the Hub" in missing.stderr
    assert "can't be reached" not in missing.stderr
    assert "Traceback" not in missing.stderr


def test_a_teacher_that_is_neither_here_nor_on_the_hub_is_named(hub: Hub, command: Command) -> None:
    missing = command(hub.url, "train", "--data", "sample", "--teacher", "models/old-teacher")

    assert missing.returncode == 5
    assert "error: --teacher models/old-teacher: no such model directory, and" in missing.stderr
    assert "models/old-teacher is not on the Hub" in missing.stderr
    assert "hint: name a model directory that newsclf train wrote" in missing.stderr
