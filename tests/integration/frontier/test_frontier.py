"""`newsclf frontier` and `newsclf cost --rate` on tiny models behind their real servers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from newsclf.model.card import read_card, write_card
from tests.conftest import Cli
from tests.support.processes import started

pytestmark = pytest.mark.serial
QUICK = ("--rounds", "1", "--users", "2", "--warmup", "0.3s", "--duration", "2s")
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def models(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models that answer alike, and a teacher without an int8 file."""
    folder = tmp_path_factory.mktemp("models")
    for name in ("one", "two", "teacher"):
        shutil.copytree(trained / "model", folder / name)
        _, card = read_card(folder / name)
        files = dict(card.files)
        if name == "two":  # another model by its digest
            files["training.svg"] = "0" * 64
        if name == "teacher":
            (folder / name / "model.onnx").unlink()
            del files["model.onnx"]
        write_card(folder / name, card.model_copy(update={"files": files}))
    return folder


def speed_files() -> dict[str, int]:
    return {str(p): p.stat().st_mtime_ns for p in Path(".newsclf").rglob("start-up.json")}


def test_models_are_compared_and_one_is_chosen(newsclf: Cli, models: Path) -> None:
    result = newsclf("frontier", models, "--teacher", models / "teacher", "--delta", 0.2, *QUICK)

    assert result.exit_code == 0, result.err
    assert "teacher is left out: it has no model.onnx" in result.err
    assert "default: " in result.out
    found = json.loads(Path(".newsclf/frontier/frontier.json").read_text(encoding="utf-8"))
    rows: dict[str, Any] = {row["name"]: row for row in found["models"]}
    assert rows.keys() == {"one", "two", "teacher"}
    assert found["part"] == "validation"
    assert found["chosen"] in ("one", "two")
    assert rows["teacher"]["speed"] is None
    assert rows["teacher"]["price"] is None
    for name in ("one", "two"):
        speed = rows[name]["speed"]
        assert speed["per_core_per_s"]["value"] > 0
        assert speed["percentiles_ms"]["p95"]["value"] > 0
        assert speed["start_up_s"] > 0
        assert speed["serving_bytes"] > 10_000
        assert rows[name]["price"]["usd_per_million"]["value"] > 0
        assert rows[name]["quality"]["against_teacher"]["not_worse"]
    assert Path(".newsclf/frontier/frontier.svg").read_text().startswith("<svg")
    assert list(Path(".newsclf/deployments").glob("*.json")) == []

    # The same again measures nothing; a plan is made from what is there.
    before = speed_files()
    again = newsclf(
        "frontier", models, "--teacher", models / "teacher", "--delta", 0.2, *QUICK, "--json"
    )
    assert speed_files() == before
    assert json.loads(again.out)["models"] == found["models"]
    planned = newsclf("cost", "--rate", "50/s", "--slo", "p50=5s", "--json")
    assert planned.exit_code == 0, planned.err
    plan = json.loads(planned.out)
    assert plan["best"]["model"] in ("one", "two")
    assert plan["best"]["instance"] == "ml.c5.large"
    shown = newsclf("cost", "--rate", "3000/min", "--slo", "p50=5s")
    assert "best: " in shown.out
    assert "runner-up: " in shown.out
    assert "not on ml.c5.large" in shown.err


def test_an_interrupted_one_goes_on(newsclf: Cli, models: Path) -> None:
    command = ["frontier", str(models / "one"), str(models / "two"), *QUICK]
    with started(
        [sys.executable, "-m", "newsclf", *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("poisson"):  # the first model's round is complete
                break
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
        assert process.wait(30) == 130, said
    assert "what was measured is kept" in said
    assert list(Path(".newsclf/deployments").glob("*.json")) == []
    kept = speed_files()
    assert len(kept) == 1

    assert newsclf(*command).exit_code == 0
    assert kept.items() <= speed_files().items()
    assert len(speed_files()) == 2


def test_mistakes_are_named(newsclf: Cli, models: Path, tmp_path: Path) -> None:
    of_frontier: list[tuple[tuple[object, ...], str]] = [
        ((models / "teacher",), "it has no model.onnx, which the server runs"),
        ((tmp_path,), "neither a model directory nor a folder with models"),
        ((models / "one", "--delta", 2), "--delta 0.02"),
        ((models / "one", "--sets", tmp_path), "--sets needs --on"),
        ((models / "one", "--part", "test", "--data", "headlines"), "has no such part"),
        ((models / "one", "--cores", 999), "--cores 999: this machine has"),
        ((models / "one", "--instance", "ml.c5.lrage"), "ml.c5.large"),
    ]
    for arguments, words in of_frontier:
        result = newsclf("frontier", *arguments)
        assert result.exit_code in (2, 3)
        assert words in result.err
    of_cost: list[tuple[tuple[object, ...], str]] = [
        ((), "no load test yet"),
        (("--slo", "p95=1s"), "--slo needs --rate"),
        (("--rate", "fast"), "is not a rate"),
        (("--rate", "5/s", "--volume", "1e6"), "--volume cannot be combined with --rate"),
        (("--rate", "5/s"), "nothing was measured yet"),
    ]
    for arguments, words in of_cost:
        result = newsclf("cost", *arguments)
        assert result.exit_code != 0
        assert words in result.err
