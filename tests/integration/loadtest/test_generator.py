"""The load generator against servers whose behaviour is known exactly."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import psutil
import pytest

from newsclf.common.errors import NewsclfError, ServiceError
from newsclf.loadtest.analysis.summary import summarise
from newsclf.loadtest.generator import worker
from newsclf.loadtest.generator.controller import Generated, generate
from newsclf.loadtest.generator.messages import Progress, Target
from newsclf.loadtest.load import arrivals
from newsclf.loadtest.load.arrivals import Schedule
from newsclf.loadtest.stop_conditions.condition import StopCondition, StopConditions
from newsclf.loadtest.stop_conditions.interrupt import Interrupt
from newsclf.loadtest.stop_conditions.unresponsive import Unresponsive
from newsclf.loadtest.store.records import Load, Point, PointSummary
from newsclf.loadtest.store.samples import NEVER, Outcome
from tests.support.loadserver import Behaviour, running
from tests.support.processes import running_children

pytestmark = pytest.mark.serial

_BODIES = [b'{"headline": "Sales rose"}', b'{"headline": "The plant will be closed for good"}']


def _closed(users: int, *, duration_s: float = 1.0, warmup_s: float = 0.2) -> Load:
    return Load(
        model="closed",
        concurrency=users,
        warmup_s=warmup_s,
        duration_s=duration_s,
        max_in_flight=users,
    )


def _open(duration_s: float, *, max_in_flight: int = 64) -> Load:
    return Load(
        model="constant",
        rate_per_s=1,
        warmup_s=0,
        duration_s=duration_s,
        max_in_flight=max_in_flight,
    )


def _run(
    url: str,
    load: Load,
    due: Schedule | None = None,
    *,
    workers: int = 1,
    timeout_s: float = 10.0,
    stop: StopCondition | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Generated:
    target = Target(
        url=url,
        headers={},
        auth=None,
        bodies=_BODIES,
        headlines_per_request=1,
        timeout_s=timeout_s,
    )
    choices = np.arange(len(due) if due is not None else 10) % len(_BODIES)
    return generate(
        load,
        target,
        schedule=due,
        choices=choices,
        workers=workers,
        stop=StopConditions(stop) if stop else StopConditions(),
        on_progress=on_progress,
    )


def _summary(load: Load, generated: Generated) -> PointSummary:
    point = Point(
        id="test",
        load=load,
        instance="test",
        started_utc="2026-01-01T00:00:00Z",
        window_begin_ns=round(load.warmup_s * 1e9),
        window_end_ns=generated.window_end_ns,
        workers=[result.health for result in generated.results],
        connections_opened=sum(result.connections_opened for result in generated.results),
    )
    return summarise(point, generated.samples)


def _response_ms(generated: Generated) -> npt.NDArray[np.float64]:
    samples = generated.samples
    response_ms: npt.NDArray[np.float64] = (samples["ended_ns"] - samples["intended_ns"]) / 1e6
    return response_ms


def test_the_clock_begins_when_all_are_connected_not_when_processes_are_started() -> None:
    connected: list[datetime] = []

    def answer(listener: socket.socket) -> None:
        with listener.accept()[0] as peer:
            connected.append(datetime.now(UTC))
            while peer.recv(65_536):
                peer.sendall(b"HTTP/1.1 500 no\r\ncontent-length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer, args=[listener])
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        generated = _run(url, _closed(1, duration_s=0.1, warmup_s=0))
        thread.join()

    assert connected[0] < generated.started


@pytest.mark.parametrize(
    ("rate_per_s", "duration_s", "freeze_s"),
    [
        (200, 5, (2.0, 2.25)),
        pytest.param(100, 60, (30.0, 31.0), marks=pytest.mark.load),
    ],
)
def test_a_frozen_server_shows_in_the_time_from_the_schedule(
    rate_per_s: int, duration_s: int, freeze_s: tuple[float, float]
) -> None:
    due = arrivals.constant(rate_per_s, duration_s)
    with running(Behaviour(service_s=0.01, freeze_s=freeze_s)) as server:
        load = _open(duration_s, max_in_flight=256)
        generated = _run(server.url, load, due)

    late = np.maximum(freeze_s[1] - due / 1e9, 0.01)
    inside = (due / 1e9 + 0.01 >= freeze_s[0]) & (due / 1e9 < freeze_s[1])
    expected_ms = np.sort(1000 * np.where(inside, late + 0.01 * (due / 1e9 >= freeze_s[0]), 0.01))
    got_ms = np.sort(_response_ms(generated))
    assert len(got_ms) == rate_per_s * duration_s
    for p, tolerance_ms in ((0.5, 15), (0.9, 30), (0.99, 60), (0.999, 60)):
        rank = int(np.ceil(p * len(due))) - 1
        # The server counts from when the first request reached it, a little later.
        assert -20 <= got_ms[rank] - expected_ms[rank] <= tolerance_ms
    if duration_s == 60:
        assert got_ms[int(0.99 * 6000) - 1] == pytest.approx(410, abs=20)


def test_one_user_of_a_closed_loop_does_not_see_the_freeze() -> None:
    with running(Behaviour(service_s=0.01, freeze_s=(0.5, 0.75))) as server:
        generated = _run(server.url, _closed(1, duration_s=2.0, warmup_s=0))

    got_ms = np.sort(_response_ms(generated))
    assert got_ms[-1] >= 240, "one request of his saw it"
    assert np.sum(got_ms > 200) == 1
    assert got_ms[int(0.95 * len(got_ms)) - 1] < 100


def test_waiting_for_a_connection_counts() -> None:
    """Eight requests at 100/s, one server of 50 ms, one connection: the last waits 330 ms."""
    due = arrivals.constant(100, 0.08)
    with running(Behaviour(service_s=0.05, servers=1)) as server:
        load = _open(0.08, max_in_flight=1)
        generated = _run(server.url, load, due)

    samples = generated.samples
    assert 325 <= _response_ms(generated).max() <= 450
    assert 49 <= np.median((samples["ended_ns"] - samples["sent_ns"]) / 1e6) <= 65
    assert generated.results[0].connections_opened == 1


@pytest.mark.parametrize("users", [1, 8, 64])
def test_littles_law_holds(users: int) -> None:
    load = _closed(users)
    with running(Behaviour(service_s=0.02)) as server:
        summary = _summary(load, _run(server.url, load))

    assert summary.little_gap <= 0.03
    assert summary.mean_in_flight == pytest.approx(users, rel=0.1)


def test_a_closed_loop_is_limited_by_users_then_by_servers() -> None:
    with running(Behaviour(service_s=0.02, servers=4)) as server:
        for users in (1, 2, 4, 8):
            load = _closed(users)
            throughput = _summary(load, _run(server.url, load)).throughput_per_s
            most = min(users, 4) / 0.02
            assert 0.6 * most <= throughput <= 1.03 * most


@pytest.mark.parametrize(
    ("service_s", "requests"),
    [(0.01, 300), pytest.param(0.02, 10_000, marks=pytest.mark.load)],
)
def test_a_queue_is_as_long_as_lindley_says(service_s: float, requests: int) -> None:
    for load_factor in (0.5, 0.8):
        rate_per_s = load_factor / service_s
        due = arrivals.poisson(rate_per_s, requests / rate_per_s, seed=3)
        with running(Behaviour(service_s=service_s, servers=1)) as server:
            generated = _run(server.url, _open(requests / rate_per_s, max_in_flight=128), due)

        # The server's timer has whole milliseconds, so its service takes up to one longer.
        shortest, longest = (_lindley_ms(due, service_s + extra) for extra in (0.0, 0.0015))
        assert 0.9 * shortest <= _response_ms(generated).mean() <= 1.1 * longest + 2


def _lindley_ms(due: Schedule, service_s: float) -> float:
    free_s, total_s = 0.0, 0.0
    for moment_s in due / 1e9:
        free_s = max(free_s, moment_s) + service_s
        total_s += free_s - moment_s
    return 1000 * total_s / len(due)


def test_every_failure_is_counted_exactly() -> None:
    script = ["ok"] * 88 + ["500"] * 5 + ["429"] * 3 + ["424"] * 2 + ["reset", "page"]
    due = arrivals.constant(500, 4)
    with running(Behaviour(script=script)) as server:
        generated = _run(server.url, _open(4), due)
        seen = server.seen()

    got = Counter(Outcome(code) for code in generated.samples["outcome"])
    got[Outcome.RESET] += got.pop(Outcome.RESET_STALE, 0)  # as the connection was new or not
    assert got == {
        Outcome.OK: seen["ok"],
        Outcome.HTTP_5XX: seen["500"],
        Outcome.THROTTLED: seen["429"],
        Outcome.MODEL_ERROR: seen["424"],
        Outcome.RESET: seen["reset"],
        Outcome.BAD_BODY: seen["page"],
    }
    assert got.total() == len(due) == 2000
    assert seen["ok"] == 1760


def test_a_load_on_an_unresponsive_target_is_stopped() -> None:
    load = _closed(2, duration_s=60, warmup_s=0)
    with running(Behaviour(service_s=0.005, script=["ok"] * 50 + ["500"] * 10_000)) as server:
        generated = _run(server.url, load, stop=Unresponsive(after_s=0.5))
        seen = server.seen()

    assert isinstance(generated.stopped_by, Unresponsive)
    assert not generated.interrupted
    assert generated.window_end_ns < 30e9
    assert Counter(generated.samples["outcome"].tolist()) == {
        Outcome.OK: 50,
        Outcome.HTTP_5XX: seen["500"],
    }
    assert _summary(load, generated).verdict == "ERRORS"


def test_hanging_garbled_and_slow_answers() -> None:
    script = ["hang", "garbage", "trickle", "large"]
    due = arrivals.constant(40, 1)
    with running(Behaviour(script=script)) as server:
        generated = _run(server.url, _open(1), due, timeout_s=0.5)
        seen = server.seen()

    samples = generated.samples
    got = Counter(Outcome(code) for code in samples["outcome"])
    assert got == {Outcome.TIMEOUT: 10, Outcome.PROTOCOL: 10, Outcome.OK: 20}
    assert sum(seen[fate] for fate in script) == 40, "nothing is sent twice"
    timed_out = samples[samples["outcome"] == Outcome.TIMEOUT]
    waited_ms = (timed_out["ended_ns"] - timed_out["intended_ns"]) / 1e6
    assert waited_ms.min() >= 499
    assert (timed_out["first_byte_ns"] == NEVER).all()
    large = samples[samples["response_bytes"] > 1_000_000]
    assert len(large) == 10
    good = samples[(samples["outcome"] == Outcome.OK) & (samples["response_bytes"] < 1_000_000)]
    body_ms = (good["ended_ns"] - good["first_byte_ns"]) / 1e6
    assert (body_ms > 30).all(), "the first byte is not the last"


def test_connections_are_opened_before_and_kept() -> None:
    with running(Behaviour(service_s=0.005)) as server:
        generated = _run(server.url, _closed(64))
        assert server.seen()["connections"] == 64

    assert generated.results[0].connections_opened == 64
    assert len(np.unique(generated.samples["connection"])) == 64


def test_a_server_that_closes_connections_is_not_asked_twice() -> None:
    with running(Behaviour(close_after=25)) as server:
        generated = _run(server.url, _closed(2))
        seen = server.seen()

    got = Counter(Outcome(code) for code in generated.samples["outcome"])
    assert set(got) <= {Outcome.OK, Outcome.RESET_STALE}
    assert got[Outcome.OK] == seen["ok"], "each request was answered once"
    assert seen["connections"] >= seen["ok"] // 25


def test_more_processes_send_the_same_schedule() -> None:
    due = arrivals.poisson(300, 1.5, seed=9)
    with running(Behaviour()) as server:
        alone = _run(server.url, _open(1.5), due).samples
        shared = _run(server.url, _open(1.5), due, workers=3).samples

    assert alone["intended_ns"].tolist() == shared["intended_ns"].tolist() == due.tolist()
    assert alone["payload"].tolist() == shared["payload"].tolist()
    assert set(shared["worker"]) == {0, 1, 2}
    assert (alone["sent_ns"] >= alone["intended_ns"]).all()
    assert (shared["sent_ns"] >= shared["intended_ns"]).all()


def test_asking_for_more_than_can_be_sent_is_client_limited() -> None:
    due = arrivals.constant(200_000, 1.0)
    load = Load(model="constant", rate_per_s=200_000, warmup_s=0, duration_s=1.0, max_in_flight=16)
    with running(Behaviour()) as server:
        summary = _summary(load, _run(server.url, load, due, timeout_s=3.0))

    assert summary.requests == 200_000
    assert sum(summary.outcomes.values()) == 200_000
    assert summary.verdict == "CLIENT-LIMITED"


def test_a_stalled_generator_accuses_itself() -> None:
    """Each stop of its process for 200 ms shows in the lag and in the delays of sending."""

    def stall(_: Progress) -> None:
        for child in running_children(psutil.Process(), worker.__name__):
            child.suspend()
            threading.Event().wait(0.2)
            child.resume()

    load = _open(3)
    with running(Behaviour(service_s=0.005)) as server:
        summary = _summary(
            load, _run(server.url, load, arrivals.constant(200, 3), on_progress=stall)
        )

    assert summary.verdict == "CLIENT-LIMITED"
    assert summary.send_delay_p99_ms > 100
    assert any("lag" in reason or "late" in reason for reason in summary.reasons)


def test_a_killed_process_of_the_generator_is_an_error() -> None:
    def kill(_: Progress) -> None:
        for child in running_children(psutil.Process(), worker.__name__):
            child.kill()

    with (
        running(Behaviour(service_s=0.005)) as server,
        pytest.raises(NewsclfError, match="load generator died"),
    ):
        _run(server.url, _closed(2, duration_s=20), on_progress=kill)


def test_a_process_of_the_generator_that_is_killed_while_it_starts_is_an_error() -> None:
    """Its task is larger than a pipe holds, and nobody reads it."""
    before = psutil.Process().children()

    def kill_the_first() -> None:
        while not (started := [c for c in psutil.Process().children() if c not in before]):
            pass
        started[0].kill()

    killer = threading.Thread(target=kill_the_first, daemon=True)
    killer.start()
    with pytest.raises(NewsclfError, match="load generator died"):
        _run("http://127.0.0.1:9", _open(1), arrivals.constant(200_000, 1.0), workers=2)
    killer.join()

    assert psutil.Process().children() == before


def test_stopping_drains_and_stopping_again_cancels() -> None:
    for asked, outcomes in ((1, {Outcome.OK}), (2, {Outcome.OK, Outcome.CANCELLED})):
        stop = Interrupt()

        def ask(progress: Progress, stop: Interrupt = stop, asked: int = asked) -> None:
            if progress.ok:
                stop.asked = asked

        with running(Behaviour(service_s=0.3)) as server:
            generated = _run(
                server.url, _open(20), arrivals.constant(20, 20), stop=stop, on_progress=ask
            )
        assert generated.interrupted
        assert generated.window_end_ns < 5e9
        assert {Outcome(code) for code in generated.samples["outcome"]} == outcomes


def test_a_process_that_is_done_is_not_told_to_stop() -> None:
    """Two processes: the first ends, the second hangs, and has to be cancelled."""
    stop = Interrupt()

    def ask(progress: Progress) -> None:
        if progress.in_flight == 1 and progress.ok == 0:
            stop.asked = 2

    with running(Behaviour(script=["ok", "hang"])) as server:
        generated = _run(
            server.url, _open(20), arrivals.constant(2, 1), workers=2, stop=stop, on_progress=ask
        )
    got = Counter(Outcome(code) for code in generated.samples["outcome"])
    assert got == {Outcome.OK: 1, Outcome.CANCELLED: 1}


def test_a_burst_is_sent_whole() -> None:
    load = Load(model="burst", requests=500, warmup_s=0, duration_s=1, max_in_flight=4)
    with running(Behaviour()) as server:
        generated = _run(server.url, load, arrivals.burst(500))
        assert server.seen()["ok"] == 500
    assert set(generated.samples["outcome"]) == {Outcome.OK}


def test_no_connection_no_test() -> None:
    with pytest.raises(ServiceError, match="connect refused"):
        _run("http://127.0.0.1:9/classify", _closed(1))
    with pytest.raises(ServiceError, match="dns"):
        _run("http://nowhere.invalid/classify", _closed(1))
    with running(Behaviour()) as server, pytest.raises(ServiceError, match="tls"):
        _run(server.url.replace("http:", "https:"), _closed(1))
