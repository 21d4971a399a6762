"""The API's authorizer: whether a request brings the API key.

API Gateway calls it for requests with an `x-api-key` header (an event of payload format 2.0, an
answer of its simple form) and keeps the answer for some minutes. Without the header it refuses by
itself. Nothing is logged.

Environment: KEY_SHA256, the hexadecimal SHA-256 of the key. The key itself is not known here.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import Any


def handle(event: dict[str, Any], _context: Any) -> dict[str, bool]:
    """Answer one event; anything but the key is refused."""
    given = (event.get("headers") or {}).get("x-api-key")
    key = given if isinstance(given, str) else ""
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    return {"isAuthorized": hmac.compare_digest(digest, os.environ["KEY_SHA256"])}
