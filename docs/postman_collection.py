"""Write docs/postman_collection.json, requests for Postman, from the OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lambda_src.openapi import document

FILE = Path(__file__).with_name("postman_collection.json")
_SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
_ADDRESS, _KEY = "{{address}}", "{{api_key}}"


def collection() -> dict[str, Any]:
    """The collection: a request for each operation, and for each form of the request's body.

    Address and key are variables; set them on the collection.
    """
    api = document("api-key")
    items = [item for path in api["paths"] for item in _items(api, path)]
    return {
        "info": {
            "name": f"newsclf {api['info']['version']}",
            "description": "Set `address` and `api_key`, which `newsclf wire-api` shows.",
            "schema": _SCHEMA,
        },
        "auth": {
            "type": "apikey",
            "apikey": [
                {"key": "key", "value": api["components"]["securitySchemes"]["api-key"]["name"]},
                {"key": "value", "value": _KEY},
                {"key": "in", "value": "header"},
            ],
        },
        "variable": [{"key": "address", "value": ""}, {"key": "api_key", "value": ""}],
        "item": items,
    }


def _items(api: dict[str, Any], path: str) -> Iterator[dict[str, Any]]:
    url = {"raw": f"{_ADDRESS}{path}", "host": [_ADDRESS], "path": path.strip("/").split("/")}
    for method, operation in api["paths"][path].items():
        request = {"method": method.upper(), "url": url, "header": []}
        if "requestBody" not in operation:
            yield {"name": operation["summary"], "request": request}
            continue
        for name, body in _bodies(api["components"]["schemas"]):
            text = json.dumps(body, indent=2)
            yield {
                "name": f"{operation['summary'].rstrip('.')}: {name}",
                "request": request
                | {
                    "header": [{"key": "Content-Type", "value": "application/json"}],
                    "body": {"mode": "raw", "raw": text},
                },
            }


def _bodies(schemas: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The forms of a request, and one with everything that may be asked for."""
    (headline,) = schemas["Headline"]["examples"]
    form = {"headline": headline, "headlines": [headline], "query": {"headline": headline}}
    for each in schemas["Request"]["oneOf"]:
        (name,) = each["required"]
        yield f"`{name}`", {name: form[name]}
    yield "with explanation", {"headline": headline, "explain": True, "min_confidence": 0.6}


def text() -> str:
    """The file's content."""
    return json.dumps(collection(), indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
