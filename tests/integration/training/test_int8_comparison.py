"""An int8 model is compared on its own validation rows and on the shipped headlines."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from newsclf.common.settings import DataSettings, OptimizeSettings
from newsclf.data import headlines
from newsclf.data.examples import Example
from newsclf.model.card import read_card
from newsclf.training.int8.optimize import Int8RejectedError, add_int8, rejected_card, rejections

SHIPPED = headlines.read(DataSettings(source="headlines")).validation or ()
OWN = [Example(f"Profit of company {i} rose", 2) for i in range(8)]
DIFFER = rf"of {len(SHIPPED)} shipped headlines \d+ get another label"
ANY = OptimizeSettings(min_agreement=0, max_accuracy_drop=1)


@pytest.fixture
def model(trained: Path) -> Path:
    return shutil.copytree(trained / "model", Path("model"))


def test_the_card_has_both_comparisons(model: Path) -> None:
    card = add_int8(model, read_card(model)[1], OWN, ANY)

    assert card.int8 is not None
    assert card.int8_headlines is not None
    assert (card.int8.rows, card.int8_headlines.rows) == (len(OWN), len(SHIPPED))
    assert read_card(model)[1].int8_headlines == card.int8_headlines
    assert f"of {len(SHIPPED)} shipped headlines" in (model / "README.md").read_text("utf-8")


def test_a_model_of_the_shipped_headlines_is_compared_on_them_once(model: Path) -> None:
    card = add_int8(model, read_card(model)[1], SHIPPED, ANY)

    assert card.int8 == card.int8_headlines
    assert (model / "README.md").read_text("utf-8").count(f"of {len(SHIPPED)} ") == 1


def test_rows_of_the_training_data_do_not_hide_the_headlines(model: Path) -> None:
    card = add_int8(model, read_card(model)[1], [*OWN, *SHIPPED], ANY)

    assert card.int8 is not None
    assert card.int8.rows == len(OWN)


def test_a_model_that_differs_on_the_headlines_alone_is_refused(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from newsclf.training import classifier

    real, known = classifier.classify_float, {example.text for example in SHIPPED}

    def other_on_headlines(*arguments: object) -> list[object]:
        """What the float model would say if int8 were wrong on headlines only."""
        texts = arguments[2]
        assert isinstance(texts, list)
        answers = real(*arguments)  # type: ignore[arg-type]
        return [
            type(answer)((0.98, 0.01, 0.01) if answer.label_id else (0.01, 0.98, 0.01))
            if text in known
            else answer
            for text, answer in zip(texts, answers, strict=True)
        ]

    monkeypatch.setattr(classifier, "classify_float", other_on_headlines)
    card = read_card(model)[1]

    with pytest.raises(Int8RejectedError, match=DIFFER) as raised:
        add_int8(model, card, OWN, OptimizeSettings(min_agreement=0.5))

    assert "validation rows" not in raised.value.message
    rejected = rejected_card(card, raised.value)
    assert [found.rows for found in rejections(rejected)] == [len(OWN), len(SHIPPED)]
