"""Outcome of an answer."""

from __future__ import annotations

import httpx

from newsclf.loadtest.generator.expectation import PREDICTIONS, Expectation
from newsclf.loadtest.store.samples import Outcome


def outcome_of(
    response: httpx.Response, headlines: int, expected: Expectation = PREDICTIONS
) -> Outcome:
    """The outcome of a complete answer to a request with so many headlines.

    The status alone is not enough: AWS's front ends may answer ThrottlingException with 400
    (botocore's sagemaker-runtime model has no throttling shape), and a gateway may answer 200 with
    a page of its own.
    """
    status = response.status_code
    if response.is_success:
        return Outcome.OK if expected.is_met(response, headlines) else Outcome.BAD_BODY
    if "Throttling" in response.headers.get("x-amzn-errortype", ""):
        return Outcome.THROTTLED
    if special := _SPECIAL.get(status):
        return special
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Outcome.HTTP_5XX
    return Outcome.HTTP_4XX if status >= httpx.codes.BAD_REQUEST else Outcome.HTTP_3XX


_SPECIAL = {
    401: Outcome.AUTH,
    403: Outcome.AUTH,
    424: Outcome.MODEL_ERROR,
    429: Outcome.THROTTLED,
    530: Outcome.DEPENDENCY,
}
