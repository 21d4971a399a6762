"""OpenAPI 3.1 document of the API, with the limits of the contract."""

from __future__ import annotations

from typing import Any

from newsclf import __version__
from newsclf.contract.labels import LABELS
from newsclf.contract.limits import MAX_API_BODY_BYTES, MAX_EXPLAINED_CHARACTERS, MAX_HEADLINES

_Schema = dict[str, Any]
_JSON = "application/json"
# Python's str.strip() and the \s of JSON Schema's patterns (ECMA 262) differ in six characters.
_NOT_BLANK = r"[^\s\x1c-\x1f\x85]|\ufeff"
_SECURITY: dict[str, _Schema] = {
    "api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    "iam": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "AWS Signature Version 4, service `execute-api`.",
        "x-amazon-apigateway-authtype": "awsSigv4",
    },
    "jwt": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
}


def document(auth: str) -> _Schema:
    """Make the document.

    Args:
        auth: `api-key`, `iam`, `jwt`, or anything else for an API that is open to everybody.
    """
    security = {name: scheme for name, scheme in _SECURITY.items() if name == auth}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "newsclf",
            "version": __version__,
            "summary": "Sentiment of news headlines",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": ".", "description": "Where this document is."}],
        "security": [{name: []} for name in security],
        "paths": {
            "/classify": {
                "post": {
                    "operationId": "classify",
                    "summary": "Classify headlines.",
                    "requestBody": {
                        "description": f"At most {MAX_API_BODY_BYTES} bytes.",
                        "required": True,
                        "content": {_JSON: {"schema": _ref("Request")}},
                    },
                    "responses": {
                        "200": _response("A prediction for each headline, in order.", "Answer"),
                        "415": {"description": "An open API on loopback takes JSON only."},
                        **_errors(400, 413, 429, 502, 503, 504),
                    },
                }
            },
            "/health": _get("health", "Whether the API is up.", "Health"),
            "/openapi.json": _get("openapi", "This document.", None),
        },
        "components": {"schemas": _schemas(), "securitySchemes": security},
    }


def _get(name: str, summary: str, schema: str | None) -> _Schema:
    return {
        "get": {
            "operationId": name,
            "summary": summary,
            "responses": {"200": _response(summary, schema), **_errors(429, 502, 504)},
        }
    }


def _errors(*statuses: int) -> _Schema:
    said = {
        400: "The body does not follow the contract; the message says why.",
        413: "The body is too large.",
        429: "Too many requests.",
        502: "The model failed.",
        503: "The model is overloaded, starting or paused, or cannot be reached.",
        504: "The model did not answer in time.",
    }
    # API Gateway's own refusals have a body of another form.
    gateway = {
        "401": {"description": "The credential is missing or wrong."},
        "403": {"description": "The signature is missing, wrong or expired."},
    }
    errors = {str(status): _response(said[status], "Error") for status in statuses}
    retry = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    for status in errors.keys() & {"429", "503"}:
        errors[status]["headers"] = retry
    return gateway | errors


def _response(description: str, schema: str | None) -> _Schema:
    content = {"schema": _ref(schema) if schema else {"type": "object"}}
    return {"description": description, "content": {_JSON: content}}


def _ref(name: str) -> _Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _list(name: str) -> _Schema:
    return {"type": "array", "items": _ref(name), "minItems": 1, "maxItems": MAX_HEADLINES}


def _object(**properties: _Schema) -> _Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _optional(schema: _Schema, **properties: _Schema) -> _Schema:
    """A schema of an object with properties that it may also have."""
    return schema | {"properties": schema["properties"] | properties}


def _schemas() -> _Schema:
    forms: dict[str, _Schema] = {
        "headline": _ref("Headline"),
        "headlines": _list("Headline"),
        "query": _object(headline=_ref("Headline")),
    }
    probability = {"type": "number", "minimum": 0, "maximum": 1}
    index = {"type": "integer", "minimum": 0}
    return {
        "Headline": {
            "type": "string",
            "description": "Not blank. Text beyond what the model reads is ignored.",
            "pattern": _NOT_BLANK,
            "examples": ["Operating profit rose to EUR 13.1 mn from EUR 8.7 mn"],
        },
        "Request": {
            "description": "Exactly one of the three forms.",
            "properties": {
                "min_confidence": {
                    "type": "number",
                    "exclusiveMinimum": 0,
                    "maximum": 1,
                    "description": "Adds `uncertain` to each prediction.",
                },
                "explain": {
                    "type": "boolean",
                    "default": False,
                    "description": (
                        "Adds `explanation` to each prediction. Each headline has at most"
                        f" {MAX_EXPLAINED_CHARACTERS} characters, and headlines and words together"
                        f" are at most {MAX_HEADLINES}."
                    ),
                },
            },
            "oneOf": [
                {
                    "type": "object",
                    "properties": {other: other == name and form for other in forms},
                    "required": [name],
                }
                for name, form in forms.items()
            ],
        },
        "Prediction": _optional(
            _object(
                label={"enum": list(LABELS)},
                score={"description": "Probability of the label.", **probability},
                scores=_object(**dict.fromkeys(LABELS, probability)),
            ),
            uncertain={
                "type": "boolean",
                "description": "Whether the score is below the request's `min_confidence`.",
            },
            explanation={
                "type": "array",
                "items": _ref("Word"),
                "description": "The headline's words in order, if the request has `explain`.",
            },
        ),
        "Word": _object(
            word={"type": "string"},
            start={**index, "description": "Index of its first character, in code points."},
            end={**index, "description": "Index after its last character."},
            weight={
                "type": "number",
                "minimum": -1,
                "maximum": 1,
                "description": (
                    "How much less probable the label is without this word; negative if it is more"
                    " probable then."
                ),
            },
        ),
        "Answer": _object(
            predictions=_list("Prediction"),
            model={"type": "string", "description": "Digest of the model."},
        ),
        "Health": _object(status={"const": "ok"}, model={"type": "string"}),
        "Error": _object(
            error=_object(code={"type": "string"}, message={"type": "string"}),
            request_id={"type": "string"},
        ),
    }
