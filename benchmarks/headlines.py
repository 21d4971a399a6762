"""What benchmarks run on, and what they return."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from transformers import (
    DistilBertConfig,
    DistilBertForSequenceClassification,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from newsclf.common.files import file_digest, write_text
from newsclf.common.settings import DataSettings
from newsclf.contract.labels import LABELS
from newsclf.data.examples import LabelledData
from newsclf.data.sources import load_data
from newsclf.training.base import resolve_base
from newsclf.training.classifier import load_base
from newsclf.training.int8.export import export_int8

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


def untrained_model(folder: Path) -> Path:
    """A model directory with a new head: speed does not depend on what the head has learnt."""
    model, tokenizer = load_base(resolve_base("minilm"), max_tokens=256)
    return _finished(folder, model, tokenizer)


def random_distilbert(folder: Path) -> Path:
    """A model directory of DistilBERT's size with random weights, and MiniLM's tokenizer.

    Both have BERT's lower-case vocabulary, so headlines have as many tokens as with the real one.
    """
    _, tokenizer = load_base(resolve_base("minilm"), max_tokens=256)
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    config = DistilBertConfig(
        vocab_size=len(tokenizer),
        id2label=dict(enumerate(LABELS)),
        label2id={label: i for i, label in enumerate(LABELS)},
    )
    return _finished(folder, DistilBertForSequenceClassification(config), tokenizer)


def _finished(folder: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> Path:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    export_int8(folder, folder / "model.onnx")
    files = {path.name: file_digest(path) for path in sorted(folder.iterdir())}
    write_text(folder / "card.json", json.dumps({"files": files}))
    return folder
