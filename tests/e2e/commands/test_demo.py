"""`newsclf demo` with a tiny base in place of MiniLM: every step runs, nothing keeps running."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import psutil
import pytest

from newsclf.cli.setup import demo_news
from newsclf.common import settings
from newsclf.watch.page import picture
from tests.conftest import Cli
from tests.support.processes import running_children


def test_the_demo_runs_the_whole_life_and_leaves_only_its_results(
    trained: Path, newsclf: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = settings.shipped_config
    monkeypatch.setattr(
        settings,
        "shipped_config",
        lambda name: trained / "tiny.toml" if name == "demo.toml" else shipped(name),
    )

    monkeypatch.setattr(picture, "find_browser", lambda: None)
    monkeypatch.setattr(demo_news, "DURATION", "6s")
    monkeypatch.setattr(demo_news, "_EVERY_S", 0.01)
    monkeypatch.setattr(demo_news, "_SETTLE_S", 0)

    before = set(running_children(psutil.Process(), "newsclf_log="))  # other tests' deployments
    result = newsclf("demo")

    assert result.exit_code == 0, result.err
    steps = ("train", "evaluate", "deploy", "wire-api", "predict", "loadtest", "teardown")
    for number, command in enumerate((*steps, "watch --page", "watch replay"), start=1):
        assert f"[{number}/9] $ newsclf {command}" in result.err
    assert result.out.count("▸") == 2
    lines = (result.out + result.err).splitlines()
    # The real model is trained for three epochs. A terminal shows the watch on a screen of its own.
    ran_on = re.compile(r", epoch |^\d{4}-\S+Z (headline|alert) ")
    others = [line for line in lines if line.strip() and not ran_on.search(line)]
    assert len(others) <= 80 - 3, result.out + result.err
    assert result.out.count("Z headline ") >= 20
    assert "all equal bit for bit" in result.err
    assert Path(".newsclf/demo/watch/signals.csv").is_file()
    assert Path(".newsclf/demo/model/evaluation/report.html").is_file()
    assert not list(Path(".newsclf/demo/state/deployments").glob("*.json"))
    assert set(running_children(psutil.Process(), "newsclf_log=")) <= before

    last = shlex.split(lines[-1].strip())
    assert last[:2] == ["newsclf", "predict"]
    own = newsclf(*last[1:-1], "Profit rose by a third")
    assert own.exit_code == 0, own.err
    assert "▸" in own.out

    opening = shlex.split(next(line for line in lines if line.startswith("  newsclf watch")))
    goes_on = newsclf(*opening[1:], "--port", "0", "--duration", "1s")
    assert goes_on.exit_code == 0, goes_on.err
    assert "the page is at http://127.0.0.1:" in goes_on.err

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


def test_a_demo_elsewhere_replaces_no_record(newsclf: Cli) -> None:
    Path("watch").mkdir()

    result = newsclf("demo", "--out", ".")

    assert result.exit_code == 2
    assert "watch already exists" in result.err
    assert not list(Path("watch").iterdir())
