"""The smoke test of a model server: two headlines, which must get valid predictions."""

from __future__ import annotations

import json

from newsclf.contract.answers import read_endpoint_answer
from newsclf.contract.requests import ContractError, parse_json

HEADLINES = ("Profit rose by a third", "The plant is closed and 240 people lose their jobs")
REQUEST = json.dumps({"inputs": HEADLINES}).encode()
"""The body of the request, JSON."""


def is_classified(body: bytes) -> bool:
    """Whether an answer to the request holds a prediction for each headline."""
    try:
        read_endpoint_answer(parse_json(body), len(HEADLINES))
    except ContractError:
        return False
    return True
