"""The demo, with a tiny base in place of MiniLM: every step runs, and nothing stays up."""

from __future__ import annotations

import shutil
from pathlib import Path

import psutil
import pytest

from newsclf.core import settings
from tests.conftest import Cli


def test_the_demo_runs_the_whole_life_and_leaves_only_its_results(
    trained: Path, newsclf: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "shipped_config", lambda _: trained / "tiny.toml")

    result = newsclf("demo")

    assert result.exit_code == 0, result.err
    for command in ("train", "evaluate", "deploy", "wire-api", "predict", "status", "teardown"):
        assert f"$ newsclf {command}" in result.err
    assert "/classify\n" in result.err.partition("deployment news at http://127.0.0.1:")[2]
    assert "healthy" in result.out
    assert result.out.count("▸") == 3
    assert Path(".newsclf/demo/model/evaluation/report.html").is_file()
    assert not list(Path(".newsclf/demo/state/deployments").glob("*.json"))
    here = [p for p in psutil.Process().children(recursive=True) if "newsclf" in p.name()]
    assert here == []

    again = newsclf("demo")
    assert again.exit_code == 0, again.err


def test_a_demo_elsewhere_replaces_no_model(
    trained: Path, newsclf: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "shipped_config", lambda _: trained / "tiny.toml")
    shutil.copytree(trained / "model", "model")
    card = Path("model/card.json").read_bytes()

    result = newsclf("demo", "--out", ".")

    assert result.exit_code == 2
    assert "model already exists" in result.err
    assert Path("model/card.json").read_bytes() == card
