"""Requests to the public API and to a model server: reading and checking them."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, NamedTuple

from newsclf.contract.limits import MAX_HEADLINES

WireFormat = Literal["api", "endpoint"]
"""`api` is the public API's request, `endpoint` the model server's and SageMaker's."""

_SMALL_CHARACTERS = 64 * 1024
_MAX_VALUES = 10_000
_MAX_BRACKETS = 100_000
"""Brackets in a body, its texts included: more than any headlines have."""


class ContractError(Exception):
    """A request or answer violates the contract; the message never quotes a headline."""


class ClassifyRequest(NamedTuple):
    """A request to the public API."""

    headlines: list[str]
    min_confidence: float | None = None
    """Probability below which a prediction is called uncertain; None: the answer does not say."""
    explain: bool = False
    """Whether the answer has the weights of each headline's words."""


def parse_json(body: bytes) -> object:
    """Decode a request's body.

    Raises:
        ContractError: it is not UTF-8 or not JSON (NaN and Infinity are not), or holds more
            numbers or objects than any request of the contract.
    """
    try:
        text = body.decode("utf-8")
        return _DECODER.decode(text) if len(text) <= _SMALL_CHARACTERS else _decode_large(text)
    except UnicodeDecodeError:
        raise ContractError("the body is not UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise ContractError(f"the body is not JSON ({error})") from None


def _refuse_constant(constant: str) -> None:
    raise ContractError(f"the body is not JSON: {constant} is not a JSON value")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def _decode_large(text: str) -> object:
    """Decode a text of megabytes without blocking other requests for long.

    Three million numbers would take seconds, and the garbage collector would scan the growing list
    of them again and again.
    """
    count = 0

    def counted(make: Callable[[Any], Any], value: Any) -> Any:
        nonlocal count
        count += 1
        if count > _MAX_VALUES:
            raise ContractError(f"the body holds more than {_MAX_VALUES} numbers or objects")
        return make(value)

    if text.count("[") > _MAX_BRACKETS:  # the decoder has no hook for lists
        raise ContractError(f"the body holds more than {_MAX_BRACKETS} opening brackets")
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


def parse_classify(document: object) -> ClassifyRequest:
    """Read a request to the public API, in any of its three forms.

    Raises:
        ContractError: it has none or several of these forms, or an invalid headline or option.
    """
    forms = "{'headline': …}, {'headlines': […]} or {'query': {'headline': …}}"
    if not isinstance(document, dict):
        raise ContractError(f"the body must be an object: {forms}")
    given = [name for name in ("headline", "headlines", "query") if name in document]
    if len(given) != 1:
        raise ContractError(f"the body must have one of the forms {forms}")
    value, field = document[given[0]], given[0]
    if field == "query":
        if not isinstance(value, dict) or "headline" not in value:
            raise ContractError("'query' must be an object with 'headline'")
        value, field = value["headline"], "query.headline"
    if isinstance(value, list) != (field == "headlines"):
        raise ContractError(f"'{field}' must be a {'list' if field == 'headlines' else 'text'}")
    headlines = check_headlines(value, field)
    return ClassifyRequest(headlines, _min_confidence(document), _explain(document))


def _min_confidence(document: dict[str, Any]) -> float | None:
    if "min_confidence" not in document:
        return None
    value = document["min_confidence"]
    if problem := confidence_problem(value):
        raise ContractError(f"'min_confidence' {problem}")
    return float(value)


def _explain(document: dict[str, Any]) -> bool:
    value = document.get("explain", False)
    if not isinstance(value, bool):
        raise ContractError("'explain' must be true or false")
    return value


def confidence_problem(value: object) -> str | None:
    """Why a value can't be a minimum of confidence, or None if it can."""
    # This excludes NaN, and also True, which is not a JSON number.
    if type(value) in (float, int) and 0 < value <= 1:  # type: ignore[operator]
        return None
    return "must be a number above 0 and at most 1"


def parse_inputs(document: object) -> tuple[list[str], bool]:
    """Read the headlines of a request to a model server, and whether they came as a list.

    Raises:
        ContractError: it is not {"inputs": …}, or has an invalid headline.
    """
    if not isinstance(document, dict) or "inputs" not in document:
        raise ContractError(
            "the body must be an object with 'inputs': a headline or a list of them"
        )
    inputs = document["inputs"]
    return check_headlines(inputs, "inputs"), isinstance(inputs, list)


def check_headlines(value: object, field: str) -> list[str]:
    """Check one headline or a list of them.

    Args:
        value: Value of the field.
        field: Name of the field, for messages.

    Raises:
        ContractError: it is neither, the list is empty or longer than MAX_HEADLINES, or a headline
            is blank or cannot be encoded as UTF-8.
    """
    headlines: list[Any] = value if isinstance(value, list) else [value]
    if not 1 <= len(headlines) <= MAX_HEADLINES:
        raise ContractError(
            f"'{field}' must hold 1 to {MAX_HEADLINES} headlines, not {len(headlines)}"
        )
    for i, headline in enumerate(headlines):
        name = f"'{field}[{i}]'" if isinstance(value, list) else f"'{field}'"
        if not isinstance(headline, str):
            kind = "null" if headline is None else type(headline).__name__
            raise ContractError(f"{name} must be a text, not {kind}")
        if problem := headline_problem(headline):
            raise ContractError(f"{name} {problem}")
    return headlines


def headline_problem(text: str) -> str | None:
    """Why a text can't be classified, or None if it can."""
    if not text or text.isspace():
        return "is empty"
    try:
        text.encode()  # a loop over its characters would take seconds for megabytes
    except UnicodeEncodeError:
        return "holds half of a surrogate pair, which is no character"
    return None
