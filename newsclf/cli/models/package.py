"""The command `newsclf package`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsclf.cli.option_groups import grouped
from newsclf.cli.options import OverwriteOpt, StateOptions

if TYPE_CHECKING:
    from newsclf.deploy.package.archive import Contents

_ARCHIVE = Path("model.tar.gz")


@grouped
def package(
    *,
    model: Annotated[
        Path | None,
        typer.Argument(metavar="[MODEL]", help="Model directory.", show_default="model"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Archive to write.", show_default=str(_ARCHIVE)),
    ] = None,
    check: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Check this archive instead of writing one.")
    ] = None,
    float_weights: Annotated[
        bool, typer.Option("--float-weights", help="Pack the float weights too.")
    ] = False,
    gpu: Annotated[
        bool,
        typer.Option(
            "--gpu", help="Pack for ml.g5 and ml.g6: float weights for the GPU's PyTorch, no int8."
        ),
    ] = False,
    wheels: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder of wheels to use instead of downloading them.",
            file_okay=False,
            exists=True,
        ),
    ] = None,
    requirements: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Requirements file with pinned, hashed wheels (name==version --hash=sha256:…).",
            show_default="those for the stock container",
        ),
    ] = None,
    overwrite: OverwriteOpt = False,
    general: StateOptions,
) -> None:
    """Pack a model as model.tar.gz for SageMaker's Hugging Face container, or check an archive."""
    output = general.start()
    from newsclf.common.errors import ConfigError
    from newsclf.deploy.package.build import PackageRequest
    from newsclf.deploy.package.build import check as run_check
    from newsclf.deploy.package.build import package as run

    if check is not None:
        if model or out or wheels or requirements or float_weights or gpu or overwrite:
            raise ConfigError(
                "--check takes no other option or argument", hint=f"newsclf package --check {check}"
            )
        packed = run_check(check)
    else:
        if gpu and (wheels or requirements):
            raise ConfigError(
                "--gpu takes no --wheels or --requirements: the container for GPUs has all it needs"
            )
        settings = general.settings(model=model)
        packed = run(
            PackageRequest(
                model=settings.model,
                out=out or _ARCHIVE,
                cache=settings.state_dir / "wheels",
                wheels=wheels,
                requirements=requirements,
                float_weights=float_weights,
                gpu=gpu,
                overwrite=overwrite,
            )
        )
    output.data(
        {
            "path": str(packed.path),
            "size_bytes": packed.size_bytes,
            "sha256": packed.sha256,
            "model_digest": packed.contents.model_digest,
            "files": [asdict(member) for member in packed.contents.members],
        }
    )
    output.show(
        output.table(
            str(packed.path),
            ["", "bytes"],
            [
                *([name, f"{size_bytes:,}"] for name, size_bytes in _rows(packed.contents).items()),
                ["the archive", f"{packed.size_bytes:,}"],
            ],
        ),
        f"SHA-256 of the archive: {packed.sha256}",
    )
    output.note("layout, files and digests are correct" if check else f"wrote {packed.path}")


def _rows(contents: Contents) -> dict[str, int]:
    """Size in bytes by file name; the files of each bundled package are added up."""
    from newsclf.deploy.package.archive import PACKAGES

    rows: dict[str, int] = {}
    for member in contents.members:
        name = member.name
        if name.startswith(PACKAGES):
            name = f"{PACKAGES}{name.removeprefix(PACKAGES).partition('/')[0]}/…"
        rows[name] = rows.get(name, 0) + member.size_bytes
    return rows
