"""Signatures: equal to botocore's to the byte, and none but the right one is accepted."""

from __future__ import annotations

import string
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import given, settings
from hypothesis import strategies as st

from newsclf.deploy.sigv4 import (
    MAX_SKEW_S,
    Credentials,
    Scope,
    SignatureError,
    check_head,
    sign,
    verify,
)

NOW_S = 1_795_363_200.0
CREDENTIALS = Credentials("AKIDEXAMPLE", "a secret")
SCOPE = Scope("us-east-1", "execute-api")
URL = "http://127.0.0.1:8080/classify"
BODY = b'{"headline": "Profit rose"}'
Headers = dict[str, str]

words = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=12)
encoded = st.text(string.ascii_letters + string.digits + "-_.~%+*!'();:@,/?$[]", max_size=10)
tokens = st.text(string.ascii_letters + string.digits + "/+=", min_size=1, max_size=30)
requests = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["GET", "POST", "put", "DELETE", "OPTIONS"]),
        "scheme": st.sampled_from(["http", "https"]),
        "host": st.sampled_from(
            ["127.0.0.1", "[::1]", "Runtime.sagemaker.eu-west-1.amazonaws.com"]
        ),
        "port": st.sampled_from(["", ":80", ":443", ":8080"]),
        "path": st.lists(st.one_of(words, encoded, st.sampled_from([".", "..", ""])), max_size=5),
        "query": st.none() | st.lists(st.tuples(encoded, encoded | st.none()), max_size=5),
        "headers": st.dictionaries(
            st.sampled_from(
                ["Content-Type", "Accept", "X-Amzn-Trace-Id", "User-Agent", "Host", "x-custom"]
            ),
            words | st.just("  two   spaces  "),
        ),
        "body": st.binary(max_size=50),
        "token": st.none() | tokens,
        "secret": tokens,
        "service": st.sampled_from(["execute-api", "sagemaker"]),
        "region": st.sampled_from(["us-east-1", "eu-central-1"]),
        "time_s": st.floats(min_value=0, max_value=4e9),
    }
)


def by_botocore(
    method: str,
    url: str,
    headers: Headers,
    body: bytes,
    credentials: Credentials,
    *,
    scope: Scope,
    time_s: float,
) -> Headers:
    """The headers that botocore adds."""
    now = datetime.fromtimestamp(int(time_s), UTC)
    request = AWSRequest(method, url, headers=headers, data=body)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.auth.get_current_datetime", lambda: now)
        SigV4Auth(BotoCredentials(*credentials), scope.service, scope.region).add_auth(request)
    return {
        name: request.headers[name]
        for name in ("Authorization", "X-Amz-Date", "X-Amz-Security-Token")
        if name in request.headers
    }


@settings(max_examples=200, deadline=None)
@given(drawn=requests)
def test_signatures_are_botocore_s_to_the_byte(drawn: dict[str, object]) -> None:
    d = drawn
    query = d["query"]
    assert isinstance(query, list | None)
    assert isinstance(d["path"], list)
    path = "/".join(["", *d["path"]]) if d["path"] else ""
    pairs = "&".join(key if value is None else f"{key}={value}" for key, value in query or [])
    url = f"{d['scheme']}://{d['host']}{d['port']}{path}" + (f"?{pairs}" if query else "")
    assert isinstance(d["headers"], dict)
    assert isinstance(d["body"], bytes)
    assert isinstance(d["time_s"], float)
    token = None if d["token"] is None else str(d["token"])
    given_ = (
        str(d["method"]),
        url,
        d["headers"],
        d["body"],
        Credentials("AKIDEXAMPLE", str(d["secret"]), token),
    )
    scope = Scope(str(d["region"]), str(d["service"]))

    expected = by_botocore(*given_, scope=scope, time_s=d["time_s"])

    assert sign(*given_, scope=scope, time_s=d["time_s"]) == expected


def test_other_credentials_and_the_next_day_give_another_signature() -> None:
    """The cached key depends on all that it is made of."""

    def signature(credentials: Credentials, scope: Scope, time_s: float) -> str:
        added = sign("GET", URL, {}, b"", credentials, scope=scope, time_s=time_s)
        return added["Authorization"].rpartition("=")[2]

    assert (
        len(
            {
                signature(CREDENTIALS, SCOPE, NOW_S),
                signature(CREDENTIALS, SCOPE, NOW_S + 86_400),
                signature(CREDENTIALS, Scope("us-east-1", "sagemaker"), NOW_S),
                signature(CREDENTIALS, Scope("eu-west-1", "execute-api"), NOW_S),
                signature(CREDENTIALS._replace(secret_key="another"), SCOPE, NOW_S),
                signature(CREDENTIALS._replace(session_token="first"), SCOPE, NOW_S),
                signature(CREDENTIALS._replace(session_token="second"), SCOPE, NOW_S),
            }
        )
        == 7
    )


def received(credentials: Credentials = CREDENTIALS, **changed: str) -> list[tuple[str, str]]:
    """The headers of a good request as a server gets them, some changed."""
    own = {"Content-Type": "application/json"}
    added = sign("POST", URL, own, BODY, credentials, scope=SCOPE, time_s=NOW_S)
    headers = {"Host": "127.0.0.1:8080", "User-Agent": "test"} | own | added
    return list((headers | {k.replace("_", "-"): v for k, v in changed.items()}).items())


def check(
    headers: list[tuple[str, str]],
    *,
    body: bytes = BODY,
    target: str = "/classify",
    time_s: float = NOW_S,
    credentials: Credentials = CREDENTIALS,
) -> None:
    verify("POST", target, headers, body, credentials, scope=SCOPE, time_s=time_s)


@pytest.mark.parametrize("credentials", [CREDENTIALS, CREDENTIALS._replace(session_token="s")])
def test_a_good_signature_is_accepted_and_again_while_it_is_fresh(credentials: Credentials) -> None:
    for late_s in (0, -MAX_SKEW_S, MAX_SKEW_S):
        check(received(credentials), credentials=credentials, time_s=NOW_S + late_s)


def authorization(change: Callable[[str], str]) -> list[tuple[str, str]]:
    return [(n, change(v)) if n == "Authorization" else (n, v) for n, v in received()]


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ([], "missing_credentials"),
        (received(Authorization=""), "malformed_credentials"),
        (received(Authorization="Bearer x"), "malformed_credentials"),
        (received(Authorization="AWS4-HMAC-SHA256"), "malformed_credentials"),
        (authorization(lambda v: v.replace("Signature=", "S=")), "malformed_credentials"),
        (authorization(lambda v: v + ", Signature=0"), "malformed_credentials"),
        (authorization(lambda v: v.replace("host;", "")), "malformed_credentials"),
        (authorization(lambda v: v.replace(";x-amz-date", "")), "malformed_credentials"),
        (authorization(lambda v: v.replace("host;", "host;missing;")), "malformed_credentials"),
        (authorization(lambda v: v.replace("host;", "z;host;")), "malformed_credentials"),
        (authorization(lambda v: v.replace("us-east-1", "us-east-2")), "malformed_credentials"),
        (authorization(lambda v: v.replace("execute-api", "s3")), "malformed_credentials"),
        (authorization(lambda v: v.replace("AKIDEXAMPLE", "AKIDANOTHER")), "unknown_access_key"),
        (authorization(lambda v: v.replace("AKIDEXAMPLE", "Ä\udcff")), "unknown_access_key"),
        (authorization(lambda v: v[:-1] + ("0" if v[-1] != "0" else "1")), "wrong_signature"),
        (authorization(lambda v: v[:-64]), "wrong_signature"),
        (authorization(lambda v: v[:-1] + "ä"), "wrong_signature"),
        (received(Content_Type="text/plain"), "wrong_signature"),
        (received(Host="127.0.0.1:9"), "wrong_signature"),
        (received(CREDENTIALS._replace(secret_key="another")), "wrong_signature"),
        (received(X_Amz_Meta="unsigned"), "malformed_credentials"),
        (received(X_Amz_Date="20261122"), "malformed_credentials"),
        (received(X_Amz_Date="20261399T000000Z"), "malformed_credentials"),
        (received(X_Amz_Date="2026112²T000000Z"), "malformed_credentials"),
        (received(X_Amz_Date="20201122T000000Z"), "expired_signature"),
        ([*received(), ("host", "127.0.0.1:8080")], "malformed_credentials"),
        ([*received(), ("x-amz-date", "20261122T000000Z")], "malformed_credentials"),
        ([*received(), ("authorization", "x")], "malformed_credentials"),
        ([h for h in received() if h[0] != "Host"], "malformed_credentials"),
        ([h for h in received() if h[0] != "X-Amz-Date"], "malformed_credentials"),
    ],
)
def test_what_is_not_signed_as_it_must_be_is_refused(
    headers: list[tuple[str, str]], code: str
) -> None:
    with pytest.raises(SignatureError) as caught:
        check(headers)

    assert caught.value.code == code
    if code != "wrong_signature":  # the head alone tells
        with pytest.raises(SignatureError) as caught:
            check_head(headers, CREDENTIALS, scope=SCOPE, time_s=NOW_S)
        assert caught.value.code == code


def test_another_body_path_or_time_is_refused() -> None:
    for change, code in [
        ({"body": BODY + b" "}, "wrong_signature"),
        ({"target": "/health"}, "wrong_signature"),
        ({"target": "/classify?a"}, "wrong_signature"),
        ({"time_s": NOW_S + MAX_SKEW_S + 1}, "expired_signature"),
        ({"time_s": NOW_S - MAX_SKEW_S - 1}, "expired_signature"),
        ({"credentials": CREDENTIALS._replace(session_token="s")}, "malformed_credentials"),
    ]:
        with pytest.raises(SignatureError) as caught:
            check(received(), **change)  # type: ignore[arg-type]
        assert caught.value.code == code, change


def test_another_session_token_is_refused() -> None:
    with pytest.raises(SignatureError) as caught:
        check(
            received(CREDENTIALS._replace(session_token="first")),
            credentials=CREDENTIALS._replace(session_token="second"),
        )

    assert caught.value.code == "wrong_signature"


on_the_wire = st.binary(max_size=80).map(lambda raw: raw.decode("utf-8", "surrogateescape"))
fields = st.sampled_from(
    [
        "AWS4-HMAC-SHA256 ",
        "Credential=",
        "AKIDEXAMPLE/",
        "20261122/us-east-1/execute-api/",
        "aws4_request",
        ",",
        "SignedHeaders=",
        "host;",
        "x-amz-date",
        "Signature=",
        "=",
        "",
    ]
)


@settings(max_examples=250, deadline=None)
@given(
    authorization=st.lists(fields | on_the_wire, max_size=12).map("".join),
    date=on_the_wire | st.just("20261122T000000Z"),
    target=on_the_wire,
    body=st.binary(max_size=20),
)
def test_whatever_is_received_only_a_refusal_is_raised(
    authorization: str, date: str, target: str, body: bytes
) -> None:
    headers = [("Host", "h"), ("X-Amz-Date", date), ("Authorization", authorization)]
    with pytest.raises(SignatureError):
        check(headers, target=target, body=body)
