"""Words for loads and their models."""

from __future__ import annotations

from newsclf.loadtest.store.records import Load
from newsclf.reporting.text import amount

MODELS = {
    "closed": "closed loop",
    "constant": "constant rate",
    "poisson": "Poisson arrivals",
    "stairs": "rising steps",
    "burst": "one burst",
    "replay": "replayed arrivals",
}
"""The models of a load in words."""


def load_words(load: Load) -> str:
    """A load in words, without its times."""
    if load.model == "closed":
        return (
            f"{MODELS[load.model]}, {load.concurrency} user{'' if load.concurrency == 1 else 's'}"
        )
    if load.rate_per_s is None:
        return MODELS[load.model]
    return f"{MODELS[load.model]}, {amount(load.rate_per_s)}/s"
