"""Templates of request bodies: any headline arrives as it was, wherever its place is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsclf.common.errors import ConfigError
from newsclf.loadtest.load.body_template import read_template

_HEADLINES = st.text(min_size=1).filter(lambda text: text.strip())


@given(_HEADLINES)
def test_a_headline_arrives_as_it_was(headline: str) -> None:
    template = read_template('{"inputs": {"text": "{headline}", "top_k": null, "n": [1, true]}}')

    assert json.loads(template.filled([headline])) == {
        "inputs": {"text": headline, "top_k": None, "n": [1, True]}
    }


@given(_HEADLINES)
def test_a_headline_arrives_in_json_within_a_string(headline: str) -> None:
    """As of an API that decodes its body twice."""
    template = read_template(json.dumps({"body": json.dumps({"query": ["{headline}"]})}))

    assert json.loads(json.loads(template.filled([headline]))["body"]) == {"query": [headline]}


@given(st.lists(_HEADLINES, min_size=1))
def test_a_list_of_headlines_arrives(headlines: list[str]) -> None:
    template = read_template('{"instances": "{headlines}"}')

    assert template.takes_many
    assert json.loads(template.filled(headlines)) == {"instances": headlines}


def test_a_headline_may_stand_in_a_sentence() -> None:
    template = read_template('{"prompt": "Classify: {headline}!"}')

    assert json.loads(template.filled(["Profit rose"])) == {"prompt": "Classify: Profit rose!"}
    assert not template.takes_many


def test_a_file_holds_a_template() -> None:
    Path("body.json").write_text('["{headline}"]', encoding="utf-8")

    assert read_template("@body.json").filled(["Profit rose"]) == b'["Profit rose"]'


@pytest.mark.parametrize(
    ("given_", "problem"),
    [
        ("{headline}", "not JSON"),
        ("{}", "no {headline} in it"),
        ("@nowhere.json", "@nowhere.json: not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"prompt": "Classify: {headlines}"}', "must be a whole value"),
        ('{"{headline}": 1}', "must be a whole value"),
    ],
)
def test_what_is_no_template_is_refused(given_: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        read_template(given_)
