"""The command `newsclf optimize`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from newsclf.cli.models.student import StudentOptions, train_student
from newsclf.cli.option_groups import grouped, options_given
from newsclf.cli.options import ModelOpt, ResultOptions


@grouped
def optimize(
    *,
    place: Annotated[
        Path | None,
        typer.Argument(metavar="[MODEL]", help="Model directory.", show_default="model"),
    ] = None,
    model: ModelOpt = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="New location of the training data.",
            show_default="where it was when the model was trained",
        ),
    ] = None,
    min_agreement: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Minimum share of validation rows with the same label as the float model.",
            show_default="0.99",
        ),
    ] = None,
    max_accuracy_drop: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Maximum drop in validation accuracy, as a share.",
            show_default="0.005",
        ),
    ] = None,
    chosen: StudentOptions,
    general: ResultOptions,
) -> None:
    """Create the int8 ONNX file of a model, if it answers like the float model.

    With --student, make a smaller model of it: a student learns the answers of a teacher on the
    model's data and on headlines without labels. newsclf train --resume continues an interrupted
    one.
    """
    output = general.start()
    from newsclf.common.intervals import percent
    from newsclf.training.int8.optimize import optimize as run
    from newsclf.training.int8.parity import caveat

    settings = general.settings(
        model=_one_of(place, model),
        optimize={"min_agreement": min_agreement, "max_accuracy_drop": max_accuracy_drop},
        train=chosen.train_settings(),
        distil=chosen.distil_settings(),
    )
    if settings.train.student is not None:
        train_student(output, settings, chosen, data)
        return
    _check_no_student(chosen)
    cards = run(settings, source=data)
    made = [(card, card.int8) for card in cards if card.int8 is not None]
    output.data(
        [
            {
                "seed": card.training.seed,
                "digest": card.digest,
                "int8": int8.model_dump(),
                "int8_headlines": card.int8_headlines and card.int8_headlines.model_dump(),
            }
            for card, int8 in made
        ]
    )
    output.show(
        output.table(
            f"{settings.model}: int8 beside float, on validation rows and shipped headlines",
            ["", "rows", "same label", "accuracy, float", "accuracy, int8"],
            [
                [
                    f"seed {card.training.seed}, {name}",
                    found.rows,
                    percent(found.agreement, 2),
                    percent(found.float_accuracy, 2),
                    percent(found.int8_accuracy, 2),
                ]
                for card in cards
                for name, found in (("validation", card.int8), ("headlines", card.int8_headlines))
                if found is not None and (name == "headlines" or found != card.int8_headlines)
            ],
        )
    )
    for card, int8 in made:
        if note := caveat(int8, settings.optimize):
            output.note(f"seed {card.training.seed}: {note}")
    written = "model.onnx" if len(made) == 1 else "model.onnx of each seed"
    output.note(f"written: {written} in {settings.model}")
    output.note(f"next: newsclf evaluate --model {settings.model}")


def _one_of(place: Path | None, model: Path | None) -> Path | None:
    """The model directory, which is given by its place or by --model."""
    from newsclf.common.errors import ConfigError

    if place is not None and model is not None:
        raise ConfigError(f"{place} and --model {model}: two model directories", hint="name one")
    return place or model


def _check_no_student(chosen: StudentOptions) -> None:
    """Raise ConfigError for options of a student without its size."""
    from newsclf.common.errors import ConfigError

    if given := options_given(chosen):
        raise ConfigError(
            f"{', '.join(given)}: only with --student, whose size is layers x width",
            hint="newsclf optimize MODEL --student 3x384",
        )
