"""Tests of when alerts are raised and cleared."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from newsclf.watch.signals.aggregate import Evidence, EvidenceItem, Signal, utc
from newsclf.watch.signals.alerts import Alert, States, alerts_at, states_after
from newsclf.watch.signals.settings import AlertSettings
from tests.support.watch_builders import MORNING_S, signal

SETTINGS = AlertSettings(enter=0.4, leave=0.25, cool_down_s=600, min_events=3, min_sources=2)
ITEM = EvidenceItem(
    item=7,
    version=1,
    version_id=701,
    event=7,
    sources=("wire",),
    title="Korvath Bank warns",
    url=None,
    first_seen=utc(MORNING_S),
    score=-0.9,
    weight=1.0,
    model="5f" * 32,
)


def evidence(_entity: str | None) -> Evidence:
    return Evidence((ITEM,), 3)


def run(signals: list[Signal], settings: AlertSettings = SETTINGS) -> list[Alert]:
    states: States = {}
    found = []
    for each in signals:
        states, alerts = alerts_at(states, [each], settings, evidence)
        found += alerts
    return found


def kinds(scores: list[float | None]) -> list[str]:
    """What one score a minute leads to: its minute, kind and direction."""
    alerts = run([signal(score, minute=i) for i, score in enumerate(scores)])
    return [
        f"{(alert.at - utc(MORNING_S)).seconds // 60} {alert.kind} {alert.direction}"
        for alert in alerts
    ]


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([0.39, 0.4, 0.5, 0.4], ["1 raised positive"]),
        ([-0.4, -0.3, -0.26], ["0 raised negative"]),
        ([0.5, 0.25, 0.24], ["0 raised positive", "2 cleared positive"]),
        ([0.5, None], ["0 raised positive", "1 cleared positive"]),
        ([0.5, -0.1], ["0 raised positive", "1 cleared positive"]),
        ([0.5, -0.5], ["0 raised positive", "1 raised negative"]),
        ([None, 0.0, 0.3], []),
        # within the cool-down it stays silent; after it, if the score still asks for it
        ([0.5, 0.1, 0.5, 0.1], ["0 raised positive", "1 cleared positive"]),
        (
            [0.5, 0.1, *[0.5] * 10],
            ["0 raised positive", "1 cleared positive", "10 raised positive"],
        ),
    ],
)
def test_thresholds_hysteresis_and_cool_down(
    scores: list[float | None], expected: list[str]
) -> None:
    assert kinds(scores) == expected


def test_a_flip_back_within_the_cool_down_ends_the_alert() -> None:
    assert kinds([0.5, -0.5, 0.5]) == [
        "0 raised positive",
        "1 raised negative",
        "2 cleared negative",
    ]


@pytest.mark.parametrize(("events", "sources"), [(2, 2), (3, 1)])
def test_too_little_evidence_raises_nothing(events: int, sources: int) -> None:
    assert run([signal(0.9, events=events, sources=sources)]) == []


def test_an_alert_goes_on_while_its_score_does() -> None:
    assert len(run([signal(0.9), signal(0.9, minute=1, events=1)])) == 1


def test_entities_are_told_apart() -> None:
    alerts = run([signal(0.9), signal(0.9, entity=None), signal(0.9, entity="Nvidia")])

    assert [alert.entity for alert in alerts] == ["Apple", None, "Nvidia"]
    assert len({alert.id for alert in alerts}) == 3


def test_an_alert_carries_its_evidence() -> None:
    (alert,) = run([signal(-0.9)])

    assert alert.evidence == (ITEM,)
    assert alert.evidence_omitted == 3
    assert alert.signal == signal(-0.9)
    assert alert.signal.configuration == "c0ffee"
    assert alert.settings == SETTINGS
    assert Alert.model_validate_json(alert.model_dump_json()) == alert


series = st.lists(
    st.tuples(
        st.none() | st.floats(-1, 1),
        st.integers(1, 5),
        st.integers(1, 3),
        st.sampled_from(["Apple", None]),
    ),
    max_size=60,
)


@given(series, st.integers(0, 60))
def test_after_a_restart_alerts_go_on_from_the_recorded_ones(
    values: list[tuple[float | None, int, int, str | None]], restart: int
) -> None:
    signals = [
        signal(score, minute=i, entity=entity, events=events, sources=sources)
        for i, (score, events, sources, entity) in enumerate(values)
    ]
    whole = run(signals)
    before = run(signals[:restart])
    states: States = states_after(before)
    after = []
    for each in signals[restart:]:
        states, alerts = alerts_at(states, [each], SETTINGS, evidence)
        after += alerts

    assert before + after == whole


@given(series)
def test_raised_and_cleared_alternate_and_respect_the_cool_down(
    values: list[tuple[float | None, int, int, str | None]],
) -> None:
    alerts = run([signal(value[0], minute=i) for i, value in enumerate(values)])
    active = None
    raised: dict[str, float] = {}
    for alert in alerts:
        at_s = alert.at.timestamp()
        if alert.kind == "cleared":
            assert alert.direction == active
            active = None
        else:
            assert alert.direction != active
            assert at_s - raised.get(alert.direction, -1e9) >= SETTINGS.cool_down_s
            active = alert.direction
            raised[alert.direction] = at_s


def test_it_must_leave_below_where_it_enters() -> None:
    with pytest.raises(ValidationError, match="must be less than enter"):
        AlertSettings(enter=0.3, leave=0.3)
