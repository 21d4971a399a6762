"""The commands `newsclf pause` and `newsclf resume`."""

from __future__ import annotations

from typing import Annotated

import typer

from newsclf.cli.completion import deployments
from newsclf.cli.next_commands import with_state_dir
from newsclf.cli.option_groups import grouped
from newsclf.cli.options import DEFAULT_DEPLOYMENT, StateOptions, deployment_option

NameArg = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]",
        help="Name of the deployment.",
        show_default=DEFAULT_DEPLOYMENT,
        autocompletion=deployments,
    ),
]
NameOpt = Annotated[
    str | None, deployment_option("Name of the deployment; instead of NAME.", DEFAULT_DEPLOYMENT)
]


@grouped
def pause(*, named: NameArg = None, name: NameOpt = None, general: StateOptions) -> None:
    """Stop what is billed by the hour of a deployment, and keep the rest for newsclf resume.

    On AWS only the endpoint is deleted, with its autoscaling and end of life. The API stays and
    answers 503.
    On this machine the model server stops, and an API in front of it stays.
    """
    output = general.start()
    from newsclf.deploy.store import Deployments
    from newsclf.deploy.target import target_of

    folder = general.settings().state_dir
    known = Deployments(folder).get(_one(named, name))
    deployment, changed = target_of(known, folder).pause(known.name)
    output.data(deployment.model_dump(mode="json"))
    said = "paused" if changed else "already paused; nothing changed"
    output.note(f"{known.name}: {said}")
    output.note(
        with_state_dir(
            f"next: newsclf status   shows what it saves\n"
            f"      newsclf resume --deployment {known.name}",
            folder,
        )
    )


@grouped
def resume(*, named: NameArg = None, name: NameOpt = None, general: StateOptions) -> None:
    """Start a paused deployment again as it was, and wait until it answers correctly."""
    output = general.start()
    from newsclf.deploy.store import Deployments
    from newsclf.deploy.target import target_of

    folder = general.settings().state_dir
    known = Deployments(folder).get(_one(named, name))
    deployment, changed = target_of(known, folder).resume(known.name)
    output.data(deployment.model_dump(mode="json"))
    said = "is up and answering correctly" if changed else "is not paused; nothing changed"
    output.note(f"{known.name} {said}")


def _one(named: str | None, name: str | None) -> str:
    """The deployment that is named by the argument or by the option, or the default.

    Raises:
        ConfigError: They name two.
    """
    from newsclf.common.errors import ConfigError

    if named is not None and name not in (None, named):
        raise ConfigError(f"'{named}' and --deployment {name} name two deployments")
    return named or name or DEFAULT_DEPLOYMENT
