"""Records of a frontier: what was measured of each model, and what follows from it.

The JSON Schema of `frontier.json`, which `newsclf frontier --json` prints, is published as
docs/frontier.schema.json.
"""

from __future__ import annotations

import json
from typing import Literal

from newsclf.common.intervals import Interval
from newsclf.common.records import LenientRecord

Part = Literal["validation", "test", "all"]
"""`all`: all rows of data that no model was trained on."""
CONFIDENCE = 0.95
"""That all models which pass are not worse by δ or more; shared among them (Bonferroni)."""
OPEN_LOAD = "open load"
FAILED = "too many requests failed"
"""What a doubt about the open load begins with, and how it ends when that is no evidence."""


class Host(LenientRecord):
    """The machine on which everything was measured."""

    cpu: str
    instruction_sets: list[str]
    cores: int
    versions: dict[str, str]

    @property
    def words(self) -> str:
        """Processor, cores and instruction sets."""
        sets = f" ({', '.join(self.instruction_sets)})" if self.instruction_sets else ""
        return f"{self.cpu}, {self.cores} core{'s' * (self.cores > 1)}{sets}"


class Speed(LenientRecord):
    """Speed of a model behind its real server, pinned to `cores` cores of the machine."""

    cores: int
    rounds: int
    per_core_per_s: Interval
    """Requests per second and core at full load, with one headline each: the mean of the rounds.
    Its interval is that of the rounds; of a single one, of the fluctuation within it."""
    users: int
    """Users of the full load, each of whom waits for an answer."""
    open_per_s: float
    """Rate of the open load, Poisson arrivals, at which the latencies were measured."""
    percentiles_ms: dict[str, Interval]
    """p50, p90, p95, p99 and p99.9 at `open_per_s`: the median round, from the least low end to the
    greatest high one of the rounds."""
    mean_ms: float
    """Mean latency at `open_per_s`."""
    failed_fraction: float = 0.0
    """Share of the open load's requests that failed, in the round with most of them."""
    start_up_s: float
    """From starting the process until /ping answers 200 and a first headline is classified: the
    median round."""
    serving_bytes: int
    """Size of the files that the server loads."""
    measured_on: str
    """Day of the last round, ISO 8601."""
    doubts: list[str]
    """Why a figure is less reliable than it looks, in words."""

    @property
    def p95_ms(self) -> Interval:
        """95th percentile of the response time at `open_per_s`."""
        return self.percentiles_ms["p95"]


class Price(LenientRecord):
    """What a million requests cost, if each vCPU of the instance does what a core did here."""

    usd_per_million: Interval
    """At full load, as SageMaker's Inference Recommender computes it; the interval is the speed's.
    """
    usd_per_million_at_use: Interval
    """At the share of full load that an instance is planned to carry."""


class AgainstTeacher(LenientRecord):
    """The paired comparison with the teacher."""

    loss: float
    """How much lower the accuracy is; negative if it is higher."""
    at_most: float
    """Upper bound of the true loss. The bounds of all models hold together at 95 %."""
    only_teacher_right: int
    only_model_right: int
    p_value: float
    """Of the hypothesis that the true loss is δ or more; compared with 0.05 / number of models."""
    not_worse: bool
    """Whether the loss was shown to be less than δ."""


class Quality(LenientRecord):
    """Scores of a model on the rows."""

    runtime: Literal["int8", "float"]
    accuracy: Interval
    macro_f1: Interval
    unseen_macro_f1: Interval | None = None
    """Mean over public test sets; None: none was asked for."""
    against_teacher: AgainstTeacher | None = None
    """None for the teacher itself."""


class FrontierRow(LenientRecord):
    """One model."""

    name: str
    path: str
    """As it was named."""
    digest: str
    base: str
    quality: Quality
    speed: Speed | None = None
    """None for a teacher of which only the answers were asked for."""
    price: Price | None = None
    dominated_by: str | None = None
    """Name of a model that is at least as accurate and as cheap, and better in one of the two."""


class Unseen(LenientRecord):
    """The public test sets."""

    sets: list[str]
    mean_of: list[str]


class Frontier(LenientRecord):
    """Everything that `newsclf frontier` found."""

    schema_version: Literal[1] = 1
    created: str
    """UTC, ISO 8601."""
    data: str
    data_digest: str
    part: Part
    rows: int
    left_out: int
    """Rows of the part that some model was trained on, which none is scored on."""
    unseen: Unseen | None = None
    machine: Host
    load: str
    """The loads in words."""
    instance: str
    region: str
    vcpus: int
    usd_per_hour: float
    price_date: str
    price_source: str
    utilisation: float
    delta: float
    teacher: str
    """Name of the model that the others are compared with."""
    teacher_digest: str
    chosen: str | None
    """Name of the default: the cheapest model that is not worse; None if no model is."""
    reason: str
    """Why it was chosen, or why none was."""
    models: list[FrontierRow]
    """The cheapest first; a teacher without a price at the end."""

    @property
    def remarks(self) -> list[str]:
        """What readers of the figures must know, as sentences."""
        found = [_PARTS[self.part]]
        if self.left_out:
            found.append(
                f"{self.left_out:,} rows of that part are left out, since a model was trained on"
                " them."
            )
        days = {row.speed.measured_on for row in self.models if row.speed}
        if len(days) > 1:
            found.append(
                f"Speeds were measured on {len(days)} days, {min(days)} to {max(days)};"
                " --again measures them side by side."
            )
        for row in self.models:
            found += [f"{row.name}: {doubt}." for doubt in row.speed.doubts] if row.speed else []
        return found


_PARTS: dict[Part, str] = {
    "validation": "Scores are of validation rows, on which models are chosen; epochs and"
    " calibration were chosen on them too, so they are a little too high.",
    "test": "Scores are of held-out test rows: report them, but choose on validation rows.",
    "all": "Scores are of rows that no model was trained or validated on.",
}


def frontier_schema() -> str:
    """JSON Schema of `frontier.json`, as in docs/frontier.schema.json."""
    return json.dumps(Frontier.model_json_schema(mode="serialization"), indent=2) + "\n"
