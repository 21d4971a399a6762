"""The data that a model's card speaks of, read again."""

from __future__ import annotations

from newsclf.core.errors import DataError
from newsclf.core.examples import LabelledData
from newsclf.core.model_card import ModelCard
from newsclf.core.settings import DataSettings
from newsclf.data.sources import load_data, missing_source


def load_card_data(
    card: ModelCard, *, source: str | None = None
) -> tuple[LabelledData, DataSettings]:
    """Read the data that a model was trained on, and the settings by which it is parted.

    Args:
        source: Where it now is, if it has moved.

    Raises:
        DataError: it is gone, or its bytes have changed since.
    """
    settings = card.data.settings
    if source is not None:
        settings = settings.model_copy(update={"source": source})
    if (missing := missing_source(settings)) is not None:
        raise DataError(
            f"{missing}: the data that the model was trained on is not there",
            hint="if it has moved, name it with --data: it is known by its contents",
        )
    data = load_data(settings)
    if data.digest != card.data.digest:
        raise DataError(
            f"{settings.source}: the data has changed since the model was trained on it, so its"
            " parts can't be told apart",
            hint="restore the file, or train again",
        )
    return data, settings
