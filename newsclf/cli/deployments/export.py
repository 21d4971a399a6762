"""`newsclf deploy --export`: a template of CloudFormation or Terraform instead of a deployment."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import typer

from newsclf.cli.deployments.wire_api import (
    ApiOptions,
    AwsApiOptions,
    LocalApiOptions,
    api_request,
)
from newsclf.cli.option_groups import options_given

if TYPE_CHECKING:
    from collections.abc import Mapping

    from newsclf.cli.console import Output
    from newsclf.cli.options import RegionOptions
    from newsclf.common.settings import Settings


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """Options for a template."""

    PANEL: ClassVar = "As a template"
    export: Annotated[
        Literal["cloudformation", "terraform"] | None,
        typer.Option(help="Write a template of what would be made, and make nothing."),
    ] = None
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File for the template; an API's code is written beside it.",
            show_default="stdout",
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class ExportedApiOptions(ApiOptions, AwsApiOptions):
    """Options for an API in the template, as newsclf wire-api has them."""

    PANEL: ClassVar = "API in the template"


def export(
    output: Output,
    settings: Settings,
    name: str,
    fields: Mapping[str, Any],
    *,
    options: ExportOptions,
    api: ExportedApiOptions,
    archive: Path | None,
    place: RegionOptions,
    prices: Path | None,
) -> None:
    """Write the template, and say what it does not hold.

    Args:
        fields: Fields of `AwsSpec` that were given.
        archive: A packed model, instead of the settings' model.
        prices: A file with prices that take precedence.
    """
    from newsclf.cli.deployments.deploy_aws import target_and_spec
    from newsclf.common.errors import ConfigError
    from newsclf.common.files import write_bytes, write_text
    from newsclf.deploy.aws.export.template import TemplateRequest
    from newsclf.deploy.package.build import packed

    if options.export is None:
        raise AssertionError  # called without --export
    target, spec = target_and_spec(settings, fields, place, prices)
    request = api_request(api, api, settings.aws, LocalApiOptions()) if options_given(api) else None
    if request is not None and options.out is None:
        raise ConfigError(
            "an API's code is written beside the template, so that needs a file",
            hint="add --out FILE",
        )
    output.note("packing the model" if archive is None else f"checking {archive}")
    wheels = settings.state_dir / "wheels"
    with packed(settings.model, archive, wheels=wheels, instance=spec.instance) as package:
        found = target.template(
            TemplateRequest(form=options.export, name=name, package=package, spec=spec, api=request)
        )
    text = json.dumps(found.document, indent=2, ensure_ascii=False) + "\n"
    if options.out is None:
        output.data(dict(found.document))
        output.show(text.rstrip())
    else:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        for file, code in found.code.items():
            write_bytes(options.out.parent / file, code)
        write_text(options.out, text)
        output.data({"template": str(options.out), "code": sorted(found.code)})
        for each in (options.out, *(options.out.parent / name for name in found.code)):
            output.show(str(each))
    output.note("nothing was made; not in the template, and needed before it is used:")
    for line in found.missing:
        output.note(f"  {line}")
