"""The command `newsclf runs`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from newsclf.cli.option_groups import grouped
from newsclf.cli.options import StateOptions

if TYPE_CHECKING:
    from newsclf.cli.console import Output
    from newsclf.loadtest.listing import ListedRun
    from newsclf.model.listing import ListedModel

_TIME_CHARACTERS = len("2026-11-26T12:00")


@grouped
def runs(*, general: StateOptions) -> None:
    """List trained models and load tests, the latest first.

    Models are looked for in this folder and in the folders in it; load tests in the state
    directory.
    """
    output = general.start()
    from newsclf.common.errors import require_extra
    from newsclf.model.listing import list_models

    models = list_models(Path())
    tests: list[ListedRun] = []
    folder = general.settings().state_dir / "runs"
    if folder.is_dir():
        require_extra("httptools", "scipy", extra="loadtest", purpose="reading load tests")
        from newsclf.loadtest.listing import list_runs

        tests = list_runs(folder)
    output.data([m.as_dict() for m in models] + [t.as_dict() for t in tests])
    if not models and not tests:
        output.note("no models and no load tests yet\nnext: newsclf train --data headlines")
        return
    if models:
        _show_models(output, models)
    if tests:
        _show_tests(output, tests)


def _show_models(output: Output, models: list[ListedModel]) -> None:
    from newsclf.common.intervals import percent

    columns = ("model", "trained, UTC", "accuracy", "base", "data")
    rows = [
        (
            each.path,
            _time(each.created_utc),
            "–" if each.accuracy is None else percent(each.accuracy),
            each.base or "–",
            each.data or each.problem,
        )
        for each in models
    ]
    output.show(output.table("Models, with validation accuracy", columns, rows, optional=("base",)))


def _show_tests(output: Output, tests: list[ListedRun]) -> None:
    from newsclf.reporting.text import number, usd

    columns = ("load test", "started, UTC", "goodput/s", "$ per million", "measured", "ended")
    rows = [
        (
            each.path,
            _time(each.started_utc),
            "–" if each.goodput_per_s is None else number(each.goodput_per_s),
            "–" if each.usd_per_million is None else usd(each.usd_per_million),
            each.target or "–",
            each.ended,
        )
        for each in tests
    ]
    output.show(output.table("Load tests", columns, rows, optional=("measured", "started, UTC")))


def _time(moment: str | None) -> str:
    return "–" if moment is None else moment[:_TIME_CHARACTERS].replace("T", " ")
