"""Outcome of an answer."""

from __future__ import annotations

import httpx

from newsclf.contract.answers import read_api_answer, read_endpoint_answer
from newsclf.contract.requests import ContractError, parse_json
from newsclf.loadtest.store.samples import Outcome


def outcome_of(response: httpx.Response, headlines: int) -> Outcome:
    """The outcome of a complete answer to a request with so many headlines.

    The status alone is not enough: AWS's front ends may answer ThrottlingException with 400
    (botocore's sagemaker-runtime model has no throttling shape), and a gateway may answer 200 with
    a page of its own.
    """
    status = response.status_code
    if status == httpx.codes.OK:
        try:
            document = parse_json(response.content)
            read = read_api_answer if isinstance(document, dict) else read_endpoint_answer
            read(document, headlines)
        except ContractError:
            return Outcome.BAD_BODY
        return Outcome.OK
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
