"""PhraseBank's agreement levels from one model, on rows that it has not been trained on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from newsclf.common.settings import DataSettings
from newsclf.data import phrasebank
from newsclf.data.examples import Example, Split
from newsclf.data.sources import load_data
from newsclf.data.split import split
from newsclf.model.card import CardBase, CardData
from tests.conftest import Cli
from tests.support.builders import build_card, sample_as_phrasebank
from tests.support.unseen_builders import build_model


def parts_of(source: str) -> Split:
    settings = DataSettings(source=source)
    return split(load_data(settings), settings)


def model_of(source: str, *, seen: list[Example], **changes: Any) -> None:
    """Write `model`, which says that it was trained on this data."""
    settings = DataSettings(source=source)
    data = load_data(settings)
    known = build_card().data.model_dump() | {
        "name": data.name,
        "digest": data.digest,
        "settings": settings,
    }
    epoch = {"epoch": 1, "train_loss": 0.9, "validation_loss": 0.8, "macro_f1": 0.5}
    changes |= {"data": CardData(**known), "history": [epoch], "kept_epoch": 1}
    build_model(Path("model"), seen=seen, **changes)


def report(newsclf: Cli) -> dict[str, Any]:
    result = newsclf("evaluate", "--json")
    assert result.exit_code == 0, result.err
    document: dict[str, Any] = json.loads(result.out)
    return document


@pytest.fixture
def zip_path() -> str:
    return str(sample_as_phrasebank(Path("phrasebank.zip")))


def test_a_model_is_measured_at_every_level_as_publications_split_it(
    zip_path: str, newsclf: Cli
) -> None:
    parts = parts_of(zip_path)
    model_of(zip_path, seen=list(parts.train))

    found = report(newsclf)

    levels = {each["level"]: each for each in found["by_level"]}
    assert list(levels) == [50, 66, 75, 100]
    assert levels[50]["rows"] == len(parts.test) + len(parts.extra_test)
    assert levels[75]["rows"] == found["score"]["rows"] == len(parts.test)
    assert levels[75]["accuracy"] == pytest.approx(found["score"]["accuracy"])
    assert levels[75]["macro_f1"] == pytest.approx(found["score"]["macro_f1"])
    shown = newsclf("evaluate").out
    assert "at least 66 % agreed" in shown
    page = Path("model/evaluation/report.html").read_text("utf-8")
    assert "By agreement level" in page


def test_rows_below_that_a_model_has_seen_do_not_count(zip_path: str, newsclf: Cli) -> None:
    parts = parts_of(zip_path)
    some = list(parts.extra_test)[:10]
    model_of(zip_path, seen=[*parts.train, *some])

    assert report(newsclf)["by_level"][0]["rows"] == len(parts.test) + len(parts.extra_test) - 10


def test_a_model_that_has_seen_all_rows_below_has_no_levels(zip_path: str, newsclf: Cli) -> None:
    parts = parts_of(zip_path)
    model_of(zip_path, seen=[*parts.train, *parts.extra_test])

    assert report(newsclf)["by_level"] == []


def test_the_shipped_headlines_are_not_part_of_phrasebank_s_levels(
    zip_path: str, newsclf: Cli
) -> None:
    parts = parts_of(zip_path)
    model_of(f"{zip_path}+headlines", seen=[])

    found = report(newsclf)

    levels = {each["level"]: each for each in found["by_level"]}
    assert found["score"]["rows"] > levels[75]["rows"] == len(parts.test)


def test_a_base_that_was_trained_on_phrasebank_is_named(zip_path: str, newsclf: Cli) -> None:
    finbert = CardBase(name="ProsusAI/finbert", revision="1")
    model_of(zip_path, seen=[], base=finbert)

    [remark] = [each for each in report(newsclf)["data_remarks"] if "finbert" in each]

    assert remark.startswith(
        "ProsusAI/finbert, from which the model or its teacher descends, was trained on"
        f" {phrasebank.NAME}"
    )
