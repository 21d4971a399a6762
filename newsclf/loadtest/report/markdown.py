"""Markdown report of a load test, for a pull request or a terminal."""

from __future__ import annotations

from newsclf.common.visible import markdown
from newsclf.loadtest.report import tables
from newsclf.loadtest.report.headline import answers, facts, title, verdict, warnings
from newsclf.loadtest.store.records import Summary
from newsclf.reporting.figure import Table


def render_markdown(summary: Summary) -> str:
    """Render headline, tables and facts; nothing of the data is taken as Markdown."""
    lines = [f"# {markdown(title(summary.run))}", ""]
    if said := verdict(summary):
        lines += [f"**{markdown(said)}**", ""]
    for card in answers(summary):
        cost = f" {card.more}." if card.more else ""
        lines.append(
            f"- **{markdown(card.name)}: {markdown(card.figure)}** – {markdown(card.words + cost)}"
        )
    if summary.costs and any(p.verdict == "OK" for p in summary.points):
        lines += ["", "## Cost", "", *_table(tables.cost_table(summary.costs))]
        lines += ["", *(f"{markdown(line)}.  " for line in tables.price_words(summary.costs))]
    if (theirs := tables.recommender_table(summary.recommender)).rows:
        lines += ["", f"## {markdown(tables.RECOMMENDER_TITLE)}", "", *_table(theirs)]
        lines += ["", markdown(tables.RECOMMENDER_NOTE)]
    lines += ["", "## What was run", ""]
    lines += [f"- {name}: {markdown(words)}" for name, words in facts(summary.run)]
    if found := warnings(summary):
        lines += ["", "## Warnings", "", *(f"- {markdown(line)}" for line in found)]
    lines += ["", "## Points", "", *_table(tables.point_table(summary.points))]
    remarks = [(p, "; ".join(p.reasons)) for p in summary.points if p.reasons]
    lines += [""] if remarks else []
    lines += [f"- {markdown(f'{p.id}, {p.verdict}: {why}')}" for p, why in remarks]
    if (server := tables.server_table(summary.points)).rows:
        lines += ["", "## What the service measured", "", *_table(server)]
    for search in summary.searches:
        objective = tables.objective_words(search.objectives)
        heading = f"## Search on {markdown(search.instance)}: {markdown(objective)}"
        lines += ["", heading, "", *_table(tables.probe_table(search))]
    lines += ["", "Brackets hold 95 % intervals. The charts are in `report.html`."]
    return "\n".join(lines) + "\n"


def _table(table: Table) -> list[str]:
    return [
        f"| {' | '.join(markdown(cell) for cell in table.head)} |",
        f"|{' --- |' * table.texts + ' ---: |' * (len(table.head) - table.texts)}",
        *(f"| {' | '.join(markdown(cell) for cell in row)} |" for row in table.rows),
    ]
