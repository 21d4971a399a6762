"""Lambda authorizer of the API: checks the API key of a request.

API Gateway invokes it for requests with an `x-api-key` header (with an event of payload format 2.0,
for a simple response) and caches the answer for some minutes. It refuses requests without the
header itself. Nothing is logged.

Environment: KEY_SHA256, the hexadecimal SHA-256 of the key. The key itself is not stored here.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import Any


def handle(event: dict[str, Any], _context: Any) -> dict[str, bool]:
    """Answer one event: only the API key is authorized."""
    given = (event.get("headers") or {}).get("x-api-key")
    key = given if isinstance(given, str) else ""
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    return {"isAuthorized": hmac.compare_digest(digest, os.environ["KEY_SHA256"])}
