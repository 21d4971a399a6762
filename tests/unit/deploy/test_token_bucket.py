"""The gateway's throttle, with time passed in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from newsclf.deploy.local.gateway.app import TokenBucket


@given(
    st.floats(0.1, 100),
    st.integers(1, 20),
    st.lists(st.floats(0, 2), max_size=200),
)
def test_no_more_pass_than_burst_and_rate_allow(
    rate_per_s: float, burst: int, gaps_s: list[float]
) -> None:
    bucket, now_s, passed = TokenBucket(rate_per_s, burst, now_s=0.0), 0.0, 0
    for gap_s in gaps_s:
        now_s += gap_s
        passed += bucket.take(now_s)

    assert passed <= burst + rate_per_s * now_s + 1e-6


def test_a_burst_passes_at_once_and_then_the_rate() -> None:
    bucket = TokenBucket(2.0, 3, now_s=10.0)

    assert [bucket.take(10.0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(10.5) for _ in range(2)] == [True, False]
    assert [bucket.take(99.0) for _ in range(4)] == [True, True, True, False]
