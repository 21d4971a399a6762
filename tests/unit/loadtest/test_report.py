"""The report of a load test: whole, escaped, self-contained, and the same bytes every time."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from newsclf.costs.formulas import CostRow
from newsclf.costs.prices import load_prices
from newsclf.loadtest.report.files import summary_schema, write_report
from newsclf.loadtest.report.groups import about
from newsclf.loadtest.report.headline import answers, title, warnings
from newsclf.loadtest.report.run import report
from newsclf.loadtest.store.records import Point, Summary, WorkerHealth
from newsclf.loadtest.store.run_folder import RunFolder
from newsclf.loadtest.store.samples import SAMPLE, Samples
from newsclf.reporting.text import moment as moment_words
from tests.support.loadtest_builders import (
    Case,
    Queue,
    build_case,
    build_run,
    build_search,
    closed_load,
    open_load,
    simulate,
    summarised,
)
from tests.support.runs import point as built_point
from tests.support.runs import summary as built_summary

ROOT = Path(__file__).parents[3]
LIMIT_BYTES = 500_000
HOSTILE = "</title></svg><script>alert(1)</script>\"'` | *x* [a](javascript:b) \u202e\x07\n# h"
REGENERATE = (
    "python -c 'from newsclf.loadtest.report.files import summary_schema as s; "
    'print(s(), end="")\' > docs/summary.schema.json'
)


class Page(HTMLParser):
    """What a browser would find: tags, attributes, and each figure's parts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str | None]] = []
        self.figures: list[Counter[str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Count an element."""
        self.tags[tag] += 1
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag == "figure":
            self.figures.append(Counter())
        if self.figures:
            self.figures[-1][tag] += 1

    def values(self, name: str) -> list[str | None]:
        """The values of an attribute."""
        return [value for _, found, value in self.attributes if found == name]


@pytest.fixture(scope="module")
def case() -> Case:
    return build_case(
        users=(1, 4, 16), repeats=1, instances=("ml.t2.medium", "ml.c5.large", "ml.c5.xlarge")
    )


@pytest.fixture
def html(case: Case, tmp_path: Path) -> str:
    write_report(tmp_path, case.summary, case.samples.__getitem__, case.monthly)
    return (tmp_path / "report.html").read_text(encoding="utf-8")


def drawings(html: str) -> Iterator[ET.Element]:
    for svg in re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL):
        yield ET.fromstring(svg)  # noqa: S314 - ours


def test_the_page_loads_and_runs_nothing(html: str) -> None:
    page = Page(html)

    assert not {"script", "link", "img", "iframe", "object", "embed", "form", "base"} & set(
        page.tags
    )
    assert not {"src", "action", "srcset", "style", "xlink:href"} & {
        n for _, n, _ in page.attributes
    }
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert all((value or "").startswith("#") for value in page.values("href"))
    style = re.search(r"<style>(.*?)</style>", html, flags=re.DOTALL)
    assert style is not None
    assert not re.search(r"url\(|@import|@font-face|image-set", style[1])
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    [policy] = [v for v in page.values("content") if v and v.startswith("default-src")]
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")


def test_every_chart_is_named_described_and_backed_by_a_table(html: str) -> None:
    page = Page(html)

    assert len(page.figures) >= 12
    for figure in page.figures:
        assert figure["svg"] == 1
        assert figure["table"] >= 1
        assert figure["tr"] > 2
    ids = [value for value in page.values("id") if value]
    assert len(ids) == len(set(ids))
    for svg in drawings(html):
        space = "{http://www.w3.org/2000/svg}"
        title, description = svg.find(f"{space}title"), svg.find(f"{space}desc")
        assert title is not None
        assert description is not None
        assert title.text
        assert "n = " in (description.text or "")
        assert svg.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"


def test_the_page_says_first_what_was_found(html: str) -> None:
    head = html[: html.index("What was run")]

    for text in (
        "Cheapest that meets the objective: ml.c5.large",
        "55/s",
        "meets p95 ≤ 100 ms",
        "misses at 65/s",
        "no rate",
        "55 to 65",
        "$0.429",
    ):
        assert text in head, text
    for text in ("at 50 %", "max invocations per min", "Lambda and gateway", "break-even"):
        assert text in head, text


def test_points_that_must_not_be_relied_on_are_hollow(case: Case, html: str) -> None:
    bad = [p.id for p in case.summary.points if p.verdict != "OK"]
    marks = re.findall(r'<g><title>([^:<]+): .*?</title>.*?class="\w+ (hollow|mark)"', html)

    assert bad
    for point, look in marks:
        if point in {p.id for p in case.summary.points}:
            assert (look == "hollow") == (point in bad), point
    assert {point for point, look in marks if look == "hollow"} >= set(bad)


def test_text_of_the_data_is_never_markup(case: Case, tmp_path: Path) -> None:
    hostile = _hostile(case)
    write_report(tmp_path, hostile.summary, hostile.samples.__getitem__, hostile.monthly)
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    markdown = (tmp_path / "report.md").read_text(encoding="utf-8")

    page = Page(html)
    assert page.tags["script"] == 0
    titles = sum(len(list(svg.iter(_svg("title")))) for svg in drawings(html))
    assert page.tags["title"] == 1 + titles
    assert not {"\u202e", "\x07"} & {*html, *markdown}
    assert "\\u202e" in html
    assert html.count("&lt;script&gt;") > 20
    assert not re.search(r"<|(?<!\\)(\[a|\*x)", markdown)
    assert "&lt;script&gt;" in markdown
    for table in re.findall(r"(?:^\|.*\n)+", markdown, flags=re.MULTILINE):
        bars = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(bars) == 1, table


def test_the_same_run_gives_the_same_bytes(case: Case, tmp_path: Path) -> None:
    backwards = dict(reversed(case.samples.items()))
    again = Case(
        Summary.model_validate_json(case.summary.model_dump_json()), backwards, case.monthly
    )
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder, data in zip(folders, (case, again), strict=True):
        folder.mkdir()
        paths = write_report(folder, data.summary, data.samples.__getitem__, data.monthly)

    assert sorted(path.name for path in paths) == sorted(path.name for path in folders[0].iterdir())
    for path in paths:
        assert path.read_bytes() == (folders[0] / path.name).read_bytes(), path.name


def test_nothing_is_written_when_rendering_fails(case: Case, tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text("older", encoding="utf-8")

    samples: dict[str, Samples] = {}
    with pytest.raises(KeyError):
        write_report(tmp_path, case.summary, samples.__getitem__, case.monthly)

    assert [path.read_text(encoding="utf-8") for path in tmp_path.iterdir()] == ["older"]


def test_tables_for_programs_hold_full_figures(case: Case, tmp_path: Path) -> None:
    write_report(tmp_path, case.summary, case.samples.__getitem__, case.monthly)

    text = (tmp_path / "summary.json").read_text(encoding="utf-8")
    assert Summary.model_validate_json(text) == case.summary
    with (tmp_path / "points.csv").open(encoding="utf-8", newline="") as file:
        points = list(csv.DictReader(file))
    assert [row["id"] for row in points] == [p.id for p in case.summary.points]
    for row, point in zip(points, case.summary.points, strict=True):
        p99 = point.response_ms["p99"]
        assert (row["response_p99_ms"], row["response_p99_high_ms"]) == (
            repr(p99.value),
            "" if p99.high is None else repr(p99.high),
        )
        assert float(row["throughput_per_s"]) == point.throughput_per_s
    with (tmp_path / "cost.csv").open(encoding="utf-8", newline="") as file:
        costs = list(csv.DictReader(file))
    assert list(costs[0]) == list(CostRow.model_fields)
    assert [row["usd_per_million"] for row in costs] == [
        "" if row.usd_per_million is None else repr(row.usd_per_million)
        for row in case.summary.costs
    ]


def test_the_published_schema_is_that_of_the_summary() -> None:
    published = (ROOT / "docs" / "summary.schema.json").read_text(encoding="utf-8")

    assert published == summary_schema(), f"run: {REGENERATE}"
    assert json.loads(published)["properties"]["schema_version"]["const"] == 1


@pytest.mark.parametrize("copies", [8, 25])
def test_a_large_run_stays_small_enough_to_mail(copies: int, case: Case, tmp_path: Path) -> None:
    points = []
    for copy in range(copies):
        for point in case.summary.points:
            name = f"{point.instance}-{copy}"
            points.append(point.model_copy(update={"id": f"{copy}-{point.id}", "instance": name}))
    summary = case.summary.model_copy(update={"points": points})
    samples = {p.id: case.samples[p.id.partition("-")[2]] for p in points}

    write_report(tmp_path, summary, samples.__getitem__, case.monthly)

    page = tmp_path / "report.html"
    assert page.stat().st_size < LIMIT_BYTES
    text = page.read_text("utf-8")
    assert ("more points are in points.csv" in text) == (len(points) > 250)
    assert f"The samples of {len(points) - 8} more points are not drawn" in text
    assert f"The load charts of {3 * copies - 10} more instances are not drawn" in text


@pytest.mark.parametrize("requests", [0, 1, 5])
def test_too_little_data_is_said_not_drawn(requests: int, case: Case, tmp_path: Path) -> None:
    load = open_load(rate=1.0)
    samples = case.samples[case.summary.points[0].id][:requests].copy()
    for moment in ("intended_ns", "sent_ns", "first_byte_ns", "ended_ns"):
        samples[moment] += 5_000_000_000
    point = summarised("one", "url", load, samples)
    summary = Summary(run=build_run([load]), points=[point], searches=[], costs=[])

    write_report(tmp_path, summary, lambda _: samples)

    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert Page(html).tags["svg"] == 1  # offered against achieved
    for text in ("Only one load was run", f"Only {requests} successful requests", "No prices"):
        assert text in html, text


def test_a_run_without_points_says_so(tmp_path: Path) -> None:
    summary = Summary(run=build_run([closed_load(1)]), points=[], searches=[], costs=[])

    write_report(tmp_path, summary, lambda _: np.zeros(0, SAMPLE))

    for name in ("report.html", "report.md"):
        assert "Nothing was measured" in (tmp_path / name).read_text(encoding="utf-8")
    assert (tmp_path / "points.csv").read_text(encoding="utf-8") == "id\n"


def test_warnings_name_what_limits_the_figures(case: Case, tmp_path: Path) -> None:
    load = open_load(rate=9.0)
    samples = case.samples["ml.c5.large-poisson-29-r1"]
    point = summarised("tired", "local", load, samples, cpu=0.97)
    run = build_run([load], interrupted=True, stop_reason="Ctrl-C", price_as="ml.c5.large")
    search = build_search("local", 8.0, 10.0, confirmed=False, note="1 of 3 repeats missed.")
    summary = Summary(run=run, points=[point], searches=[search], costs=[])

    write_report(tmp_path, summary, lambda _: samples)

    text = (tmp_path / "report.md").read_text(encoding="utf-8").replace("\\", "")
    for warning in (
        "The run ended early (Ctrl-C)",
        "At local (Poisson arrivals, 9/s, repeat 1) the client was the limit",
        "The rate of local was not confirmed by repeats: 1 of 3 repeats missed.",
        "competes with it for 2 cores",
        "Prices are those of ml.c5.large",
        *point.reasons,
    ):
        assert warning in text, warning
    assert "A closed loop says nothing" not in text


def _hostile(case: Case) -> Case:
    """The case with hostile text wherever text may come from outside."""
    names: dict[str, str] = {p.id: f"{p.id} {HOSTILE}" for p in case.summary.points}

    def changed(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {k: changed(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [changed(item, key) for item in value]
        if isinstance(value, str) and key not in {"model", "verdict", "decision", "kind", "status"}:
            return names.get(value, f"{value} {HOSTILE}")
        return value

    summary = Summary.model_validate(changed(case.summary.model_dump()))
    samples = {names[key]: value for key, value in case.samples.items()}
    monthly = [m.model_copy(update={"instance": f"{m.instance} {HOSTILE}"}) for m in case.monthly]
    return Case(summary, samples, monthly)


def _svg(name: str) -> str:
    return f"{{http://www.w3.org/2000/svg}}{name}"


def test_one_instance_is_answered_once_and_compared_with_none(tmp_path: Path) -> None:
    case = build_case(instances=("ml.c5.large",), users=(1, 2), repeats=1)
    write_report(tmp_path, case.summary, case.samples.__getitem__, case.monthly)

    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    [answer] = answers(case.summary)
    assert page.count(answer.words) == 1
    assert (tmp_path / "report.md").read_text(encoding="utf-8").count("meets p95") == 1
    assert "Cost against latency" not in page
    assert "No objective was searched for" not in page


def test_what_was_run_comes_after_what_was_found(tmp_path: Path) -> None:
    case = build_case(users=(1, 2), repeats=1)
    write_report(tmp_path, case.summary, case.samples.__getitem__, case.monthly)

    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    places = [page.index(f'id="{name}"') for name in ("load", "points", "run", "reading")]
    assert places == sorted(places)


def test_windows_are_shown_in_whole_seconds() -> None:
    case = build_case(instances=("ml.c5.large",), users=(1,), repeats=1)
    point = case.summary.points[0]
    odd = point.model_copy(update={"load": point.load.model_copy(update={"duration_s": 60.007157})})

    assert "window 60 s" in about([odd])


@pytest.mark.parametrize("users", [4, 8, 16])
@pytest.mark.parametrize(
    ("verdict", "why"),
    [("CLIENT-LIMITED", "the client was the limit"), ("UNSTABLE", "no steady state was reached")],
)
def test_more_answers_than_the_best_believable_make_it_a_lower_bound(
    users: int, verdict: str, why: str
) -> None:
    best = built_point(concurrency=8, throughput_per_s=2500 / 60)
    faster = built_point(concurrency=users, throughput_per_s=61, repeat=2, verdict=verdict)
    found = built_summary([best, faster])

    said = f"at {users} users 61/s were answered, where {why}: 2,500 per minute is a lower bound."
    assert any(said in line for line in warnings(found))
    [answer] = answers(found)
    assert "a lower bound" in answer.words
    assert answer.tone == "bad"


def test_warnings_name_points_by_instance_and_load_and_never_by_id() -> None:
    points = [
        built_point(concurrency=users, repeat=repeat, verdict="UNSTABLE")
        for users, repeat in ((1, 1), (8, 1), (8, 2))
    ]
    found = built_summary(points)

    once = warnings(found.model_copy(update={"run": found.run.model_copy(update={"repeats": 1})}))
    twice = warnings(found.model_copy(update={"run": found.run.model_copy(update={"repeats": 2})}))

    one, eight = "closed loop, 1 user", "closed loop, 8 users"
    assert any(f"At ml.c5.xlarge ({one}), ml.c5.xlarge ({eight})" in line for line in once)
    assert any(f"ml.c5.xlarge ({eight}, repeat 2)" in line for line in twice)
    assert not [line for line in once + twice for point in points if point.id in line]


def test_the_best_point_is_no_lower_bound_where_none_answered_more() -> None:
    slower = built_point(concurrency=16, throughput_per_s=90, verdict="UNSTABLE")
    found = built_summary([built_point(throughput_per_s=100), slower])

    assert not [line for line in warnings(found) if "lower bound" in line]
    assert answers(found)[0].tone == "good"


def test_without_an_ok_point_the_report_has_neither_costs_nor_empty_charts(
    case: Case, tmp_path: Path
) -> None:
    name = next(p.id for p in case.summary.points if p.load.model == "closed")
    load = closed_load(1)
    limited = summarised(name, "ml.c5.large", load, case.samples[name], cpu=0.97)
    cost = next(row for row in case.summary.costs if row.instance == "ml.c5.large")
    summary = Summary(run=build_run([load]), points=[limited], searches=[], costs=[cost])

    write_report(tmp_path, summary, case.samples.__getitem__)

    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "The only point does not have a verdict of OK (CLIENT-LIMITED)" in html
    assert "No cost: no point has a verdict of OK" in html
    assert "break-even per month" not in html
    assert "Cost of a month" not in html
    assert 'class="missing"><summary>Latency and throughput against concurrency' in html
    assert all(figure["svg"] for figure in Page(html).figures)
    assert "## Cost" not in (tmp_path / "report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("iso", "shown"),
    [
        ("2026-11-26T03:10:59+00:00", "26 Nov 2026, 03:10 UTC"),
        ("2026-01-02T03:04:05Z", "2 Jan 2026, 03:04 UTC"),
        ("2026-01-01T00:30:00+01:00", "31 Dec 2025, 23:30 UTC"),
        ("yesterday", "yesterday"),
    ],
)
def test_a_moment_is_shown_for_people(iso: str, shown: str) -> None:
    assert moment_words(iso) == shown


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        (
            {"kind": "local", "name": "local", "target": "shop (API, key)"},
            "Load test of shop on local",
        ),
        (
            {"kind": "sagemaker", "name": "ml.c5.large", "target": "shop (endpoint)"},
            "Load test of shop on ml.c5.large",
        ),
        (
            {"kind": "url", "name": "url", "target": "https://example.com/x"},
            "Load test of https://example.com/x",
        ),
        (
            {"kind": "local", "name": "2 instances", "target": "local:1, local:2"},
            "Load test 2 instances",
        ),
    ],
)
def test_the_title_names_what_was_tested(fields: dict[str, str], shown: str) -> None:
    assert title(build_run([closed_load(1)], **fields)) == shown


def test_a_report_ends_at_the_highest_volume_that_has_a_price(tmp_path: Path) -> None:
    """The shipped price of an API in eu-west-1 ends at 300 million requests a month."""
    load = closed_load(2)
    begin_ns = round(load.warmup_s * 1e9)
    measured = Point(
        id="p",
        load=load,
        instance="ml.c5.large",
        started_utc="2026-01-02T03:04:05Z",
        window_begin_ns=begin_ns,
        window_end_ns=begin_ns + round(load.duration_s * 1e9),
        workers=[WorkerHealth(cpu_fraction=0.3, lag_p99_ms=1, lag_max_ms=2)],
        connections_opened=2,
    )
    folder = RunFolder.create(tmp_path / "run")
    folder.write_run(build_run([load], objectives=[], kind="sagemaker", region="eu-west-1"))
    folder.write_prices(load_prices())
    folder.write_point(measured, simulate(load, Queue(1, 0.004)))

    (row,) = report(folder.path).costs

    assert row.total_usd_per_million is not None
    assert (folder.path / "report.html").is_file()
