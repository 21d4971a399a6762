"""Train, validation and test parts that share no headline."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from newsclf.core.errors import DataError
from newsclf.core.examples import Example, LabelledData, Split, normalised
from newsclf.core.extras import require_extra
from newsclf.core.settings import DataSettings


def split(data: LabelledData, settings: DataSettings) -> Split:
    """Part a data set.

    With the default settings and PhraseBank at 75 % agreement the test part is the published one:
    scikit-learn's `train_test_split(test_size=0.2, random_state=200)`, 690 rows with 438 neutral,
    179 positive and 73 negative. The validation part is drawn, by class, from the rest. A row
    whose normalised text stands in the test or validation part is dropped from the parts before
    it, so training sees neither; that goes for the extra rows too, which only train.

    Raises:
        DataError: there are too few rows to part, or a part would lack a class.
    """
    require_extra("sklearn", extra="train", purpose="parting data")
    from sklearn.model_selection import train_test_split

    examples = list(data.examples)
    try:
        rest, test = train_test_split(
            examples, test_size=settings.test_fraction, random_state=settings.split_seed
        )
        rest = _without(rest, test)
        train, validation = train_test_split(
            rest,
            test_size=settings.validation_fraction,
            random_state=settings.split_seed,
            stratify=[example.label_id for example in rest],
        )
    except ValueError as error:
        raise DataError(
            f"{data.name}: {len(examples)} rows are too few to part ({error})",
            hint="add rows of the rare classes, or change data.validation_fraction",
        ) from error
    classes = {example.label_id for example in examples}
    for part, rows in (("test", test), ("validation", validation), ("training", train)):
        if {example.label_id for example in rows} != classes:
            raise DataError(
                f"{data.name}: its {part} part of {len(rows)} rows lacks a class",
                hint="add rows of the rare classes, or change data.split_seed",
            )
    train = _without([*train, *data.extra], [*test, *validation])
    return Split(train=train, validation=validation, test=test)


def _without(examples: Sequence[Example], others: Collection[Example]) -> list[Example]:
    taken = {normalised(example.text) for example in others}
    return [example for example in examples if normalised(example.text) not in taken]
