"""What `newsclf status` shows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from newsclf.cli.console import Output
    from newsclf.common.errors import NewsclfError
    from newsclf.deploy.aws.status import AwsStatus
    from newsclf.deploy.local.status import Status


_FIGURES = (
    "requests",
    "url",
    "running",
    "answers",
    "healthy",
    "api_running",
    "api_answers",
    "uptime_s",
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at all deployments has shown."""

    here: Sequence[Status] = ()
    on_aws: Sequence[AwsStatus] = ()
    problems: Sequence[NewsclfError] = ()
    """What could not be read."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing, not even an error."""
        return not (self.here or self.on_aws or self.problems)

    def documents(self) -> list[dict[str, object]]:
        """Each deployment as JSON."""
        return [
            *(_local_document(each) for each in self.here),
            *({"target": "aws", **asdict(each)} for each in self.on_aws),
        ]


class View(NamedTuple):
    """What is shown, and the notes that go with it."""

    shown: list[RenderableType]
    notes: list[str]

    def show(self, output: Output) -> None:
        """Print it."""
        output.show(*self.shown)
        for note in self.notes:
            output.note(note)


def view_of(output: Output, seen: Seen) -> View:
    """Everything that was seen, but for what could not be read."""
    view = View([], [])
    for each in (
        *([_local_view(output, seen.here)] if seen.here else []),
        *([_aws_view(output, seen.on_aws)] if seen.on_aws else []),
    ):
        view.shown.extend(each.shown)
        view.notes.extend(each.notes)
    if seen.is_empty:
        view.notes.append("nothing is deployed")
    return view


def _local_document(status: Status) -> dict[str, object]:
    """The health of a deployment on this machine as JSON."""
    return {
        "deployment": status.deployment.model_dump(mode="json"),
        "server_url": status.deployment.server.url,
        "copied_from": None if status.original is None else str(status.original),
        **{name: getattr(status, name) for name in _FIGURES},
    }


def _local_view(output: Output, found: Sequence[Status]) -> View:
    """The health of the deployments on this machine, and what to type next."""
    shown: list[RenderableType] = [
        output.table(
            "On this machine",
            ["name", "model", "auth", "health", "uptime", "requests", "pid", "per hour"],
            [
                [
                    s.deployment.name,
                    s.deployment.model.name,
                    _auth(s),
                    _server(s),
                    "–" if s.uptime_s is None else _duration(s.uptime_s),
                    "–" if s.requests is None else s.requests,
                    s.deployment.server.pid or "–",
                    "$0",
                ]
                for s in found
            ],
            optional=["per hour", "pid"],
        ),
        *(f"{s.deployment.name}: {s.url}" for s in found),
    ]
    notes = []
    for s in found:
        if s.original is not None:
            notes.append(
                f"{s.deployment.name}: its record was copied; the process that it names belongs to"
                f" the deployment in {s.original}"
            )
        elif s.deployment.api is not None and s.running and not s.api_running:
            notes.append(f"{s.deployment.name}: its API is down; newsclf wire-api starts it again")
    down = [s.deployment for s in found if not s.running]
    if paused := [each.name for each in down if each.paused_since is not None]:
        notes.append(f"{', '.join(paused)}: paused; newsclf resume starts it again")
    if dead := [each.name for each in down if each.paused_since is None]:
        notes.append(f"{', '.join(dead)}: down; newsclf deploy starts it again")
    return View(shown, notes)


def _aws_view(output: Output, found: Sequence[AwsStatus]) -> View:
    """The health and cost of the deployments on AWS, and what to type next."""
    table = output.table(
        "On AWS",
        ["name", "region", "on", "endpoint", "API", "age", "per hour", "per day", "so far"],
        [
            [
                s.name,
                s.region,
                s.on or "–",
                s.endpoint,
                s.api or "–",
                "–" if s.age_s is None else _duration(s.age_s),
                _cost(s, s.usd_per_hour),
                _cost(s, None if s.usd_per_hour is None else 24 * s.usd_per_hour),
                _cost(s, s.usd_so_far),
            ]
            for s in found
        ],
    )
    notes = []
    for s in found:
        if s.endpoint == "paused":
            notes.append(_paused(s))
        if s.recorded and s.endpoint == "none":
            notes.append(
                f"{s.name}: its endpoint is gone;"
                f" newsclf teardown --deployment {s.name} removes the rest"
            )
        if not s.recorded:
            notes.append(
                f"warning: nothing here has recorded {s.name} in {s.region};"
                f" newsclf teardown --deployment {s.name} --region {s.region} removes it"
            )
    return View([table], notes)


def _paused(status: AwsStatus) -> str:
    """What a pause saves, what is still billed, and how to end it."""
    from newsclf.costs.formulas import HOURS_PER_MONTH
    from newsclf.reporting.text import usd

    hour = status.saves_usd_per_hour
    saves = (
        f"saves {usd(hour)} an hour, {usd(HOURS_PER_MONTH * hour)} a month"
        if hour is not None
        else "saves nothing by the hour, since it is billed by use"
        if status.on == "serverless"
        else "saves the price of its instances, which is not known here"
    )
    return (
        f"{status.name}: paused, which {saves}; still billed, by use:"
        f" {', '.join(status.still_billed)}; newsclf resume --deployment {status.name}"
    )


def _cost(status: AwsStatus, amount: float | None) -> str:
    from newsclf.reporting.text import usd

    if amount is not None:
        return usd(amount)
    if status.on == "serverless" and status.endpoint != "paused":
        return "by use"
    return "–" if status.endpoint in ("none", "paused") else "?"


def _server(status: Status) -> str:
    """Health of the model server."""
    if not status.running:
        return "down" if status.deployment.paused_since is None else "paused"
    if not status.answers:
        return "does not answer"
    return "healthy" if status.healthy else "not ready"


def _auth(status: Status) -> str:
    """Authentication of the API, if there is one, and its health."""
    api = status.deployment.api
    if api is None:
        return "no API"
    if not status.api_running:
        return f"{api.auth}, down"
    return api.auth if status.api_answers else f"{api.auth}, does not answer"


def _duration(seconds: float) -> str:
    minutes, s = divmod(int(seconds), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours}:{m:02}:{s:02}"
