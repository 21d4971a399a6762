"""Train, validation and test parts that share no headline."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from newsclf.core.errors import DataError
from newsclf.core.examples import Example, LabelledData, Split, class_counts, counted, normalised
from newsclf.core.extras import require_extra
from newsclf.core.settings import DataSettings

_PARTS = 3


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
    _check_class_sizes(data)
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
            f"{data.name}: {len(examples)} rows are too few to part them into training, validation"
            f" and test rows of every class ({_sizes(data)})",
            hint="add rows, or set a larger data.validation_fraction in a file for --config",
        ) from error
    for part, rows in (("test", test), ("validation", validation), ("training", train)):
        _check_classes(data, part, rows)
    train = _without([*train, *data.extra], [*test, *validation])
    return Split(train=train, validation=validation, test=test)


def _check_class_sizes(data: LabelledData) -> None:
    """Raise DataError if a class has too few rows for each part to get one."""
    for label, rows in class_counts(data.examples).items():
        if 0 < rows < _PARTS:
            raise DataError(
                f"{data.name}: {counted(rows, 'row is', 'rows are')} '{label}' ({_sizes(data)});"
                f" a class needs {_PARTS}, for training, validation and test",
                hint=f"add rows that are '{label}', or leave the class out",
            )


def _check_classes(data: LabelledData, part: str, rows: Sequence[Example]) -> None:
    """Raise DataError if a class of the data has no rows in a part of it."""
    there = class_counts(rows)
    for label, count in class_counts(data.examples).items():
        if count and not there[label]:
            raise DataError(
                f"{data.name}: none of its {count} rows that are '{label}' came into the {part}"
                f" part of {len(rows)} rows",
                hint=f"add rows that are '{label}', or part the rows another way, for example with"
                " NEWSCLF_DATA_SPLIT_SEED=1 newsclf train",
            )


def _sizes(data: LabelledData) -> str:
    counts = class_counts(data.examples).items()
    return ", ".join(f"{rows:,} {label}" for label, rows in counts if rows)


def _without(examples: Sequence[Example], others: Collection[Example]) -> list[Example]:
    taken = {normalised(example.text) for example in others}
    return [example for example in examples if normalised(example.text) not in taken]
