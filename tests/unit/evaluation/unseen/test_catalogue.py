"""The catalogue of public test sets: the shipped one, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from newsclf.common.errors import ConfigError
from newsclf.evaluation.unseen.catalogue import read_catalogue
from tests.support.unseen_builders import entry, write_catalogue


def test_the_shipped_catalogue_says_what_is_sealed() -> None:
    catalogue = read_catalogue()

    uses = {each.name: each.use for each in catalogue.sets}
    assert uses == {
        "finentity": "development",
        "tfns": "development",
        "sentfin": "sealed",
        "semeval": "sealed",
        "fiqa": "sealed",
        "gold": "sealed",
    }
    assert all(set(each.overlaps) <= set(uses) for each in catalogue.sets)
    assert {each.set for each in catalogue.exposures} <= {*uses, "phrasebank"}


def test_files_come_from_a_fixed_commit() -> None:
    catalogue = read_catalogue()
    [unseen] = catalogue.choose(["finentity"])

    assert catalogue.url(unseen, unseen.files[0]) == (
        "https://raw.githubusercontent.com/yixuantt/FinEntity/"
        "3b6cedc5485b669c2ed168f1d949f517636eb7b8/data/FinEntity.json"
    )


def test_bases_that_have_seen_a_set_are_known_in_any_case() -> None:
    catalogue = read_catalogue()

    assert catalogue.has_seen("prosusai/FinBERT", "phrasebank")
    assert not catalogue.has_seen("prosusai/finbert", "tfns")


def test_sets_are_chosen_in_the_order_of_the_catalogue_and_once() -> None:
    chosen = read_catalogue().choose(["tfns", "finentity", "tfns"])

    assert [each.name for each in chosen] == ["finentity", "tfns"]


@pytest.mark.parametrize(
    ("names", "hint"),
    [(["finentiti"], "did you mean finentity?"), (["x"], "sets: "), ([], "sets: ")],
)
def test_an_unknown_set_is_an_error_with_a_suggestion(names: list[str], hint: str) -> None:
    with pytest.raises(ConfigError, match="--on") as raised:
        read_catalogue().choose(names)

    assert hint in (raised.value.hint or "")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"commit": "main"}, "sets.0.commit"),
        ({"files": []}, "sets.0.files"),
        ({"labels": {"0": "good"}}, "sets.0.labels"),
        ({"labels": {}}, "labels are needed"),
        ({"neutral_within": 0.1}, "neutral_within"),
        ({"licence": ""}, "sets.0.licence"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_an_entry_of_another_form_is_an_error_that_names_the_field(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    path = write_catalogue(tmp_path / "sets.toml", entry("tfns", **changes))

    with pytest.raises(ConfigError) as raised:
        read_catalogue(path)

    assert said in raised.value.message


def test_two_sets_of_one_name_and_a_missing_file_are_errors(tmp_path: Path) -> None:
    path = write_catalogue(tmp_path / "sets.toml", entry("tfns"), entry("tfns"))

    with pytest.raises(ConfigError, match="two sets have the same name"):
        read_catalogue(path)
    write_catalogue(path, entry("tfns", name="unseen"))
    with pytest.raises(ConfigError, match="'unseen' is the name of the mean"):
        read_catalogue(path)
    with pytest.raises(ConfigError, match="no such file"):
        read_catalogue(tmp_path / "absent.toml")
