"""Header fields that say when to come back."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsclf.deploy.http_headers import fresh_for_s, http_date, retry_after_s

NOW = dt.datetime(2026, 11, 26, 12, 0, 0, tzinfo=dt.UTC)
SLOW_CLOCK = {
    "date": "Thu, 26 Nov 2026 11:00:00 GMT",
    "retry-after": "Thu, 26 Nov 2026 11:02:00 GMT",
}
NOON = "Thu, 26 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    "text",
    [NOON, "Thursday, 26-Nov-26 12:00:00 GMT", "Thu Nov 26 12:00:00 2026"],
)
def test_all_forms_of_dates_are_read(text: str) -> None:
    assert http_date(text) == NOW


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "120"}, 120),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "Thu, 26 Nov 2026 12:02:00 GMT"}, 120),
        ({"retry-after": "Thu, 26 Nov 2026 11:00:00 GMT"}, 0),
        (SLOW_CLOCK, 120),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "9" * 400}, None),
    ],
)
def test_retry_after_is_read_in_both_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers, now=NOW) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"cache-control": "public, max-age=600"}, 600),
        ({"cache-control": 'MAX-AGE = "600"', "age": "100"}, 500),
        ({"cache-control": "max-age=60", "age": "100"}, 0),
        ({"cache-control": "no-cache, max-age=600"}, None),
        ({"cache-control": "s-maxage=5"}, None),
        ({"date": NOON, "expires": "Thu, 26 Nov 2026 12:05:00 GMT"}, 300),
        ({"date": NOON, "expires": "0"}, None),
        ({"expires": "Thu, 26 Nov 2026 12:05:00 GMT"}, None),
        ({"cache-control": "max-age=10", "date": NOON, "expires": NOON}, 10),
    ],
)
def test_how_long_a_document_stays_fresh(headers: dict[str, str], seconds: float | None) -> None:
    assert fresh_for_s(headers) == seconds


FIELDS = ["date", "age", "retry-after", "cache-control", "expires"]


@given(st.dictionaries(st.sampled_from(FIELDS), st.text() | st.integers().map(str)))
def test_whatever_comes_is_a_time_to_wait_or_nothing(headers: dict[str, str]) -> None:
    for found in (retry_after_s(headers, now=NOW), fresh_for_s(headers)):
        assert found is None or found >= 0
