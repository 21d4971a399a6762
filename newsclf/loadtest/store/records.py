"""Records of a load-test run: what is written beside the raw samples, and what is derived.

    runs/<UTC>-<name>/
      run.json                        Run: what was asked for, on what, with what
      points/<id>/requests.csv.gz     the raw samples
      points/<id>/point.json          Point: written last, so a point that has it is complete
      search-<instance>.json          Search: only with --slo
      server-<instance>.json          ServerFigures: what CloudWatch gave for an endpoint on AWS
      prices.json                     PriceBook: the prices of the day
      summary.json  points.csv  cost.csv  report.md  report.html     derived: `newsclf report RUN`

The JSON Schema of `summary.json` is published as docs/summary.schema.json.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from newsclf.common.intervals import Interval
from newsclf.common.records import StrictRecord
from newsclf.costs.formulas import CostRow
from newsclf.deploy.recommendations import RecommenderSummary
from newsclf.deploy.server_figures import ServerSide

SCHEMA_VERSION: Final = 1


class Load(StrictRecord):
    """Load of one point."""

    model: Literal["closed", "constant", "poisson", "stairs", "burst", "replay"]
    """closed: `concurrency` users who each wait for their answer; the others are open: requests are
    due by a schedule, whether or not earlier ones were answered."""
    concurrency: int | None = None
    """Users of a closed loop."""
    rate_per_s: float | None = None
    """Mean rate of `constant` and `poisson`."""
    rates_per_s: list[float] | None = None
    """Rates of `stairs`, each for an equal part of the window."""
    requests: int | None = None
    """Number of requests of a `burst`."""
    timestamps_sha256: str | None = None
    """Digest of the file of a `replay`."""
    warmup_s: float
    duration_s: float
    """Length of the measured window, after the warm-up; both belong to one unbroken load."""
    max_in_flight: int
    """Connections, and so requests at once."""

    def connections_of(self, worker: int, workers: int) -> int:
        """How many of the connections one of several processes of the generator has."""
        share, rest = divmod(self.max_in_flight, workers)
        return share + (worker < rest)


class WorkerHealth(StrictRecord):
    """How one process of the generator was doing during the measured window."""

    cpu_fraction: float
    """CPU seconds of the process per second: 1 is a whole core."""
    cpu_wait_fraction: float = 0.0
    """Seconds per second for which it could have run, but others had the core (Linux)."""
    lag_p99_ms: float
    """How late a 10 ms heartbeat of its event loop came."""
    lag_max_ms: float


class Point(StrictRecord):
    """One load, as it was run."""

    id: str
    """Such as `closed-8-r1`."""
    load: Load
    repeat: int = 1
    instance: str
    """What was measured: `ml.c5.large`, `local:2`, or `url`."""
    started_utc: str
    window_begin_ns: int
    """The measured window on the clock of the samples."""
    window_end_ns: int
    schedule_sha256: str | None = None
    """Digest of the schedule of an open loop."""
    workers: list[WorkerHealth]
    connections_opened: int
    interrupted: bool = False


Verdict = Literal["OK", "UNSTABLE", "CLIENT-LIMITED", "ERRORS"]


def _with_those_that_are_priced(figures: dict[str, Interval]) -> dict[str, Interval]:
    if missing := {"p50", "p95", "p99"} - figures.keys():
        raise ValueError(f"it has no {min(missing)}")
    return figures


Percentiles = Annotated[dict[str, Interval], AfterValidator(_with_those_that_are_priced)]


class PointSummary(StrictRecord):
    """What the samples of one point say. Latencies in ms, rates per second."""

    id: str
    instance: str
    load: Load
    repeat: int
    requests: int
    """Scheduled (open) or sent (closed) in the measured window."""
    outcomes: dict[str, int]
    """Outcome → count, without zeros; sums to `requests`."""
    error_fraction: float
    """Share of `requests` that failed, apart from those cancelled by the user."""
    offered_per_s: float
    throughput_per_s: float
    """Good answers completed in the window."""
    throughput_interval: Interval = Interval(value=None)
    """The same, with the interval that its fluctuation within the window gives."""
    response_ms: Percentiles
    """p50, p90, p95, p99, p99.9 of OK requests, from the scheduled time."""
    response_all_ms: Percentiles
    """The same with failed requests at the time they took."""
    service_ms: Percentiles
    """From sending to the answer's end, of OK requests."""
    mean_in_flight: float
    send_delay_p99_ms: float
    """From due to sent, where a connection was free."""
    late_fraction: float
    """Share sent more than 10 ms after they were due, of the requests with a free connection."""
    held_fraction: float = 0.0
    """Share due while all connections were taken: the server made them wait."""
    achieved_fraction: float
    """Share sent within 10 ms after they were due, whatever held up the others."""
    little_gap: float
    """|N − X·R| / N; more than .03 is a fault of the measurement."""
    windows: list[dict[str, float | None]]
    """Three thirds of the measured window: throughput_per_s, p50_ms, p95_ms, in_flight. None where
    nothing was answered."""
    verdict: Verdict
    reasons: list[str]
    """Why the verdict is not OK, in words; and warnings."""
    server: ServerSide | None = None
    """What the service measured by itself; None except for an endpoint on AWS."""

    @property
    def mean_ms(self) -> float:
        """Mean latency by Little's law, R = N / X, which each OK point obeys within 3 %."""
        return 1000 * self.mean_in_flight / self.throughput_per_s


class Probe(StrictRecord):
    """One rate that the search tried."""

    rate_per_s: float
    requests: int
    misses: int
    """Requests of the measured window over the objective or failed, for the worst objective."""
    passed: bool
    decision: Literal["pass", "fail", "inconclusive"] = "inconclusive"
    """Both of the last two are not passed; only a fail is significant."""
    reason: str
    point: str
    """Id of the last point with its samples."""
    points: list[str] = Field(default_factory=list)
    """Ids of all points at this rate."""


class Objective(StrictRecord):
    """A latency objective, such as p95=200ms."""

    percentile: float = Field(gt=0, lt=100)
    limit_ms: float = Field(gt=0)

    @property
    def typed(self) -> str:
        """The objective as --slo takes it."""
        return f"p{self.percentile:g}={self.limit_ms:g}ms"


class Search(StrictRecord):
    """The highest Poisson rate that meets the objectives: at least `low`, below `high`."""

    objectives: list[Objective]
    instance: str
    low_per_s: float | None
    """The highest rate that passed, confirmed by repeats; None if none passed."""
    high_per_s: float | None
    """The lowest rate that failed significantly; None if none did."""
    confirmed: bool
    note: str
    probes: list[Probe]


Figure = Literal["p50_ms", "p95_ms", "p99_ms", "throughput_per_s"]


class Change(StrictRecord):
    """How one figure of one load differs between two runs."""

    figure: Figure
    before: float | None
    after: float | None
    """Geometric mean of the repeats."""
    change: Interval
    """Relative: .2 is a fifth more. The intervals of a comparison hold together at 95 %."""
    verdict: Literal["better", "same", "worse", "unknown"]
    """same: not shown to differ by more than the minimal effect."""


class PointComparison(StrictRecord):
    """One load in two runs."""

    instance: str
    load: Load
    repeats_before: int
    repeats_after: int
    changes: list[Change]
    warnings: list[str]
    """Repeats whose verdict is not OK."""
    regression: bool
    """p95 or throughput is worse, or requests fail that did not."""


class Comparison(StrictRecord):
    """Two runs, at the loads that both have."""

    before: str
    after: str
    minimal_effect: float
    """Smaller relative changes are never called a difference."""
    confidence: float
    """Confidence of each interval, so that all hold together at 95 %."""
    points: list[PointComparison]
    warnings: list[str] = Field(default_factory=list)
    """What else differs between the two."""
    unmatched: list[str]
    """Ids of points whose load the other run does not have."""
    regression: bool


class Payloads(StrictRecord):
    """What was sent."""

    source: str
    count: int
    sha256: str
    characters_mean: float
    characters_p50: int
    characters_p95: int
    characters_max: int


class Machine(StrictRecord):
    """Where the generator ran."""

    cpu: str
    cores: int
    kernel: str
    python: str
    packages: dict[str, str]


class Run(StrictRecord):
    """What a load test was asked for, on what, with what."""

    schema_version: Literal[1] = 1
    name: str
    started_utc: str
    config_sha256: str
    """Digest of everything that decides what is sent; `--resume` needs the same."""
    target: str
    """The URL; never a key."""
    kind: Literal["local", "url", "sagemaker", "api-gateway"]
    model_digest: str | None = None
    seed: int
    loads: list[Load]
    repeats: int
    objectives: list[Objective] = Field(default_factory=list)
    payloads: Payloads
    headlines_per_request: int = 1
    """Costs and rates are of requests, not of headlines."""
    body_sha256: str | None = None
    """Digest of the template of the requests, for an API that is not newsclf's."""
    expect: str = "newsclf"
    """What counts as a good answer: `newsclf`, `status` or `json:PATH`."""
    timeout_s: float = 30.0
    """From the moment a request is due."""
    machine: Machine
    shares_host: bool
    """The server runs on the generator's machine, and competes with it for cores."""
    price_as: str | None = None
    """Hosting instance whose price the machine is given."""
    region: str = "us-east-1"
    """AWS region of the prices."""
    instance_count: int = 1
    """Instances behind the endpoint, each of which is billed: the most that were
    seen at the start or the end of a session."""
    rescaled: bool = False
    """The number of instances was another at its end than at its start."""
    utilisation: float = 0.5
    interrupted: bool = False
    """It ended before all points were run."""
    stop_reason: str | None = None
    """Why it ended early."""
    server_unread: str | None = None
    """Why the service's own figures could not be read."""


class Summary(StrictRecord):
    """All that is derived from a run: the contents of `summary.json`."""

    schema_version: Literal[1] = SCHEMA_VERSION
    run: Run
    points: list[PointSummary]
    searches: list[Search]
    costs: list[CostRow]
    recommender: RecommenderSummary | None = None
    """What SageMaker's Inference Recommender says, where it was asked."""
