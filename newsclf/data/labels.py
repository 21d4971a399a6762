"""Map the labels of a file to negative, neutral and positive."""

from __future__ import annotations

import math
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from newsclf.common.errors import DataError
from newsclf.common.settings import DataSettings
from newsclf.common.validation import short
from newsclf.contract.labels import LABELS

_SPELLINGS = {
    "negative": ("neg", "negativ", "bearish"),
    "neutral": ("neu", "neut", "neutr"),
    "positive": ("pos", "positiv", "bullish"),
}
KNOWN_LABELS = {label: label for label in LABELS} | {
    spelt: label for label, spellings in _SPELLINGS.items() for spelt in spellings
}
"""Names with a certain meaning. Numbers have none: 0 is negative in one data set, neutral in the
next."""
_MOST_CLASSES = 10
_MOST_LISTED = 20


def label_name(value: object) -> str:
    """Normalise a label for comparison: 1, 1.0, "1" and " 1.0 " are equal, as are "Up" and "up"."""
    text = "" if value is None else str(value).strip()
    number = _number(text)
    if number is not None and number.is_integer() and abs(number) < 2**53:
        return str(int(number))
    return text.casefold()


class LabelReader:
    """Maps the labels of a file to classes.

    Args:
        settings: Label names and thresholds that the user gave.
        class_names: Names of the numbers 0, 1, …, where the file has them.
    """

    def __init__(self, settings: DataSettings, class_names: Sequence[str] | None = None) -> None:
        self._thresholds = settings.score_thresholds
        named = {
            str(i): KNOWN_LABELS[name.strip().casefold()]
            for i, name in enumerate(class_names or ())
            if name.strip().casefold() in KNOWN_LABELS
        }
        own = {label_name(theirs): ours.casefold() for theirs, ours in settings.labels.items()}
        for number, label in named.items():
            if own.get(number, label) != label:
                name = (class_names or ())[int(number)]
                raise DataError(
                    f"the file calls its class {number} '{name}', and the labels that were given or"
                    f" are remembered say {number}={own[number]}",
                    hint=f"--label {number}={label}; to change what a name means:"
                    f" --label {shlex.quote(name)}={own[number]}",
                )
        # A name of the file's own list may be what the user maps.
        for i, name in enumerate(class_names or ()):
            if label_name(name) in own:
                named[str(i)] = own[label_name(name)]
        self._known = KNOWN_LABELS | named | own
        self._class_names = class_names

    def label_id(self, value: object) -> int | None:
        """Index in LABELS of a label's class; None if its meaning is not known."""
        if self._thresholds is not None:
            score = _number(str(value))
            if score is None:  # a label by name, beside scores or in other data
                return self._named(value)
            low, high = self._thresholds
            return LABELS.index(
                "negative" if score < low else "positive" if score > high else "neutral"
            )
        return self._named(value)

    def _named(self, value: object) -> int | None:
        name = self._known.get(label_name(value))
        return None if name is None else LABELS.index(name)

    def unknown(self, values: Iterable[object], name: str, column: str, place: str) -> DataError:
        """The error for labels whose meaning is not known.

        Args:
            values: Every label of the file.
            name: The file's.
            column: The labels' column.
            place: Where the first unknown one is.
        """
        where = f"{name}, column '{column}'"
        labels = list(values)
        strange = [value for value in labels if self.label_id(value) is None]
        if any(_is_nested(value) for value in strange):
            return DataError(
                f"{where}: labels are lists or objects, such as {short(strange[0])}; newsclf"
                " gives one label to a headline",
                hint="write one row for each headline and entity, with one label in each",
            )
        if self._thresholds is not None:
            return DataError(
                f"{where}: --score-thresholds needs numbers; others are {_counts(strange)}",
                hint="remove those rows, or name the right column with --label-column",
            )
        numbers = [number for value in labels if (number := _number(str(value))) is not None]
        if _are_scores(labels, numbers):
            return DataError(
                f"{where}: holds scores from {min(numbers):g} to {max(numbers):g}, not labels",
                hint="say which are negative and which positive, for example"
                " --score-thresholds -0.2,0.2, or name another column with --label-column",
            )
        if all(label_name(value) == "" for value in strange):
            return DataError(
                f"{where}: the label is empty in {len(strange)} row{'s' * (len(strange) > 1)},"
                f" first in {place}",
                hint="remove the rows, or name the right column with --label-column",
            )
        names = dict.fromkeys(self._called(v) for v in strange if label_name(v) != "")
        options = " ".join(
            f"--label {shlex.quote(label)}=…" for label in list(names)[:_MOST_LISTED]
        )
        return DataError(
            f"{where}: unknown labels {_counts(strange)}, first in {place};"
            f" known are {', '.join(LABELS)}{self._class_names_note()}",
            hint=f"say what each means, with negative, neutral or positive for …: {options}",
        )

    def _called(self, value: object) -> str:
        """A label as the file names it: a number by its class name if it has one."""
        spelt, names = _as_written(value), self._class_names or ()
        return names[int(spelt)] if spelt.isdecimal() and int(spelt) < len(names) else spelt

    def _class_names_note(self) -> str:
        if not self._class_names:
            return ""
        names = ", ".join(f"{i} {name!r}" for i, name in enumerate(self._class_names))
        return f" (the file calls its classes {names})"


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _are_scores(labels: Sequence[object], numbers: Sequence[float]) -> bool:
    fractions = any(not number.is_integer() for number in numbers)
    return len(numbers) == len(labels) and (fractions or len(set(numbers)) > _MOST_CLASSES)


def _is_nested(value: object) -> bool:
    if isinstance(value, (Mapping, list, tuple)):
        return True
    return isinstance(value, str) and value.strip()[:1] in ("{", "[") and len(value.strip()) > 1


def _as_written(value: object) -> str:
    """A label as the file writes it, but integers without `.0`."""
    text = "" if value is None else str(value).strip()
    return label_name(value) if _number(text) is not None else text


def _counts(values: Iterable[object]) -> str:
    counted = Counter(short(_as_written(value)) for value in values)
    listed = [
        f"{label!r} ({rows} row{'s' * (rows > 1)})"
        for label, rows in counted.most_common(_MOST_LISTED)
    ]
    more = len(counted) - len(listed)
    return ", ".join(listed) + (f" and {more} more" if more else "")
