"""The model directories below a folder."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from newsclf.common.errors import ModelError
from newsclf.model.card import read_card
from newsclf.model.directory import CARD_FILE

_DEPTHS = ("*", "*/*", ".newsclf/demo/*")
"""Where models are looked for: the usual places, not whole disks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedModel:
    """A trained model, in a line."""

    path: str
    created_utc: str | None = None
    base: str | None = None
    data: str | None = None
    accuracy: float | None = None
    """On validation rows."""
    problem: str | None = None
    """Why its card can't be read."""

    def as_dict(self) -> dict[str, object]:
        """Encode for --json."""
        return {"kind": "training", **asdict(self)}


def list_models(folder: Path) -> list[ListedModel]:
    """The model directories in a folder and its folders, the latest first."""
    places = {path.parent for depth in _DEPTHS for path in folder.glob(f"{depth}/{CARD_FILE}")}
    return sorted(map(_listed, places), key=lambda model: model.created_utc or "", reverse=True)


def _listed(path: Path) -> ListedModel:
    try:
        _, card = read_card(path)
    except ModelError as error:
        return ListedModel(path=str(path), problem=error.message)
    return ListedModel(
        path=str(path),
        created_utc=card.created,
        base=card.base.name,
        data=card.data.name,
        accuracy=card.validation.accuracy,
    )
