"""A model directory may doubt labels, unless it has learnt them."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from newsclf.common.errors import ConfigError
from newsclf.common.settings import DataSettings
from newsclf.contract.labels import LABELS
from newsclf.data.labelled import Label
from newsclf.data.sources import load_data
from newsclf.data.split import split
from newsclf.label.doubts import doubts
from tests.support.builders import sample_rows


def test_a_model_that_has_learnt_the_headlines_cannot_doubt_them(trained: Path) -> None:
    rows = sample_rows()

    with pytest.raises(ConfigError, match=r"it was trained on \d+ of the \d+ headlines"):
        doubts(
            [text for text, _ in rows],
            [cast("Label", label) for _, label in rows],
            base=str(trained / "model"),
        )


def test_a_model_directory_reads_headlines_that_it_has_not_learnt(trained: Path) -> None:
    settings = DataSettings(source="sample")
    test = split(load_data(settings), settings).test

    found = doubts(
        [each.text for each in test],
        [cast("Label", LABELS[each.label_id]) for each in test],
        base=str(trained / "model"),
    )

    assert sorted(each.row for each in found) == list(range(len(test)))
