"""Load a sequence classifier, from a base or from a model directory, and run it with torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import transformers
from sklearn.metrics import accuracy_score, f1_score
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from newsclf.common.errors import ModelError, reason_of
from newsclf.contract.answers import Prediction
from newsclf.contract.labels import LABELS
from newsclf.training.base import Base
from newsclf.training.batches import in_length_order, token_ids_of

_INFERENCE_BATCH = 32


def load_base(base: Base, *, max_tokens: int) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a base with a head of three classes, in float32.

    The head is new and randomly initialised, unless the base has one for three classes already:
    that one is kept, and put in the order of LABELS if its classes are these.

    Raises:
        ModelError: the folder holds no encoder with a fast tokenizer and safetensors weights.
    """
    model, tokenizer = _load(
        base.folder,
        base.name,
        id2label=dict(enumerate(LABELS)),
        label2id={label: i for i, label in enumerate(LABELS)},
        ignore_mismatched_sizes=True,  # a base that is a classifier of other classes
    )
    tokenizer.model_max_length = min(max_tokens, _positions(model) or max_tokens)
    _reorder_head(model, _class_names(base.folder))
    return model, tokenizer


def _class_names(folder: Path) -> list[str]:
    """What a base calls its classes, in its order."""
    config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    return [str(name).casefold() for _, name in sorted(config.id2label.items())]


@torch.no_grad()
def _reorder_head(model: PreTrainedModel, names: Sequence[str]) -> None:
    """Put the rows of a head that was trained for our classes in our order."""
    if sorted(names) != sorted(LABELS) or list(names) == list(LABELS):
        return
    order = [names.index(label) for label in LABELS]
    heads = [m for m in model.modules() if isinstance(m, torch.nn.Linear)]
    head = next(m for m in reversed(heads) if m.out_features == len(LABELS))
    for parameter in head.parameters():
        parameter.copy_(parameter[order])


def _positions(model: PreTrainedModel) -> int | None:
    """How many tokens a model has positions for; None if it takes any number.

    RoBERTa, MPNet and their like count positions from the one after the padding's.
    """
    positions = getattr(model.config, "max_position_embeddings", None)
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, torch.nn.Embedding):
            unused = 0 if module.padding_idx is None else module.padding_idx + 1
            return min(module.num_embeddings - unused, positions or module.num_embeddings)
    return positions


def load_trained(
    folder: Path, *, attention: str | None = None
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load the float model of a model directory, ready for inference.

    Args:
        attention: transformers' name of an implementation: `eager`, which every model has, is made
            of plain matrix products; None is the fastest that the model has.

    Raises:
        ModelError: the folder has no float model.
    """
    model, tokenizer = _load(folder, str(folder), attn_implementation=attention)
    return model.eval(), tokenizer


def _load(
    folder: Path, name: str, **options: object
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    # The report of newly initialised weights, and bars for files of a few MB, are noise here.
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        # A folder's own Python is never run, nor asked about.
        tokenizer = AutoTokenizer.from_pretrained(folder, use_fast=True, trust_remote_code=False)
        model = AutoModelForSequenceClassification.from_pretrained(
            folder, dtype=torch.float32, use_safetensors=True, trust_remote_code=False, **options
        )
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # tokenizers raises plain ones
        raise ModelError(
            f"{name}: cannot be loaded as a text classifier ({reason_of(error)})",
            hint="a base needs config.json, tokenizer.json and model.safetensors of an encoder",
        ) from error
    if not tokenizer.is_fast:
        raise ModelError(
            f"{name}: its tokenizer has no tokenizer.json, which serving reads",
            hint="choose a base with a fast tokenizer",
        )
    return model, tokenizer


@torch.inference_mode()
def logits_of(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]
) -> torch.Tensor:
    """Run headlines through a model in batches of like length; (n, 3) float32 on the CPU."""
    model.eval()
    device = next(model.parameters()).device
    token_ids = token_ids_of(tokenizer, texts)
    logits = torch.empty(len(texts), len(LABELS))
    for indices in in_length_order(token_ids, _INFERENCE_BATCH):
        batch = tokenizer.pad({"input_ids": [token_ids[i] for i in indices]}, return_tensors="pt")
        logits[indices] = model(**batch.to(device)).logits.float().cpu()
    return logits


def scores_of(logits: torch.Tensor, label_ids: torch.Tensor) -> tuple[float, float]:
    """Accuracy, and macro-F1 over those classes that the rows have."""
    predicted = logits.argmax(dim=-1)
    classes = label_ids.unique().tolist()
    macro_f1 = f1_score(label_ids, predicted, labels=classes, average="macro", zero_division=0)
    return float(accuracy_score(label_ids, predicted)), float(macro_f1)


def classify_float(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]
) -> list[Prediction]:
    """Classify headlines with the float model; the answers are in the order of `texts`."""
    if not texts:  # tokenizers reject an empty list
        return []
    probabilities = torch.softmax(logits_of(model, tokenizer, texts), dim=-1)
    return [Prediction(tuple(row)) for row in probabilities.tolist()]
