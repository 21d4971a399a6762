"""The command `newsclf policy`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from newsclf.cli import completion
from newsclf.cli.options import QuietOpt, VerboseOpt, start

if TYPE_CHECKING:
    from newsclf.common.errors import ConfigError


def policy(
    context: typer.Context,
    commands: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[COMMAND]...",
            help="Commands that the policy must allow: train, deploy, wire-api, predict, loadtest,"
            " status, logs, pause, resume, teardown; and label, with --bedrock.",
            show_default="all of them",
        ),
    ] = None,
    *,
    region: Annotated[
        str,
        typer.Option(
            metavar="REGION",
            autocompletion=completion.regions,
            help="Restrict the policy to one region.",
            show_default="any",
        ),
    ] = "*",
    account: Annotated[
        str,
        typer.Option(
            metavar="NUMBER",
            help="Restrict the policy to one account, by its twelve digits.",
            show_default="any",
        ),
    ] = "*",
    role: Annotated[
        str | None,
        typer.Option(
            metavar="ARN",
            help="Existing role for --role; the policy then only allows passing it on.",
        ),
    ] = None,
    bedrock: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL",
            help="Also allow this model of Amazon Bedrock, as in label --llm bedrock:MODEL;"
            " repeatable.",
        ),
    ] = None,
    quiet: QuietOpt = False,
    verbose: VerboseOpt = False,
) -> None:
    """Print the smallest IAM policy that the commands need on AWS, as JSON."""
    output = start(as_json=True, quiet=quiet, verbose=verbose)
    from newsclf.common.errors import ConfigError
    from newsclf.common.suggestions import REGION
    from newsclf.deploy.aws.iam.policy import COMMANDS, MANAGED_POLICY_CHARS, document, size

    if not re.fullmatch(r"\*|\d{12}", account):
        raise ConfigError(f"--account {account}: expected twelve digits")
    if region != "*" and not REGION.fullmatch(region):
        raise ConfigError(f"--region {region}: expected a region such as us-east-1")
    if role is not None and not re.fullmatch(r"arn:aws:iam::\d{12}:role/\S+", role):
        raise ConfigError(f"--role {role}: expected arn:aws:iam::123456789012:role/NAME")
    for model in bedrock or ():
        if not re.fullmatch(r"[A-Za-z0-9][\w.:/-]*", model, re.ASCII):
            raise ConfigError(
                f"--bedrock {model}: expected a model such as amazon.nova-lite-v1:0, or an ARN"
            )
    for name in commands or ():
        if name == "label" and bedrock:
            continue
        if name not in COMMANDS:
            raise _no_permissions(name, COMMANDS, context.find_root().command)
    wanted = [name for name in COMMANDS if not commands or name in commands]
    found = document(wanted, region=region, account=account, role=role, bedrock=bedrock or ())
    output.data(found)
    output.note(f"{size(found):,} of the {MANAGED_POLICY_CHARS:,} characters of a managed policy")
    output.note(
        "save it as policy.json, then: aws iam create-policy --policy-name newsclf"
        " --policy-document file://policy.json"
    )


def _no_permissions(name: str, with_permissions: Iterable[str], root: Any) -> ConfigError:
    """The error for a command that needs no AWS permissions, or for an unknown command."""
    from newsclf.common.errors import ConfigError
    from newsclf.common.suggestions import did_you_mean

    listed = ", ".join(with_permissions)
    if name == "prices":
        return ConfigError(
            "prices: only 'prices refresh' asks AWS, and needs pricing:GetProducts",
            hint="the policy of train holds it: newsclf policy train",
        )
    if name == "label":
        return ConfigError(
            "label asks AWS for nothing but models of Bedrock",
            hint="newsclf policy label --bedrock amazon.nova-lite-v1:0",
        )
    if name in root.commands:
        return ConfigError(f"{name} needs no permissions on AWS; those that do: {listed}")
    return ConfigError(
        f"{name}: not a command of newsclf",
        hint=did_you_mean(name, with_permissions) or f"commands that need permissions: {listed}",
    )
