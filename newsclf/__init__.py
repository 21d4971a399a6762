"""newsclf: from labelled news headlines to a measured sentiment API.

>>> from newsclf import Classifier
>>> Classifier.load("model").classify(["Brewer Tarnholt cuts its profit forecast"])
"""

from __future__ import annotations

import importlib
import os

__version__ = "0.1.0"

# ONNX Runtime sends usage data, with an id of the machine, to its makers. It reads this when it is
# loaded; its function that turns them off comes too late for the first ones.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

_PUBLIC = {
    "Answer": "newsclf.predict.answer",
    "Classifier": "newsclf.predict.classifier",
    "NewsclfError": "newsclf.common.errors",
    "Prediction": "newsclf.contract.answers",
}
"""The Python API: name → module, which is imported when the name is first used.

Its types are in __init__.pyi, since an import here, even one for types alone, would be an import of
every module of the package.
"""
__all__ = ["Answer", "Classifier", "NewsclfError", "Prediction", "__version__"]


def __getattr__(name: str) -> object:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'newsclf' has no attribute '{name}'")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return __all__
