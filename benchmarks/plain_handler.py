"""`inference.py` as it is usually written for the stock container: torch, float, no padding.

One headline at a time, which is what the container's workers get. Compared with ours in
`benchmarks/container.py`; runs inside the container, and imports nothing of this project.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer


def model_fn(model_dir: str) -> tuple[Any, Any]:
    """Load model and tokenizer."""
    model = AutoModelForSequenceClassification.from_pretrained(model_dir)
    return model.eval(), AutoTokenizer.from_pretrained(model_dir)


def predict_fn(data: dict[str, Any], loaded: tuple[Any, Any]) -> list[dict[str, Any]]:
    """Classify one headline."""
    model, tokenizer = loaded
    encoded = tokenizer(
        data["inputs"],
        truncation=True,
        max_length=256,
        return_token_type_ids=False,  # DistilBERT has none
        return_tensors="pt",
    )
    with torch.inference_mode():
        scores = torch.softmax(model(**encoded).logits[0], dim=-1)
    best = int(scores.argmax())
    return [{"label": model.config.id2label[best], "score": float(scores[best])}]
