"""Tests of exported rows, their files and their published schema."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pyarrow.parquet as pq
import pytest

from newsclf.common.errors import DataError
from newsclf.watch.signals.aggregate import Evidence
from newsclf.watch.signals.alerts import alerts_at
from newsclf.watch.signals.export import (
    ItemRow,
    SignalRow,
    export,
    item_rows,
    schema,
    signal_rows,
)
from newsclf.watch.signals.measures.trading_time import MarketClock
from newsclf.watch.signals.settings import AlertSettings
from tests.support.watch_builders import MORNING_S, scored_row, signal

PUBLISHED = Path(__file__).parents[4] / "docs" / "signals.schema.json"
REGENERATE = (
    "python -c 'from newsclf.watch.signals.export import schema as s; "
    'print(s(), end="")\' > docs/signals.schema.json'
)
SIGNALS = [signal(None, entity="Nvidia"), signal(0.3), signal(-0.2, entity=None, minute=1)]
PLAIN_TIME = MarketClock()
ROWS = [
    scored_row(1),
    scored_row(2, entities=("Apple",), title="=HYPERLINK(1)"),
    scored_row(3, entities=("Apple", "Nvidia"), title="-5% for Apple, Nvidia"),
    scored_row(2, version=2, score=None, entities=("Apple",), at_s=MORNING_S + 0.25),
]


def valid(document: object, name: str) -> None:
    published = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    jsonschema.validate(
        document,
        {"$defs": published["$defs"], "$ref": f"#/$defs/{name}"},
        cls=jsonschema.Draft202012Validator,
    )


def test_the_published_schema_is_that_of_the_rows() -> None:
    assert PUBLISHED.read_text(encoding="utf-8") == schema(), f"run: {REGENERATE}"


def test_rows_and_alerts_follow_the_published_schema(tmp_path: Path) -> None:
    export(tmp_path / "signals.jsonl", SignalRow, signal_rows(SIGNALS))
    export(tmp_path / "items.jsonl", ItemRow, item_rows(ROWS, PLAIN_TIME))
    _, (alert,) = alerts_at({}, [signal(0.9)], AlertSettings(), lambda _: Evidence((), 0))

    for name, kind in (("signals", "SignalRow"), ("items", "ItemRow")):
        for line in (tmp_path / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
            valid(json.loads(line), kind)
    valid(json.loads(alert.model_dump_json()), "Alert")
    with pytest.raises(jsonschema.ValidationError):
        valid({"entity": "Apple"}, "SignalRow")


def test_a_headline_has_a_row_for_each_entity_and_version() -> None:
    rows = list(item_rows(ROWS, PLAIN_TIME))

    assert [(row.item, row.version, row.entity, row.abstained) for row in rows] == [
        (1, 1, None, False),
        (2, 1, "Apple", False),
        (3, 1, "Apple", True),
        (3, 1, "Nvidia", True),
        (2, 2, "Apple", False),
    ]
    assert [row.retracted for row in rows] == [False, False, False, False, True]
    assert rows[0].score == pytest.approx(0.5)
    assert rows[-1].score is None


def test_a_row_has_the_terms_of_each_source_as_far_as_they_are_known() -> None:
    row = replace(
        scored_row(1), sources=("wire", "blog", "api"), terms=("CC BY 4.0", None, "own use")
    )
    found = item_rows([row, replace(row, terms=(None, None, None)), scored_row(2)], PLAIN_TIME)

    assert [each.terms for each in found] == ["wire: CC BY 4.0 | api: own use", None, None]


@pytest.mark.parametrize("kind", [SignalRow, ItemRow])
def test_parquet_has_typed_columns_with_rows_and_without(
    tmp_path: Path, kind: type[SignalRow | ItemRow]
) -> None:
    rows = list(signal_rows(SIGNALS)) if kind is SignalRow else list(item_rows(ROWS, PLAIN_TIME))
    empty, full = tmp_path / "empty.parquet", tmp_path / "full.parquet"

    assert export(empty, kind, []) == 0
    assert export(full, kind, rows) == len(rows)
    assert pq.read_schema(empty).equals(pq.read_schema(full))
    table = pq.read_table(full)
    assert table.column_names == list(kind.model_fields)
    assert [kind(**row) for row in table.to_pylist()] == rows


def test_a_column_may_begin_empty(tmp_path: Path) -> None:
    export(tmp_path / "s.parquet", SignalRow, signal_rows(SIGNALS))

    assert str(pq.read_schema(tmp_path / "s.parquet").field("score").type) == "double"


def test_csv_holds_no_formula(tmp_path: Path) -> None:
    rows = [
        replace(scored_row(i), title=title)
        for i, title in enumerate(["=1+1", "+1", "-5% day", "@SUM(1)", "\t=1", "\uff1d1", "Up 5%"])
    ]
    export(tmp_path / "items.csv", ItemRow, item_rows(rows, PLAIN_TIME))
    with (tmp_path / "items.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))

    assert [row["title"] for row in found] == [
        "'=1+1",
        "'+1",
        "'-5% day",
        "'@SUM(1)",
        "'\t=1",
        "'\uff1d1",
        "Up 5%",
    ]
    assert {row["entity"] for row in found} == {""}


def test_numbers_below_zero_stay_numbers_in_csv(tmp_path: Path) -> None:
    export(tmp_path / "signals.csv", SignalRow, signal_rows(SIGNALS))
    with (tmp_path / "signals.csv").open(encoding="utf-8", newline="") as file:
        found = [row["score"] for row in csv.DictReader(file)]

    assert found == ["", "0.3", "-0.2"]


def test_without_rows_csv_has_its_header(tmp_path: Path) -> None:
    assert export(tmp_path / "signals.csv", SignalRow, []) == 0
    header = (tmp_path / "signals.csv").read_text(encoding="utf-8")

    assert header == ",".join(SignalRow.model_fields) + "\n"


def test_another_suffix_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"rows cannot be written to a '\.xlsx' file"):
        export(tmp_path / "signals.xlsx", SignalRow, signal_rows(SIGNALS))

    assert list(tmp_path.iterdir()) == []
