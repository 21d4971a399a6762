"""When a target counts as silent."""

from __future__ import annotations

import pytest

from newsclf.loadtest.generator.messages import Progress
from newsclf.loadtest.generator.unresponsive import Silence


def seen(ok: int, failed: int) -> Progress:
    return Progress(worker=0, ok=ok, failed=failed, in_flight=0, response_ms=[])


@pytest.mark.parametrize(
    ("each_second", "silent_after_s"),
    [
        ([(0, 10)] * 20, 5),
        ([(9, 0)] * 5 + [(0, 10)] * 20, 10),
        ([(0, 5)] * 20, 9),  # 50 requests take so long
        ([(1, 99)] * 20, None),  # overloaded, but not silent
        ([(0, 99)] * 4 + [(1, 0)] + [(0, 99)] * 4, None),
        ([(0, 0)] * 20, None),  # they are under way
    ],
)
def test_silence_is_many_failures_in_a_row_for_a_while(
    each_second: list[tuple[int, int]], silent_after_s: int | None
) -> None:
    silence = Silence()
    first = None
    for second, (ok, failed) in enumerate(each_second):
        silence.note(seen(ok, failed), second * 10**9)
        if first is None and silence.lasts(second * 10**9):
            first = second

    assert first == silent_after_s
