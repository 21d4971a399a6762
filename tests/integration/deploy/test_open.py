"""`newsclf open`: the page of a deployment, and reports; with a browser and without one."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import httpx
import pytest

from newsclf.deploy.local.target import LocalTarget
from tests.conftest import Cli

_BROWSER = """#!{python}
import pathlib, sys
pathlib.Path({told!r}).write_text(" ".join(sys.argv[1:]))
"""


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which the browser writes down what it was to open."""
    browser, told = tmp_path / "browser", tmp_path / "told"
    browser.write_text(_BROWSER.format(python=sys.executable, told=str(told)))
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    return told


@pytest.fixture
def no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)


def report(folder: Path, *, written_s: int) -> Path:
    """A report that was written at a moment."""
    folder.mkdir(parents=True)
    file = folder / "report.html"
    file.write_text("<!doctype html>")
    os.utime(file, (written_s, written_s))
    return file


def test_a_report_is_opened_by_its_folder_its_name_or_as_the_latest(
    newsclf: Cli, told: Path, tmp_path: Path
) -> None:
    older = report(tmp_path / ".newsclf/runs/20260101T000000Z-news", written_s=100)
    evaluated = report(tmp_path / "model/evaluation-unseen", written_s=300)
    report(tmp_path / "other/evaluation", written_s=400)
    (tmp_path / ".newsclf").chmod(0o700)

    for arguments, expected in (
        ([older.parent], older),
        ([evaluated], evaluated),
        (["--report"], evaluated),
        (["--report", "--model", "other"], tmp_path / "other/evaluation/report.html"),
    ):
        done = newsclf("open", *arguments)

        assert done.exit_code == 0, done.err
        assert done.out.replace("\n", "") == expected.as_uri()
        assert told.read_text() == expected.as_uri()
        assert "opened in the browser" in done.err


@pytest.mark.usefixtures("no_browser")
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--report"], 3, "neither .newsclf/runs nor model holds a report"),
        (["nothing"], 2, "nothing: there is no such report"),
        (["nothing.html"], 2, "nothing.html: there is no such report"),
        (["x.html", "--report"], 2, "--report finds the latest report"),
        ([], 3, "there is no deployment 'news'"),
    ],
)
def test_what_cannot_be_opened_is_said(
    newsclf: Cli, arguments: list[str], code: int, words: str
) -> None:
    done = newsclf("open", *arguments)

    assert done.exit_code == code
    assert words in done.err
    assert "hint: " in done.err or "--report finds" in done.err


@pytest.mark.usefixtures("no_browser")
def test_the_page_of_a_deployment_is_opened_and_switched_off(
    newsclf: Cli, trained: Path, tmp_path: Path
) -> None:
    target = LocalTarget(Path(".newsclf"))
    try:
        target.deploy("news", trained / "model", workers=1)
        server = target.get("news").server.url
        assert httpx.get(server).status_code == 404, "the API has the page"
        unwired = newsclf("open")
        assert unwired.exit_code == 3
        assert "hint: newsclf wire-api --deployment news makes one, with a page" in unwired.err

        wired = newsclf("wire-api", "--runtimes", 1)
        assert wired.exit_code == 0, wired.err
        assert "newsclf open --deployment news" in wired.err
        done = newsclf("open")
        assert done.exit_code == 0, done.err
        address = done.out.strip()
        key = (tmp_path / ".newsclf/run/news/api.key").read_text().split(": ")[1].rstrip('"\n')
        page = httpx.get(address)
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert key not in page.text + done.out + done.err
        assert "the page asks for the API key, which is in" in done.err
        assert "there is no browser here" in done.err
        assert "ssh -L " in done.err
        assert json.loads(newsclf("open", "--json").out) == {"address": address, "opened": False}
        asked = {"headlines": ["Profit rose"], "explain": True}
        answer = httpx.post(f"{address}classify", json=asked, headers={"x-api-key": key})
        assert len(answer.json()["predictions"][0]["explanation"]) == 2

        refused = newsclf("wire-api", "--no-page")
        assert refused.exit_code == 3
        assert "--no-page needs a teardown" in refused.err
        target.teardown("news")
        target.deploy("news", trained / "model", workers=1)
        assert newsclf("wire-api", "--runtimes", 1, "--no-page", "--auth", "none").exit_code == 0
        api = target.get("news").api
        assert api is not None
        assert httpx.get(api.url).status_code == 404
        assert newsclf("open").exit_code == 3
    finally:
        target.teardown("news")
