"""AWS Signature Version 4: sign a request, and check the signature of one; standard library only.

Signs as botocore's SigV4Auth does, to the byte (tests compare the two), but without its objects, so
that a load generator can sign thousands of requests per second. The scheme:
docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html.
"""

from __future__ import annotations

import calendar
import hashlib
import hmac
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, urlsplit

MAX_SKEW_S = 300
"""How far the time of a signature may be from now; AWS allows five minutes either way."""

_ALGORITHM = "AWS4-HMAC-SHA256"
_DEFAULT_PORTS = {"http": 80, "https": 443}
# What proxies and clients change on the way; the list is botocore's.
_NEVER_SIGNED = re.compile(
    "authorization|baggage|connection|expect|keep-alive|proxy-authenticate|proxy-authorization|te"
    "|traceparent|tracestate|trailer|transfer-encoding|upgrade|user-agent|x-amzn-trace-id"
).fullmatch


class Credentials(NamedTuple):
    """Credentials of the signer."""

    access_key: str
    secret_key: str
    session_token: str | None = None
    """Token of temporary credentials."""


class Scope(NamedTuple):
    """Region and service for which a signature is valid, on its day."""

    region: str
    service: str
    """`execute-api` for API Gateway, `sagemaker` for an endpoint."""


class SignatureError(Exception):
    """An invalid signature of a request; the message never holds what was expected."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        """One of missing_credentials, malformed_credentials, unknown_access_key, expired_signature
        and wrong_signature."""
        self.message = message


def _malformed(message: str) -> SignatureError:
    return SignatureError("malformed_credentials", message)


def sign(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    credentials: Credentials,
    *,
    scope: Scope,
    time_s: float,
) -> dict[str, str]:
    """The headers that a signed request has beside its own.

    Args:
        method: The method, the URL (percent-encoded) and the body as they are sent.
        headers: Headers to sign; Host is taken from the URL where it is not among them.
        time_s: Now, in seconds since the epoch.
    """
    timestamp = _timestamp(int(time_s))
    host, path, query = _parts(url)
    signed = {"host": host}
    for name, value in headers.items():
        lower = name.lower()
        if not _NEVER_SIGNED(lower):
            signed[lower] = " ".join(value.split())
    signed["x-amz-date"] = timestamp
    added = {"X-Amz-Date": timestamp}
    if credentials.session_token is not None:
        signed["x-amz-security-token"] = credentials.session_token
        added["X-Amz-Security-Token"] = credentials.session_token
    names = sorted(signed)
    signature = _signature(
        f"{method.upper()}\n{path}\n{query}\n",
        [(name, signed[name]) for name in names],
        body,
        secret_key=credentials.secret_key,
        scope=scope,
        timestamp=timestamp,
    )
    added["Authorization"] = (
        f"{_ALGORITHM} Credential={credentials.access_key}/{_day_scope(timestamp, scope)},"
        f" SignedHeaders={';'.join(names)}, Signature={signature}"
    )
    return added


def verify(
    method: str,
    target: str,
    headers: Iterable[tuple[str, str]],
    body: bytes,
    credentials: Credentials,
    *,
    scope: Scope,
    time_s: float,
) -> None:
    """Check that a request was signed with these credentials, for this scope, just now.

    As in AWS, the same request may come again while its signature is fresh.

    Args:
        method: As it was received, like the others.
        target: Path and query, as they stood in the request's first line.
        time_s: Now, in seconds since the epoch.

    Raises:
        SignatureError: it was not; nothing else is raised, whatever was received.
    """
    received = _received(headers)
    names, signature, timestamp = _checked_claim(received, credentials, scope, time_s)
    path, _, query = target.partition("?")
    expected = _signature(
        f"{method.upper()}\n{_canonical_path(path)}\n{_canonical_query(query)}\n",
        [(name, ",".join(received[name])) for name in names],
        body,
        secret_key=credentials.secret_key,
        scope=scope,
        timestamp=timestamp,
    )
    if not _equal(signature, expected):
        raise SignatureError(
            "wrong_signature",
            "the signature does not fit the method, the path, the signed headers or the body",
        )


def check_head(
    headers: Iterable[tuple[str, str]], credentials: Credentials, *, scope: Scope, time_s: float
) -> None:
    """Check what can be checked without the body, so that none is read without a key.

    Raises:
        SignatureError: key, scope, time or form are wrong; see `verify`.
    """
    _checked_claim(_received(headers), credentials, scope, time_s)


def _received(headers: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    received: dict[str, list[str]] = {}
    for name, value in headers:
        received.setdefault(name.lower(), []).append(" ".join(value.split()))
    return received


def _checked_claim(
    received: Mapping[str, Sequence[str]], credentials: Credentials, scope: Scope, time_s: float
) -> tuple[Sequence[str], str, str]:
    """Names of the signed headers, signature and timestamp of an Authorization header."""
    credential, names, signature = _parse(received.get("authorization", []))
    timestamp = _checked_timestamp(received, names, time_s)
    key_id, _, day_scope = credential.partition("/")
    if not _equal(key_id, credentials.access_key):
        raise SignatureError("unknown_access_key", "there is no such access key")
    if day_scope != _day_scope(timestamp, scope):
        raise _malformed(f"the signature must be for {_day_scope('<day of x-amz-date>', scope)}")
    if credentials.session_token is not None:
        token = _only(received, "x-amz-security-token")
        if not _equal(token, credentials.session_token):
            raise SignatureError("wrong_signature", "the session token is wrong")
    return names, signature, timestamp


def _parse(values: Sequence[str]) -> tuple[str, Sequence[str], str]:
    """Credential, names of the signed headers and signature in the Authorization header."""
    if not values:
        raise SignatureError("missing_credentials", f"an {_ALGORITHM} signature is needed")
    algorithm, _, rest = values[0].partition(" ")
    pairs = [part.strip().partition("=") for part in rest.split(",")]
    fields = {name: value for name, _, value in pairs}
    expected = ["Credential", "Signature", "SignedHeaders"]
    given = sorted(name for name, _, _ in pairs)
    if len(values) > 1 or algorithm != _ALGORITHM or given != expected:
        raise _malformed(
            f"the Authorization header must have the form {_ALGORITHM} Credential=…,"
            " SignedHeaders=…, Signature=…"
        )
    names = fields["SignedHeaders"].split(";")
    if names != sorted(set(names)):
        raise _malformed("SignedHeaders must be sorted, each once")
    return fields["Credential"], names, fields["Signature"]


def _checked_timestamp(
    received: Mapping[str, Sequence[str]], signed: Sequence[str], time_s: float
) -> str:
    """X-Amz-Date, if it and the host are there once and signed, and it is of now."""
    missing = [name for name in signed if name not in received]
    # As in AWS: an unsigned x-amz header could have been added on the way.
    unsigned = [name for name in received if name.startswith("x-amz-") and name not in signed]
    if "host" not in signed or "x-amz-date" not in signed or missing or unsigned:
        raise _malformed(
            "SignedHeaders must name host, x-amz-date and all of x-amz-*, and all be sent"
        )
    _only(received, "host")
    timestamp = _only(received, "x-amz-date")
    signed_s = _seconds(timestamp)
    if signed_s is None:
        raise _malformed("x-amz-date must be of the form 20260131T235959Z")
    if abs(time_s - signed_s) > MAX_SKEW_S:
        raise SignatureError(
            "expired_signature",
            f"x-amz-date is more than {MAX_SKEW_S} s from {_timestamp(int(time_s))}",
        )
    return timestamp


def _only(received: Mapping[str, Sequence[str]], name: str) -> str:
    values = received.get(name, [])
    if len(values) != 1:
        raise _malformed(f"the header {name} must be there once, not {len(values)} times")
    return values[0]


def _seconds(timestamp: str) -> int | None:
    if not re.fullmatch(r"\d{8}T\d{6}Z", timestamp, re.ASCII):  # strptime takes less
        return None
    try:
        return calendar.timegm(time.strptime(timestamp, "%Y%m%dT%H%M%SZ"))
    except ValueError:  # a thirteenth month
        return None


def _equal(given: str, expected: str) -> bool:
    """Compare in a time that does not depend on where the two differ."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected.encode())


def _signature(
    request_line: str,
    headers: Sequence[tuple[str, str]],
    body: bytes,
    *,
    secret_key: str,
    scope: Scope,
    timestamp: str,
) -> str:
    """The signature, hexadecimal.

    Args come in their canonical form: `request_line` is method, path and query, each with a newline
    behind it; names of `headers` are sorted and in lower case, their values have single spaces.
    """
    lines = "".join([f"{name}:{value}\n" for name, value in headers])
    names = ";".join([name for name, _ in headers])
    canonical = f"{request_line}{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    # What a server reads from bytes that are no UTF-8 are surrogates; they become those bytes.
    digest = hashlib.sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()
    text = f"{_ALGORITHM}\n{timestamp}\n{_day_scope(timestamp, scope)}\n{digest}"
    key = _signing_key(secret_key, timestamp[:8], scope)
    return hmac.digest(key, text.encode(), "sha256").hex()


def _day_scope(timestamp: str, scope: Scope) -> str:
    return f"{timestamp[:8]}/{scope.region}/{scope.service}/aws4_request"


@lru_cache(maxsize=16)
def _signing_key(secret_key: str, day: str, scope: Scope) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in (day, scope.region, scope.service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


@lru_cache(maxsize=16)
def _timestamp(second: int) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))


@lru_cache(maxsize=256)
def _parts(url: str) -> tuple[str, str, str]:
    """Host as it stands in the header, canonical path and canonical query of a URL."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    if parts.port is not None and parts.port != _DEFAULT_PORTS.get(parts.scheme):
        host = f"{host}:{parts.port}"
    return host, _canonical_path(parts.path), _canonical_query(parts.query)


def _canonical_path(path: str) -> str:
    """Dots and doubled slashes resolved, then encoded once more, as all services but S3 have it."""
    kept: list[str] = []
    for part in path.split("/"):
        if part == "..":
            kept[-1:] = []
        elif part not in ("", "."):
            kept.append(part)
    last = "/" if path.endswith("/") and kept else ""
    return quote(f"/{'/'.join(kept)}{last}", safe="/~", errors="surrogateescape")


def _canonical_query(query: str) -> str:
    """The pairs of an encoded query, sorted by name, then by value."""
    if not query:
        return ""
    pairs = sorted(pair.partition("=")[::2] for pair in query.split("&"))
    return "&".join([f"{name}={value}" for name, value in pairs])
