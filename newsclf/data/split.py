"""Split a data set into training, validation and test parts that share no headline."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from newsclf.common.errors import DataError, require_extra
from newsclf.common.settings import DataSettings
from newsclf.data.examples import Example, LabelledData, Split, class_counts, normalised

_LEAST_EXTRA = 20
"""Of fewer extra rows none is held out: they would say nothing."""


def split(data: LabelledData, settings: DataSettings) -> Split:
    """Split a data set into three parts.

    With the default settings and PhraseBank at 75 % agreement the test part is the published one:
    scikit-learn's `train_test_split(test_size=0.2, random_state=200)`, 690 rows with 438 neutral,
    179 positive and 73 negative. The validation part is drawn, by class, from the rest. A part
    that has a file of its own is taken from there whole. A row whose normalised text is also in the
    test or validation part is dropped from the parts before it, so training sees neither. The same
    holds for the extra rows, which are used for training only. A share of these, as large as the
    test part's and drawn alike, is held out beside the test part, so that a model can also be
    measured at the lower agreement levels that publications use.

    Raises:
        DataError: there are too few rows to split, or a part would lack a class.
    """
    require_extra("sklearn", extra="train", purpose="splitting data")
    if data.test is None:
        rest, test = _drawn(data, data.examples, settings.test_fraction, settings.split_seed)
    else:
        rest, test = list(data.examples), list(data.test)
    rest = _without(rest, test)
    if data.validation is None:
        train, validation = _drawn(
            data, rest, settings.validation_fraction, settings.split_seed, by_class=True
        )
    else:
        validation = _without(data.validation, test)
        train = _without(rest, validation)
    for part, rows, given in (
        ("test", test, data.test),
        ("validation", validation, data.validation),
        ("training", train, None),
    ):
        if not rows:
            raise DataError(
                f"{data.name}: no row is left for the {part} part, since all are in a later part"
                " too",
                hint="check that --data, --validation and --test are different files",
            )
        there = class_counts(rows)
        for label, count in class_counts(data.examples).items() if given is None else ():
            if count and not there[label]:
                raise DataError(
                    f"{data.name}: none of the {count} rows that are '{label}' came into the {part}"
                    f" part of {len(rows)} rows ({_sizes(data)})",
                    hint=f"add rows that are '{label}', leave the class out, or split the rows"
                    " differently: NEWSCLF_DATA_SPLIT_SEED=1 newsclf train",
                )
    extra, extra_test = _extra(data, settings)
    train = _without([*train, *extra], [*test, *validation])
    extra_test = _without(extra_test, [*test, *validation, *train])
    return Split(train=train, validation=validation, test=test, extra_test=extra_test)


def _extra(data: LabelledData, settings: DataSettings) -> tuple[list[Example], list[Example]]:
    """Extra rows to train on, and those that are held out."""
    if data.extra_test is not None:
        return list(data.extra), list(data.extra_test)
    if data.test is not None or len(data.extra) < _LEAST_EXTRA:
        return list(data.extra), []
    return _drawn(data, data.extra, settings.test_fraction, settings.split_seed)


def _drawn(
    data: LabelledData,
    examples: Sequence[Example],
    share: float,
    seed: int,
    *,
    by_class: bool = False,
) -> tuple[list[Example], list[Example]]:
    """Split off a random share of the examples: the rest, and the share."""
    from sklearn.model_selection import train_test_split

    try:
        kept, drawn = train_test_split(
            list(examples),
            test_size=share,
            random_state=seed,
            stratify=[example.label_id for example in examples] if by_class else None,
        )
    except ValueError as error:
        raise DataError(
            f"{data.name}: {len(data.examples)} rows are too few to split into training,"
            f" validation and test rows of every class ({_sizes(data)})",
            hint="add rows of the rarest class, or leave it out; set a larger"
            " data.validation_fraction in a file for --config; or pass separate files with"
            " --validation and --test",
        ) from error
    return kept, drawn


def _sizes(data: LabelledData) -> str:
    counts = class_counts(data.examples).items()
    return ", ".join(f"{rows:,} {label}" for label, rows in counts if rows)


def _without(examples: Sequence[Example], others: Collection[Example]) -> list[Example]:
    taken = {normalised(example.text) for example in others}
    return [example for example in examples if normalised(example.text) not in taken]
