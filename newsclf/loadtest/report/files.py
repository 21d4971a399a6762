"""Files of a report, and the published schema of its summary."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from newsclf.common.files import write_text
from newsclf.common.visible import visible_json
from newsclf.costs.formulas import MonthlyCost
from newsclf.loadtest.report.markdown import render_markdown
from newsclf.loadtest.report.page import render_page
from newsclf.loadtest.report.tables import cost_csv, points_csv
from newsclf.loadtest.store.records import Summary
from newsclf.loadtest.store.samples import Samples


def write_report(
    folder: Path,
    summary: Summary,
    samples: Callable[[str], Samples],
    monthly: Sequence[MonthlyCost] = (),
) -> list[Path]:
    """Write summary.json, points.csv, cost.csv, report.md and report.html; their paths.

    The same arguments give the same bytes. Nothing is written before all is rendered, and each file
    is replaced whole.

    Args:
        folder: Folder of the run.
        summary: Everything to report.
        samples: Gives the raw samples of a point by its id; called only for points that are drawn.
        monthly: Costs by volume.
    """
    texts = {
        "summary.json": visible_json(summary.model_dump_json(indent=2)) + "\n",
        "points.csv": points_csv(summary.points),
        "cost.csv": cost_csv(summary),
        "report.md": render_markdown(summary),
        "report.html": render_page(summary, samples, monthly),
    }
    for name, text in texts.items():
        write_text(folder / name, text)
    return [folder / name for name in texts]


def summary_schema() -> str:
    """The JSON Schema of summary.json, published as docs/summary.schema.json."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Summary.model_json_schema(mode="serialization"),
    }
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
