"""Options shared by several commands, and the setup of each command."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from newsclf.cli import completion
from newsclf.cli.console import NoteHandler, Output
from newsclf.cli.option_values import only_one, pairs

if TYPE_CHECKING:
    from newsclf.common.settings import Settings

_GENERAL = "General options"
"""Panel of --help for options of every command, after the command's own."""
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


def _checked_name(name: str | None) -> str | None:
    """Reject an invalid deployment name before anything else is done."""
    from newsclf.deploy.store import check_deployment_name

    if name is not None:
        check_deployment_name(name)
    return name


def deployment_option(help_text: str, show_default: str | None = None) -> Any:
    """The option --deployment, which every command that acts on a deployment has."""
    return typer.Option(
        "--deployment",
        "-d",
        metavar="NAME",
        help=help_text,
        show_default=show_default or True,
        autocompletion=completion.deployments,
        callback=_checked_name,
    )


DeploymentOpt = Annotated[str, deployment_option("Name of the deployment.")]
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
    typer.Option(
        "--verbose",
        "-v",
        help="Print debug messages of newsclf and its libraries.",
        rich_help_panel=_GENERAL,
    ),
]
ModelOpt = Annotated[
    Path | None,
    typer.Option("--model", metavar="DIR", help="Model directory.", show_default="model"),
]
StateDirOpt = Annotated[
    Path | None,
    typer.Option(
        "--state-dir",
        metavar="DIR",
        help="Directory of deployment records.",
        show_default=".newsclf",
        rich_help_panel=_GENERAL,
    ),
]
PayloadsOpt = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Headlines to send: a .txt, .csv, .jsonl or .parquet file.",
        show_default="the shipped sample",
    ),
]
SetsOpt = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Folder with files of these sets, under any name; others are downloaded.",
    ),
]
CatalogueOpt = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Your own test sets; see configs/unseen.toml.")
]
PricesOpt = Annotated[
    Path | None,
    typer.Option("--prices", metavar="FILE", help="Your own prices; see configs/prices.toml."),
]
RegionOpt = Annotated[
    str | None,
    typer.Option(
        "--region",
        autocompletion=completion.regions,
        help="AWS region.",
        show_default="AWS's own: AWS_REGION, profile",
    ),
]
ProfileOpt = Annotated[
    str | None, typer.Option("--profile", help="AWS profile.", show_default="AWS_PROFILE")
]
SeedOpt = Annotated[int | None, typer.Option(help="Random seed.", show_default="0")]
SeedsOpt = Annotated[
    int | None,
    typer.Option(min=1, help="Number of seeds to train; all models are kept.", show_default="1"),
]
EpochsOpt = Annotated[
    int | None, typer.Option(help="Passes over the training data.", show_default="6")
]
_RULES = "Rules of your AWS account"
RoleOpt = Annotated[
    str | None,
    typer.Option(
        "--role",
        metavar="ARN",
        help="IAM role of your own for everything that runs; newsclf then makes none.",
        show_default="roles that newsclf makes",
        rich_help_panel=_RULES,
    ),
]
BoundaryOpt = Annotated[
    str | None,
    typer.Option(
        "--permissions-boundary",
        metavar="ARN",
        help="Permissions boundary of each IAM role that newsclf makes.",
        rich_help_panel=_RULES,
    ),
]
TagOpt = Annotated[
    list[str] | None,
    typer.Option(
        "--tag",
        metavar="KEY=VALUE",
        help="Tag for everything created from now on; repeatable.",
        rich_help_panel=_RULES,
    ),
]
YesOpt = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
OverwriteOpt = Annotated[bool, typer.Option("--overwrite", help="Replace existing output.")]
DataOpt = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="SOURCE",
        help="phrasebank, headlines, sample, a file (.csv, .jsonl, .parquet, .xlsx, .zip, …), a"
        " folder, or a Hugging Face Hub data set: org/name. With +headlines after it, the shipped"
        " headlines too.",
        show_default="phrasebank",
    ),
]
DATA_PANEL = "Reading data"
TextColumnOpt = Annotated[
    list[str] | None,
    typer.Option(
        "--text-column",
        metavar="NAME",
        help="Column with the headlines.",
        show_default="text, or one called headline, title, …",
        rich_help_panel=DATA_PANEL,
    ),
]


def start(*, as_json: bool, quiet: bool, verbose: bool) -> Output:
    """Set up logging and output for a command."""
    output = Output(as_json=as_json, quiet=quiet)
    NoteHandler(output, verbose=verbose).install()
    return output


def settings_from(config: Path | None, flags: dict[str, Any]) -> Settings:
    """Load settings from the file, the environment and these flags (None: not given)."""
    from newsclf.common.settings import load_settings

    return load_settings(config, environ=os.environ, flags=flags)


@dataclass(frozen=True, kw_only=True)
class CommonOptions:
    """Options of every command."""

    config: ConfigOpt = None
    quiet: QuietOpt = False
    verbose: VerboseOpt = False

    def start(self) -> Output:
        """Set up logging and output."""
        return start(
            as_json=getattr(self, "as_json", False), quiet=self.quiet, verbose=self.verbose
        )

    def settings(self, **flags: Any) -> Settings:
        """Load settings from the file, the environment and the options.

        Args:
            flags: Settings that the command has options for; None: the option was not given.
        """
        state_dir = {"state_dir": self.state_dir} if hasattr(self, "state_dir") else {}
        return settings_from(self.config, state_dir | flags)


@dataclass(frozen=True, kw_only=True)
class ResultOptions(CommonOptions):
    """Options of a command that has a result to print."""

    as_json: JsonOpt = False


@dataclass(frozen=True, kw_only=True)
class StateOptions(ResultOptions):
    """Options of a command that uses the records of deployments."""

    state_dir: StateDirOpt = None


@dataclass(frozen=True, kw_only=True)
class RegionOptions:
    """Options that choose an AWS region and the credentials for it."""

    region: RegionOpt = None
    profile: ProfileOpt = None


@dataclass(frozen=True, kw_only=True)
class RuleOptions:
    """Options for the rules of an AWS account."""

    role: RoleOpt = None
    permissions_boundary: BoundaryOpt = None
    tag: TagOpt = None

    def rules(self) -> dict[str, object]:
        """The section `aws` of the settings.

        Raises:
            ConfigError: A tag has no `=`, or AWS does not accept it.
        """
        from newsclf.common.account_rules import checked_tags
        from newsclf.common.errors import ConfigError

        tags = pairs(self.tag, "--tag")
        if len(tags) < len(self.tag or []):
            raise ConfigError("--tag: a key is given twice")
        try:
            checked_tags(tags)
        except ValueError as error:
            raise ConfigError(f"--tag: {error}") from None
        return {
            "role": self.role,
            "permissions_boundary": self.permissions_boundary,
            "tags": tags,
        }


@dataclass(frozen=True, kw_only=True)
class ReadingOptions:
    """Options for how the rows of a file are read."""

    PANEL: ClassVar = DATA_PANEL
    text_column: TextColumnOpt = None
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,…",
            help="Names of all columns of a file without a header, such as label,text.",
        ),
    ] = None
    delimiter: Annotated[
        str | None,
        typer.Option(
            metavar="CHARACTER",
            help="Field delimiter of a CSV file, such as ';' or tab.",
            show_default="recognised",
        ),
    ] = None
    encoding: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Encoding of a text file, such as cp1252 or utf-16.",
            show_default="recognised",
        ),
    ] = None

    def flags(self) -> dict[str, object]:
        """Data settings.

        Raises:
            ConfigError: More than one text column is named.
        """
        return {
            "text_column": only_one(self.text_column, "--text-column"),
            "columns": self.columns,
            "delimiter": self.delimiter,
            "encoding": self.encoding,
        }


@dataclass(frozen=True, kw_only=True)
class LabelledDataOptions(ReadingOptions):
    """Options for how labelled rows are read."""

    label_column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Column with the labels.",
            show_default="label, or one called sentiment, …",
        ),
    ] = None
    label: Annotated[
        list[str] | None,
        typer.Option(
            metavar="THEIRS=OURS",
            help="Meaning of a label in the data, such as bearish=negative; repeatable.",
        ),
    ] = None
    score_thresholds: Annotated[
        str | None,
        typer.Option(
            metavar="LOW,HIGH",
            help="Labels are scores: below LOW is negative, above HIGH positive, else neutral.",
        ),
    ] = None

    def flags(self) -> dict[str, object]:
        """Data settings.

        Raises:
            ConfigError: More than one column of a kind is named, a label has no `=`, or labels are
                said to be names as well as scores.
        """
        from newsclf.common.errors import ConfigError

        if self.label and self.score_thresholds:
            raise ConfigError(
                "--label and --score-thresholds cannot be combined",
                hint="--label says what names mean, --score-thresholds what numbers mean",
            )
        return {
            **super().flags(),
            "label_column": only_one(self.label_column, "--label-column"),
            "labels": pairs(self.label, "--label") or None,
            "score_thresholds": self.score_thresholds,
        }
