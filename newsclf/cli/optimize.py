"""The command `newsclf optimize`."""

from __future__ import annotations

from newsclf.cli.options import (
    ConfigOpt,
    JsonOpt,
    ModelOpt,
    QuietOpt,
    VerboseOpt,
    settings_from,
    start,
)


def optimize(
    *,
    model: ModelOpt = None,
    config: ConfigOpt = None,
    as_json: JsonOpt = False,
    quiet: QuietOpt = False,
    verbose: VerboseOpt = False,
) -> None:
    """Make the int8 ONNX file of a model, accepted only if it answers like the float one."""
    output = start(as_json=as_json, quiet=quiet, verbose=verbose)
    from newsclf.lifecycle.optimize import optimize as run

    settings = settings_from(config, {"model": model})
    card = run(settings)
    assert card.int8 is not None  # noqa: S101 - run() made it or raised
    output.data({"digest": card.digest, "int8": card.int8.model_dump()})
    output.show(
        output.table(
            f"{settings.model}: int8 beside float, {card.int8.rows} validation rows",
            ["", "value"],
            [
                ["same label", f"{100 * card.int8.agreement:.2f} %"],
                ["accuracy, float", f"{100 * card.int8.float_accuracy:.2f} %"],
                ["accuracy, int8", f"{100 * card.int8.int8_accuracy:.2f} %"],
            ],
        )
    )
