"""The reports in a real browser, which must load nothing. Run by `make test-browser`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from newsclf.evaluation.report.page import render_page
from newsclf.loadtest.report.files import write_report
from newsclf.watch.study.lines import time_lines
from newsclf.watch.study.page import render_page as study_page
from newsclf.watch.study.records import StudySettings
from newsclf.watch.study.run import study
from tests.e2e.browser.conftest import Browser
from tests.support.evaluation_builders import evaluation_report
from tests.support.loadtest_builders import build_case
from tests.support.market import Simulation, simulate


@pytest.fixture(scope="session", params=["evaluation", "loadtest", "study"])
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of an evaluation, a load test or a study."""
    folder = tmp_path_factory.mktemp("run")
    if request.param == "loadtest":
        case = build_case(users=(1, 4, 16), repeats=1)
        write_report(folder, case.summary, case.samples.__getitem__, case.monthly)
    elif request.param == "study":
        market = simulate(Simulation(days=200, entities=8), 1)
        html = study_page(study(*market, StudySettings(draws=19)), time_lines(*market))
        (folder / "report.html").write_text(html, encoding="utf-8")
    else:
        (folder / "report.html").write_text(render_page(evaluation_report()), encoding="utf-8")
    return folder / "report.html"


def test_the_browser_notices_a_request_and_an_error(browser: Browser, tmp_path: Path) -> None:
    """Otherwise the next test could not fail."""
    page = tmp_path / "bad.html"
    page.write_text(
        "<img src='http://127.0.0.1:9/a.png'>"
        "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'\"><p style='top:0'>",
        encoding="utf-8",
    )

    visit = browser(page)

    assert visit.requests == ["http://127.0.0.1:9/a.png"]
    assert visit.console


def test_the_report_asks_nobody_and_has_no_complaint(browser: Browser, report: Path) -> None:
    visit = browser(report)

    assert visit.requests == []
    assert visit.console == []
    html = report.read_text(encoding="utf-8")
    assert visit.dom.count("<svg") == html.count("<svg") > 3
    assert len(re.findall(r"<figure", visit.dom)) == len(re.findall(r"<figure", html))


@pytest.mark.parametrize(("dark", "paper"), [(False, (255, 255, 255)), (True, (0x15, 0x18, 0x1D))])
def test_the_report_follows_the_theme(
    browser: Browser, report: Path, tmp_path: Path, paper: tuple[int, int, int], *, dark: bool
) -> None:
    picture = tmp_path / "picture.png"

    browser(report, picture, dark=dark)

    with Image.open(picture) as image:
        colours = image.convert("RGB").getcolors(maxcolors=1 << 24)
    assert colours is not None
    assert max(colours)[1] == paper
    assert len(colours) > 50, "something is drawn"
