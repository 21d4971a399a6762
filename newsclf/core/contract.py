"""The words that training, serving and clients share; standard library only."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, NamedTuple

LABELS = ("negative", "neutral", "positive")
"""The classes, in the order of every logit, score tuple and confusion matrix of the project."""

Form = Literal["api", "endpoint"]
"""`api` is the public API's request, `endpoint` the model server's and SageMaker's."""

MAX_HEADLINES = 512
"""Headlines that one request may hold."""
MAX_BODY_BYTES = 6 * 1024 * 1024
"""Size of a request's body to a model server; the documented limit of InvokeEndpoint."""
MAX_API_BODY_BYTES = 3_000_000
"""Size of a request's body to the API. Lambda takes events of 6 MiB, in which a body is a string
of JSON, so each byte may take two; what then goes to the endpoint is below serverless' 4 MB."""


_SMALL_CHARACTERS = 64 * 1024
_MAX_VALUES = 10_000
_MAX_BRACKETS = 100_000
"""In a body, its texts included: no headlines have so many."""


class ContractError(Exception):
    """A request is not of the agreed form; the message names the field, never its text."""


class Prediction(NamedTuple):
    """What the classifier says of one headline."""

    scores: tuple[float, ...]
    """Probability of each of LABELS, in that order; they sum to 1."""

    @property
    def label_id(self) -> int:
        """Index in LABELS of the most probable class."""
        return max(range(len(self.scores)), key=self.scores.__getitem__)

    @property
    def label(self) -> str:
        """The most probable class."""
        return LABELS[self.label_id]

    @property
    def score(self) -> float:
        """Probability of the most probable class."""
        return self.scores[self.label_id]

    def as_pipeline(self) -> list[dict[str, object]]:
        """The prediction as a transformers text-classification pipeline gives it with top_k=None.

        That is a label and a score for each class, the most probable first.
        """
        ranked = sorted(zip(self.scores, LABELS, strict=True), key=lambda pair: -pair[0])
        return [{"label": label, "score": score} for score, label in ranked]

    def as_dict(self) -> dict[str, object]:
        """The prediction in the shape of the public API."""
        return {
            "label": self.label,
            "score": self.score,
            "scores": dict(zip(LABELS, self.scores, strict=True)),
        }


def label_mapping_error(id2label: object) -> str | None:
    """Say what is wrong with a model configuration's `id2label`, or None if it is LABELS."""
    expected = {str(i): label for i, label in enumerate(LABELS)}
    if isinstance(id2label, dict) and {str(k): v for k, v in id2label.items()} == expected:
        return None
    return f"its config.json has id2label {id2label!r}, but newsclf models have {expected!r}"


def parse_json(body: bytes) -> object:
    """Decode a request's body.

    Raises:
        ContractError: it is no UTF-8, no JSON, holds NaN or Infinity, which are not JSON, or more
            numbers or objects than any request of the contract.
    """
    try:
        text = body.decode("utf-8")
        return _DECODER.decode(text) if len(text) <= _SMALL_CHARACTERS else _decode_large(text)
    except UnicodeDecodeError:
        message = "the body is not UTF-8"
        raise ContractError(message) from None
    except (ValueError, RecursionError) as error:
        message = f"the body is not JSON ({error})"
        raise ContractError(message) from None


def _refuse_constant(constant: str) -> None:
    message = f"the body is not JSON: {constant} is no JSON value"
    raise ContractError(message)


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def _decode_large(text: str) -> object:
    """Decode a text of megabytes without keeping everybody else waiting for long.

    Three million numbers take seconds, and the garbage collector looks through the list of them
    again and again while it grows.
    """
    count = 0

    def counted(make: Callable[[Any], Any], value: Any) -> Any:
        nonlocal count
        count += 1
        if count > _MAX_VALUES:
            message = f"the body holds more than {_MAX_VALUES} numbers or objects"
            raise ContractError(message)
        return make(value)

    if text.count("[") > _MAX_BRACKETS:  # of lists the decoder says nothing until it is done
        message = f"the body holds more than {_MAX_BRACKETS} opening brackets"
        raise ContractError(message)
    decoder = json.JSONDecoder(
        parse_int=partial(counted, int),
        parse_float=partial(counted, float),
        parse_constant=_refuse_constant,
        object_pairs_hook=partial(counted, dict),
    )
    collecting = gc.isenabled()
    gc.disable()
    try:
        return decoder.decode(text)
    finally:
        if collecting:
            gc.enable()


def parse_classify(document: object) -> list[str]:
    """The headlines of a request to the public API, in any of its three forms.

    Raises:
        ContractError: it is of none, or of two at once; or a headline can't be used.
    """
    forms = "{'headline': …}, {'headlines': […]} or {'query': {'headline': …}}"
    if not isinstance(document, dict):
        message = f"the body must be an object: {forms}"
        raise ContractError(message)
    given = [name for name in ("headline", "headlines", "query") if name in document]
    if len(given) != 1:
        message = f"the body must have one of the forms {forms}"
        raise ContractError(message)
    value, field = document[given[0]], given[0]
    if field == "query":
        if not isinstance(value, dict) or "headline" not in value:
            message = "'query' must be an object with 'headline'"
            raise ContractError(message)
        value, field = value["headline"], "query.headline"
    if isinstance(value, list) != (field == "headlines"):
        message = f"'{field}' must be a {'list' if field == 'headlines' else 'text'}"
        raise ContractError(message)
    return check_headlines(value, field)


def parse_inputs(document: object) -> tuple[list[str], bool]:
    """The headlines of a request to a model server, and whether they came as a list.

    Raises:
        ContractError: it is not {"inputs": …}, or a headline can't be used.
    """
    if not isinstance(document, dict) or "inputs" not in document:
        message = "the body must be an object with 'inputs': a headline or a list of them"
        raise ContractError(message)
    inputs = document["inputs"]
    return check_headlines(inputs, "inputs"), isinstance(inputs, list)


def check_headlines(value: object, field: str) -> list[str]:
    """Check one headline or a list of them.

    Args:
        value: What the request holds.
        field: The field's name, for messages.

    Raises:
        ContractError: it is neither, the list is empty or longer than MAX_HEADLINES, or a headline
            is blank or not a text that UTF-8 can hold.
    """
    headlines: list[Any] = value if isinstance(value, list) else [value]
    if not 1 <= len(headlines) <= MAX_HEADLINES:
        message = f"'{field}' must hold 1 to {MAX_HEADLINES} headlines, not {len(headlines)}"
        raise ContractError(message)
    for i, headline in enumerate(headlines):
        name = f"'{field}[{i}]'" if isinstance(value, list) else f"'{field}'"
        if not isinstance(headline, str):
            kind = "null" if headline is None else type(headline).__name__
            message = f"{name} must be a text, not {kind}"
            raise ContractError(message)
        if problem := headline_problem(headline):
            message = f"{name} {problem}"
            raise ContractError(message)
    return headlines


def headline_problem(text: str) -> str | None:
    """Say why a text can't be classified, or None if it can."""
    if not text or text.isspace():
        return "is empty"
    try:
        text.encode()  # in one go: a loop over its characters takes seconds for megabytes
    except UnicodeEncodeError:
        return "holds half of a surrogate pair, which is no character"
    return None
