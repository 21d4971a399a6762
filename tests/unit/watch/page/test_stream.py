"""JSON lines of changes, and their published schema."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from newsclf.watch.page.hub import Change
from newsclf.watch.page.stream import MissedLine, line_of, schema
from newsclf.watch.page.view import Alert
from tests.support.watch_page import alert, headline, morning, signal

PUBLISHED = Path(__file__).parents[4] / "docs" / "watch-stream.schema.json"
REGENERATE = (
    "python -c 'from newsclf.watch.page.stream import schema as s; "
    'print(s(), end="")\' > docs/watch-stream.schema.json'
)


def valid(document: object) -> None:
    published = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    jsonschema.validate(document, published, cls=jsonschema.Draft202012Validator)


def test_the_published_schema_is_that_of_the_lines() -> None:
    assert PUBLISHED.read_text(encoding="utf-8") == schema(), f"run: {REGENERATE}"


def test_every_change_of_a_morning_follows_the_published_schema() -> None:
    kinds = set()
    for change in morning()[-100:]:
        document = json.loads(line_of(change).model_dump_json())
        valid(document)
        kinds.add(document["kind"])
    valid(json.loads(MissedLine(changes=3).model_dump_json()))

    assert kinds == {"headline", "signal", "source", "alert"}
    with pytest.raises(jsonschema.ValidationError):
        valid({"schema_version": 1, "kind": "headline"})


@pytest.mark.parametrize("change", [headline(1), signal("Korvath Bank"), morning()[-4]])
def test_a_line_holds_the_fields_of_its_change(change: Change) -> None:
    document = json.loads(line_of(change).model_dump_json())

    assert document.pop("schema_version") == 2
    assert list(json.loads(line_of(change).model_dump_json()))[:2] == ["schema_version", "kind"]
    del document["kind"]
    assert document == json.loads(change.model_dump_json())


def test_a_line_of_an_alert_says_whether_it_is_raised_or_cleared() -> None:
    document = json.loads(line_of(alert(kind="cleared", signal=None)).model_dump_json())

    assert (document.pop("kind"), document.pop("state")) == ("alert", "cleared")
    assert set(document) == {*Alert.model_fields, "schema_version"} - {"kind"}
