"""What benchmarks run on, and what they return."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from newsclf.core.examples import LabelledData
from newsclf.core.settings import DataSettings
from newsclf.data.sources import load_data

_PHRASEBANK = Path(__file__).parents[2] / "shared" / "data" / "FinancialPhraseBank-v1.0.zip"


@dataclass(frozen=True, slots=True)
class Result:
    """Two speeds, measured one after the other on the same machine."""

    what: str
    ours_per_s: float
    other_per_s: float
    wanted: str = ""

    @property
    def ratio(self) -> float:
        """How many times as fast ours is."""
        return self.ours_per_s / self.other_per_s


def read_headlines() -> LabelledData:
    """PhraseBank where it lies beside the checkout, else the shipped sample."""
    source = str(_PHRASEBANK) if _PHRASEBANK.is_file() else "sample"
    return load_data(DataSettings(source=source))
