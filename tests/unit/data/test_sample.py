"""The shipped headlines: enough, of all classes, original, and no give-away."""

from __future__ import annotations

from collections import Counter

import pytest

from newsclf.common.settings import DataSettings
from newsclf.contract.labels import LABELS
from newsclf.data import phrasebank
from newsclf.data.examples import normalised
from newsclf.data.sources import load_data
from tests.support.builders import REAL_PHRASEBANK, sample_rows


def test_it_has_about_600_headlines_of_all_classes() -> None:
    rows = sample_rows()
    shares = {label: count / len(rows) for label, count in Counter(r[1] for r in rows).items()}

    assert 550 <= len(rows) <= 650
    assert set(shares) == set(LABELS)
    assert min(shares.values()) > 0.15


def test_no_headline_stands_twice() -> None:
    rows = sample_rows()

    assert len({normalised(text) for text, _ in rows}) == len(rows)
    assert len(load_data(DataSettings(source="sample")).examples) == len(rows)


def test_no_two_headlines_begin_alike() -> None:
    openings = Counter(" ".join(text.lower().split()[:4]) for text, _ in sample_rows())

    assert openings.most_common(1)[0][1] == 1


def test_single_words_do_not_give_the_label_away() -> None:
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score
    from sklearn.pipeline import make_pipeline

    texts, labels = zip(*sample_rows(), strict=True)
    bag_of_words = make_pipeline(CountVectorizer(), LogisticRegression(max_iter=500))

    accuracy = cross_val_score(bag_of_words, texts, labels, cv=5).mean()

    assert accuracy < 0.75  # always saying neutral gives 0.50


@pytest.mark.skipif(
    not REAL_PHRASEBANK.is_file(), reason="needs PhraseBank's zip in ../shared/data"
)
def test_nothing_is_taken_from_phrasebank() -> None:
    settings = DataSettings(agreement=50)
    real = phrasebank.read(REAL_PHRASEBANK, settings).examples
    runs = {run for example in real for run in _runs_of_seven(example.text)}

    copied = [text for text, _ in sample_rows() if _runs_of_seven(text) & runs]

    assert copied == []


def _runs_of_seven(text: str) -> set[tuple[str, ...]]:
    words = "".join(c if c.isalnum() else " " for c in text.casefold()).split()
    return {tuple(words[i : i + 7]) for i in range(len(words) - 6)}
