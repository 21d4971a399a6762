"""The data that a model's card speaks of, read again and parted in the same way."""

from __future__ import annotations

from newsclf.core.errors import DataError
from newsclf.core.examples import LabelledData, Split
from newsclf.core.model_card import ModelCard
from newsclf.data.sources import load_data
from newsclf.data.split import split


def load_card_data(card: ModelCard) -> LabelledData:
    """Read the data that a model was trained on.

    Raises:
        DataError: it is gone, or its bytes have changed since.
    """
    source = card.data.settings.source
    data = load_data(card.data.settings)
    if data.digest != card.data.digest:
        raise DataError(
            f"{source}: the data has changed since the model was trained on it, so its parts can't"
            " be told apart",
            hint="restore the file, or train again",
        )
    return data


def card_data(card: ModelCard) -> Split:
    """The parts of the data that a model was trained on."""
    return split(load_card_data(card), card.data.settings)
