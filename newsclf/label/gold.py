"""Gold rows: headlines of known label that annotators get among the others, unannounced.

    labelled.jsonl.gold   gold rows with the votes for them, beside the file that they measure

The file is kept so that a later review, in which they are mixed in again, can be measured too.
"""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

from newsclf.common.errors import DataError
from newsclf.common.files import replacing
from newsclf.common.records import StrictRecord
from newsclf.common.settings import DataSettings
from newsclf.contract.labels import LABELS
from newsclf.data.examples import Example, normalised
from newsclf.data.labelled import Label, Vote
from newsclf.data.overlap import near_any
from newsclf.data.sources import load_data
from newsclf.data.split import split

SHARE = 0.1
"""Share of the headlines shown to annotators that are gold rows."""
_ALL_AGREE = 100
_HINT = "label the headlines again: newsclf label writes this file beside the labelled one"
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class GoldSource:
    """Rows of known label that gold rows are chosen from."""

    name: str
    examples: Sequence[Example]


@dataclass(frozen=True, slots=True)
class Mixed:
    """Headlines to label, with gold rows among them."""

    texts: Sequence[str]
    """In the order in which annotators get them."""
    gold: Mapping[str, Label]
    """Text of each gold row → its known label."""
    gold_name: str

    def separated(self, found: Mapping[str, _T]) -> tuple[dict[str, _T], dict[str, _T]]:
        """What was found for the headlines, and what was found for the gold rows."""
        headlines = {text: each for text, each in found.items() if text not in self.gold}
        return headlines, {text: each for text, each in found.items() if text in self.gold}


class GoldRow(StrictRecord):
    """A gold row with the votes for it."""

    text: str
    known: Label
    votes: tuple[Vote, ...]


def gold_source(settings: DataSettings) -> GoldSource:
    """The rows of a source's training part whose label is beyond doubt.

    Those are rows on which all annotators agreed, where that is recorded, and whose text has no
    other label elsewhere in the part. Rows of the validation and test part are never shown to
    annotators, so that no LLM's provider gets them.

    Raises:
        DataError: there is no such source, it can't be split, or no row is left.
        DownloadError: the Hub does not deliver the data.
        MissingExtraError: the packages that read or split these data are not installed.
    """
    data = load_data(settings)
    train = split(data, settings).train
    labels: dict[str, set[int]] = {}
    for each in train:
        labels.setdefault(normalised(each.text), set()).add(each.label_id)
    found = {
        each.text: each
        for each in train
        if each.agreement in (None, _ALL_AGREE) and len(labels[normalised(each.text)]) == 1
    }
    if not found:
        raise DataError(
            f"{data.name}: its training part has no row on which all annotators agreed",
            hint="name labelled headlines with --data SOURCE",
        )
    return GoldSource(f"training part of {data.name}", list(found.values()))


def mixed(
    texts: Sequence[str],
    source: GoldSource,
    *,
    share: float = SHARE,
    seed: int = 0,
    shown: Collection[str] = (),
) -> Mixed:
    """Mix gold rows into headlines at random places; the same seed gives the same order.

    Classes have the shares that they have in the source. A row that resembles one of the headlines,
    or an example that annotators are shown with its label, is not chosen: it would be recognised.

    Args:
        texts: Headlines to label, without duplicates.
        source: Where gold rows are chosen from.
        share: Gold rows as a share of all headlines that annotators get, from 0 to less than 1.
        seed: Chooses rows and order.
        shown: Headlines that annotators are shown with their label.

    Raises:
        DataError: the source has too few rows.
    """
    # Rounded first: 0.1 × 90 / 0.9 is slightly above 10.
    wanted = math.ceil(round(share * len(texts) / (1 - share), 6))
    rows = [
        each
        for each, near in zip(
            source.examples,
            near_any([each.text for each in source.examples], [*texts, *shown]),
            strict=True,
        )
        if not near
    ]
    if wanted > len(rows):
        raise DataError(
            f"{source.name}: {len(rows):,} rows can be mixed in, and {wanted:,} are needed"
            f" for {len(texts):,} headlines",
            hint="name more labelled headlines with --data SOURCE, or lower --gold-share; --limit"
            " takes fewer headlines of a watch",
        )
    chance = random.Random(seed)  # noqa: S311 - a reproducible choice, not a secret
    chance.shuffle(rows)
    rows.sort(key=lambda each: each.label_id)
    # Equal steps through the rows by class take the same share of each.
    chosen = [rows[int((i + 0.5) * len(rows) / wanted)] for i in range(wanted)]
    together = [*texts, *(each.text for each in chosen)]
    chance.shuffle(together)
    return Mixed(
        texts=together,
        gold={each.text: cast("Label", LABELS[each.label_id]) for each in chosen},
        gold_name=source.name,
    )


def gold_path(path: Path) -> Path:
    """Where the gold rows of a labelled file are."""
    return path.with_name(f"{path.name}.gold")


def write_gold(path: Path, rows: Iterable[GoldRow]) -> None:
    """Write the gold rows of a labelled file atomically, beside it."""
    with replacing(gold_path(path)) as file:
        for row in rows:
            file.write(row.model_dump_json().encode() + b"\n")


def read_gold(path: Path) -> list[GoldRow]:
    """Read the gold rows of a labelled file.

    Raises:
        DataError: there are none, they can't be read, or one is no such row or there twice.
    """
    place, rows = gold_path(path), []
    try:
        lines = place.read_bytes().splitlines()
    except OSError as error:
        raise DataError(f"{place}: cannot be read ({error.strerror})", hint=_HINT) from error
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(GoldRow.model_validate(json.loads(line)))
        except (ValueError, RecursionError) as error:
            raise DataError(f"{place}, line {number}: not a gold row", hint=_HINT) from error
    if again := [text for text, count in Counter(row.text for row in rows).items() if count > 1]:
        raise DataError(f"{place}: {len(again)} headlines are there twice", hint=_HINT)
    return rows
