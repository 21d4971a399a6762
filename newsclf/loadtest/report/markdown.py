"""The report as Markdown, for a pull request or a terminal."""

from __future__ import annotations

from newsclf.common.visible import markdown
from newsclf.loadtest.report import tables
from newsclf.loadtest.report.headline import answers, title, verdict, warnings
from newsclf.loadtest.report.recommender import NOTE, TITLE, recommender_table
from newsclf.loadtest.report.words import load_words
from newsclf.loadtest.store.records import Summary
from newsclf.reporting.figure import Table
from newsclf.reporting.text import moment, number


def render_markdown(summary: Summary, prices: list[str]) -> str:
    """The headline, the tables and what was run; nothing of the data is taken as Markdown."""
    lines = [f"# {markdown(title(summary.run))}", ""]
    if said := verdict(summary):
        lines += [f"**{markdown(said)}**", ""]
    for answer in answers(summary):
        cost = f" {answer.cost}." if answer.cost else ""
        lines.append(
            f"- **{markdown(answer.instance)}: {markdown(answer.figure)}** – "
            f"{markdown(answer.sentence + cost)}"
        )
    if summary.costs and any(p.verdict == "OK" for p in summary.points):
        lines += ["", "## Cost", "", *_table(tables.cost_table(summary.costs))]
        lines += ["", *(f"{markdown(line)}.  " for line in prices)]
    if (theirs := recommender_table(summary.recommender)).rows:
        lines += ["", f"## {markdown(TITLE)}", "", *_table(theirs), "", markdown(NOTE)]
    lines += ["", "## What was run", "", *_run(summary)]
    if found := warnings(summary):
        lines += ["", "## Warnings", "", *(f"- {markdown(line)}" for line in found)]
    lines += ["", "## Points", "", *_table(tables.point_table(summary.points))]
    remarks = [(p, "; ".join(p.reasons)) for p in summary.points if p.reasons]
    lines += [""] if remarks else []
    lines += [f"- {markdown(f'{p.id}, {p.verdict}: {why}')}" for p, why in remarks]
    if (server := tables.server_table(summary.points)).rows:
        lines += ["", "## What the service measured", "", *_table(server)]
    for search in summary.searches:
        heading = (
            f"## Search on {markdown(search.instance)}: {markdown(tables.objective_words(search))}"
        )
        lines += ["", heading, "", *_table(tables.probe_table(search))]
    lines += ["", "Brackets hold 95 % intervals. The charts are in `report.html`."]
    return "\n".join(lines) + "\n"


def _run(summary: Summary) -> list[str]:
    run = summary.run
    payloads = run.payloads
    packages = "".join(f", {name} {v}" for name, v in sorted(run.machine.packages.items()))
    facts = {
        "started": moment(run.started_utc),
        "target": f"{run.target} ({run.kind})",
        "model": run.model_digest or "not known",
        "loads": "; ".join(load_words(load) for load in run.loads) + f"; repeats: {run.repeats}",
        "payloads": (
            f"{payloads.count} from {payloads.source}, {number(payloads.characters_mean)} "
            f"characters on average (p50 {payloads.characters_p50}, "
            f"p95 {payloads.characters_p95}, at most "
            f"{payloads.characters_max}), SHA-256 {payloads.sha256}"
        ),
        "client": f"{run.machine.cpu}, {run.machine.cores} cores, {run.machine.kernel}",
        "software": f"Python {run.machine.python}{packages}",
        "seed": str(run.seed),
        "configuration": run.config_sha256,
    }
    return [f"- {name}: {markdown(value)}" for name, value in facts.items()]


def _table(table: Table) -> list[str]:
    return [
        f"| {' | '.join(markdown(cell) for cell in table.head)} |",
        f"|{' --- |' * table.texts + ' ---: |' * (len(table.head) - table.texts)}",
        *(f"| {' | '.join(markdown(cell) for cell in row)} |" for row in table.rows),
    ]
