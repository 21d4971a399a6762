"""Options that several commands share, and what each command begins with."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from newsclf.cli.output import Output

if TYPE_CHECKING:
    from newsclf.core.settings import Settings
    from newsclf.targets.local.target import LocalTarget

_GENERAL = "General options"
"""Panel of --help for what every command has; it comes after the command's own options."""
ConfigOpt = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Settings in TOML; see configs/default.toml.",
        rich_help_panel=_GENERAL,
    ),
]
DEFAULT_DEPLOYMENT = "news"
NameArg = Annotated[str, typer.Argument(metavar="[NAME]", help="Deployment.")]
JsonOpt = Annotated[
    bool,
    typer.Option("--json", help="Print the result as JSON on stdout.", rich_help_panel=_GENERAL),
]
QuietOpt = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="Print only results and errors.", rich_help_panel=_GENERAL),
]
VerboseOpt = Annotated[
    bool,
    typer.Option("--verbose", "-v", help="Log what libraries do.", rich_help_panel=_GENERAL),
]
ModelOpt = Annotated[
    Path | None,
    typer.Option("--model", metavar="DIR", help="Model directory.", show_default="model"),
]
StateDirOpt = Annotated[
    Path | None,
    typer.Option(
        "--state-dir", metavar="DIR", help="Where deployments are recorded.",
        show_default=".newsclf", rich_help_panel=_GENERAL,
    ),
]  # fmt: skip
PricesOpt = Annotated[
    Path | None,
    typer.Option("--prices", metavar="FILE", help="Your own prices; see configs/prices.toml."),
]
RegionOpt = Annotated[
    str | None,
    typer.Option("--region", help="AWS region.", show_default="AWS's own: AWS_REGION, profile"),
]
ProfileOpt = Annotated[
    str | None, typer.Option("--profile", help="AWS profile.", show_default="AWS_PROFILE")
]
YesOpt = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
OverwriteOpt = Annotated[bool, typer.Option("--overwrite", help="Replace existing output.")]
DataOpt = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="SOURCE",
        help="phrasebank, sample, or a .zip (PhraseBank), .csv, .jsonl or .parquet file.",
        show_default="phrasebank",
    ),
]
TextColumnOpt = Annotated[
    str | None,
    typer.Option("--text-column", metavar="NAME", help="Column with the headlines.",
                 show_default="text"),
]  # fmt: skip
LabelColumnOpt = Annotated[
    str | None,
    typer.Option("--label-column", metavar="NAME", help="Column with the labels.",
                 show_default="label"),
]  # fmt: skip
LabelOpt = Annotated[
    list[str] | None,
    typer.Option(
        "--label",
        metavar="THEIRS=OURS",
        help="Meaning of a label in the data, such as bearish=negative; repeatable.",
    ),
]


def start(*, as_json: bool, quiet: bool, verbose: bool) -> Output:
    """Set up logging and output for a command."""
    logging.basicConfig(level=logging.INFO if verbose else logging.ERROR, format="%(message)s")
    return Output(as_json=as_json, quiet=quiet)


def settings_from(config: Path | None, flags: dict[str, Any]) -> Settings:
    """Settings of the file, the environment and these flags (None: not given)."""
    from newsclf.core.settings import load_settings

    return load_settings(config, environ=os.environ, flags=flags)


def local_target(config: Path | None, state_dir: Path | None) -> LocalTarget:
    """The target of this machine, with the state directory of the settings."""
    from newsclf.targets.local.target import LocalTarget

    return LocalTarget(settings_from(config, {"state_dir": state_dir}).state_dir)


def seconds(text: str | None, option: str) -> int | None:
    """Read a time such as `90m`, `2h` or `3d`; None stays None.

    Raises:
        ConfigError: it is something else.
    """
    from newsclf.core.errors import ConfigError

    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,4})([mhd])", text)
    if found is None or int(found[1]) == 0:
        raise ConfigError(f"{option} {text}: expected a time such as 90m, 2h or 3d")
    return int(found[1]) * {"m": 60, "h": 3600, "d": 86_400}[found[2]]


def pairs(values: list[str] | None, option: str) -> dict[str, str]:
    """Split repeated `NAME=VALUE` arguments.

    Raises:
        ConfigError: one has no `=`.
    """
    from newsclf.core.errors import ConfigError

    found = {}
    for value in values or []:
        name, equals, rest = value.partition("=")
        if not (name and equals and rest):
            raise ConfigError(f"{option} {value}: expected NAME=VALUE")
        found[name] = rest
    return found
