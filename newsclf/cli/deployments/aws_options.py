"""Options of `newsclf deploy` for an endpoint on AWS."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import typer

from newsclf.cli.durations import duration_s

AWS_PANEL = "On AWS"
"""Panel of --help for what concerns AWS alone."""
_NOT_IN_SPEC = {"memory", "concurrency", "archive", "force", "dry_run"}


@dataclass(frozen=True, kw_only=True)
class AwsOptions:
    """Options for an endpoint on AWS, apart from --instance and --serverless."""

    PANEL: ClassVar = AWS_PANEL
    memory: Annotated[
        int | None,
        typer.Option(metavar="MB", help="Memory of a serverless container.", show_default="3072"),
    ] = None
    concurrency: Annotated[
        int | None, typer.Option(help="Most serverless containers at once.", show_default="5")
    ] = None
    min_instances: Annotated[
        int | None, typer.Option("--min", help="Fewest instances.", show_default="1")
    ] = None
    max_instances: Annotated[
        int | None,
        typer.Option(
            "--max", help="Most instances; their number follows the load.", show_default="as --min"
        ),
    ] = None
    ttl_s: Annotated[
        float | None,
        typer.Option(
            "--ttl",
            parser=duration_s,
            metavar="TIME",
            help="Time after which AWS deletes the endpoint: 90m, 2h, 3d.",
        ),
    ] = None
    budget_usd: Annotated[
        float | None,
        typer.Option(
            "--budget", metavar="USD", help="Monthly SageMaker cost at which AWS sends an alert."
        ),
    ] = None
    budget_email: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Address for the budget alert.")
    ] = None
    archive: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Archive that newsclf package wrote, instead of --model."
        ),
    ] = None
    image: Annotated[
        str | None,
        typer.Option(
            metavar="URI",
            help="Container image in ECR to serve with.",
            show_default="Amazon's Hugging Face container",
        ),
    ] = None
    vpc: Annotated[
        str | None,
        typer.Option(metavar="SUBNETS:GROUPS", help="Network of your own: subnet-1,subnet-2:sg-1."),
    ] = None
    kms_key: Annotated[
        str | None, typer.Option(metavar="KEY", help="KMS key that encrypts volumes and archive.")
    ] = None
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Update even if the new model fails on more than 5 % of the requests."
        ),
    ] = False
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the plan and its price, and change nothing.")
    ] = False

    def spec(self, instance: str | None, *, serverless: bool) -> dict[str, Any]:
        """The fields of `AwsSpec` that were given."""
        capacity = _given({"memory_mb": self.memory, "max_concurrency": self.concurrency})
        found = {name: value for name, value in vars(self).items() if name not in _NOT_IN_SPEC}
        found |= {"instance": instance, "serverless": capacity if serverless or capacity else None}
        return _given(found)


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
