"""What a frontier keeps of a model's scores on public test sets."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsclf.common.errors import ConfigError
from newsclf.evaluation.rows import Model
from newsclf.frontier.quality import UnseenSets, unseen_score
from newsclf.frontier.rows import Named
from newsclf.frontier.store import Store
from tests.support.unseen_builders import build_model, entry, write_catalogue, write_sets


def test_a_score_is_kept_until_the_description_of_its_set_changes(tmp_path: Path) -> None:
    named = Named("model", Model.open(build_model(tmp_path / "model")))
    store = Store(tmp_path / "frontier")
    catalogue = tmp_path / "sets.toml"
    sets = UnseenSets(on=["tfns"], folder=write_sets(tmp_path / "sets"), catalogue=catalogue)
    write_catalogue(catalogue, entry("tfns"))
    first = unseen_score(named, sets, store)
    (tmp_path / "sets").rename(tmp_path / "gone")

    assert unseen_score(named, sets, store) == first
    other = {"0": "positive", "1": "negative", "2": "neutral"}
    write_catalogue(catalogue, entry("tfns", labels=other))
    with pytest.raises(ConfigError, match="no such folder"):
        unseen_score(named, sets, store)
