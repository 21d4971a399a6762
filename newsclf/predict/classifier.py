"""Classifier of headlines: a model directory, or a deployment. The Python API."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from newsclf.common.errors import DataError
from newsclf.common.state_dir import DEFAULT_STATE_DIR
from newsclf.contract.answers import Prediction
from newsclf.predict.answer import (
    COLUMNS,
    PREDICTED_LABEL,
    SCORES,
    Answer,
    Asked,
    Classify,
    answer,
    check_headlines,
)

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Source:
    """What classifies."""

    kind: Literal["model", "deployment"]
    name: str
    """Of the deployment, or the path of the model directory."""
    digest: str
    """SHA-256 of the model's files."""
    place: str
    """For people: the address of the deployment, or the model directory."""

    def as_dict(self) -> dict[str, str]:
        """Encode for --json."""
        return {"kind": self.kind, "name": self.name, "digest": self.digest}


class Classifier:
    """Classifies headlines with a model directory or a deployment; safe to use from threads.

    >>> from newsclf import Classifier
    >>> classifier = Classifier.load("model")
    >>> [found] = classifier.classify(["Brewer Tarnholt cuts its profit forecast"])
    >>> found.label, found.score
    ('negative', 0.871)
    """

    def __init__(
        self,
        classify: Classify,
        source: Source,
        *,
        count_truncated: Callable[[Sequence[str]], int] = lambda _: 0,
        text_column: str | None = None,
    ) -> None:
        """Take what classifies; `load` and `connect` find it.

        Args:
            classify: Called with headlines that can be classified.
            source: What it is.
            count_truncated: Count the headlines that are longer than the model reads.
            text_column: Text column of the model's training data.
        """
        self._classify = classify
        self.source = source
        self.count_truncated = count_truncated
        """Count the headlines that are longer than the model reads; 0 for a deployment."""
        self.text_column = text_column
        """Text column of the model's training data; None for a deployment."""

    @classmethod
    def load(cls, model: str | Path = "model") -> Classifier:
        """Load a model directory that `newsclf train` made, onto all cores.

        Raises:
            ModelError: It is missing or damaged.
        """
        from newsclf.common.machine import available_cores
        from newsclf.model.card import read_card
        from newsclf.model.directory import ENGINE_FILES, check_files
        from newsclf.serving.engines.onnx_runtime import Engine

        folder, card = read_card(Path(model))
        check_files(folder, card.files, ENGINE_FILES)
        engine = Engine(folder, threads=available_cores())
        return cls(
            engine.classify,
            Source("model", str(model), card.digest, str(model)),
            count_truncated=engine.truncated,
            text_column=card.data.settings.text_column,
        )

    @classmethod
    def connect(
        cls,
        deployment: str = "news",
        *,
        state_dir: str | Path = DEFAULT_STATE_DIR,
        header_file: str | Path | None = None,
    ) -> Classifier:
        """Use a deployment that `newsclf deploy` made, on this machine or on AWS.

        Args:
            deployment: Its name.
            state_dir: Where deployments are recorded.
            header_file: Headers that its API requires, such as a token: `name: value`, one per
                line.

        Raises:
            StateError: There is no such deployment, or it is down.
        """
        from newsclf.deploy.client import classify
        from newsclf.deploy.store import Deployments
        from newsclf.deploy.target import read_headers, target_of

        state_dir = Path(state_dir)
        found = Deployments(state_dir).get(deployment)
        headers = read_headers(None if header_file is None else Path(header_file))
        address = target_of(found, state_dir).address(found, headers=headers)
        source = Source("deployment", found.name, found.model_digest, address.url)
        return cls(partial(classify, address), source)

    def classify(self, headlines: Sequence[str]) -> list[Prediction]:
        """Classify headlines; the predictions are in their order.

        Raises:
            TypeError: `headlines` is one string, or one of them is not a string.
            DataError: A headline is empty or no text.
            RequestRejectedError, ServiceError: The deployment refuses them or does not answer.
        """
        check_headlines(headlines)
        return self._classify(headlines)

    def explain(self, headlines: Sequence[str]) -> list[Answer]:
        """Classify headlines, and weigh their words.

        The weight of a word is how much less probable the label is without it. A headline of n
        words takes as long as n + 1 others; one that is too long gets no weights.

        Raises:
            TypeError, DataError, RequestRejectedError, ServiceError: As `classify` raises them.
        """
        check_headlines(headlines)
        return answer(headlines, self._classify, Asked(explain=True))

    def classify_frame(self, frame: pd.DataFrame, *, text_column: str = "text") -> pd.DataFrame:
        """Classify the rows of a pandas DataFrame; it is copied, and its index kept.

        Adds the columns `predicted_label`, `p_negative`, `p_neutral` and `p_positive`. They are
        empty in rows whose text is missing or blank.

        Raises:
            DataError: It has no such text column or several, or has one of those to be added.
            TypeError: A text is neither missing nor a string.
            RequestRejectedError, ServiceError: The deployment refuses them or does not answer.
        """
        if text_column not in frame.columns:
            raise DataError(
                f"the frame has no column '{text_column}', only {', '.join(map(str, frame))}",
                hint='name it: classify_frame(frame, text_column="headline")',
            )
        if list(frame.columns).count(text_column) > 1:
            raise DataError(
                f"the frame has several columns '{text_column}'", hint="rename all but one of them"
            )
        if taken := [name for name in COLUMNS if name in frame.columns]:
            raise DataError(
                f"the frame already has a column '{taken[0]}'", hint="rename or drop that column"
            )
        missing = frame[text_column].isna()
        texts = [
            None if none or (isinstance(text, str) and not text.strip()) else text
            for text, none in zip(frame[text_column], missing, strict=True)
        ]
        found = iter(self.classify([text for text in texts if text is not None]))
        rows = [None if text is None else next(found) for text in texts]
        labels = {PREDICTED_LABEL: [None if row is None else row.label for row in rows]}
        scores = {
            name: [math.nan if row is None else row.scores[i] for row in rows]
            for i, name in enumerate(SCORES)
        }
        return frame.assign(**labels, **scores)
