"""Who may ask a server on this machine: no web page of another origin."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from newsclf.serving import foreign_pages, refusal


def checked(names: frozenset[str] | None, **headers: str) -> int:
    """The status for a request with these headers; 200 if it may pass."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    request = make_mocked_request("POST", "/", headers=given)
    try:
        foreign_pages.check_host(request, names)
        foreign_pages.check_same_site(request)
    except refusal.RefusedError as error:
        return error.status
    return 200


LOOPBACK = foreign_pages.host_names("127.0.0.1")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "127.0.0.1:8080"}, 200),
        ({"Host": "127.8.9.1"}, 200),
        ({"Host": "LocalHost:8080"}, 200),
        ({"Host": "news.localhost"}, 200),
        ({"Host": "[::1]:8080"}, 200),
        ({"Host": "evil.example:8080"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": "localhost.evil.example"}, 403),
        ({"Host": "10.0.0.7"}, 403),
        ({"Host": ""}, 403),
        ({"Host": "[::1"}, 200),
        ({"Host": "localhost", "Origin": "http://localhost"}, 200),
        ({"Host": "localhost:1", "Origin": "http://localhost:2"}, 403),
        ({"Host": "localhost:1", "Origin": "https://evil.example"}, 403),
        ({"Host": "localhost:1", "Origin": "null"}, 403),
        ({"Host": "localhost:1", "Sec_Fetch_Site": "cross-site"}, 403),
        ({"Host": "localhost:1", "Sec_Fetch_Site": "same-site"}, 403),
        ({"Host": "localhost:1", "Sec_Fetch_Site": "same-origin"}, 200),
        ({"Host": "localhost:1", "Sec_Fetch_Site": "none"}, 200),
    ],
)
def test_requests_of_web_pages_are_refused(headers: dict[str, str], status: int) -> None:
    assert checked(LOOPBACK, **headers) == status


def test_a_server_goes_by_the_name_that_it_was_given_and_on_all_addresses_by_any() -> None:
    assert checked(foreign_pages.host_names("news.example"), Host="News.example:80") == 200
    assert checked(foreign_pages.host_names("10.0.0.7"), Host="10.0.0.7:8080") == 200
    assert checked(foreign_pages.host_names("10.0.0.7"), Host="evil.example") == 403
    assert checked(foreign_pages.host_names("0.0.0.0"), Host="model.internal") == 200  # noqa: S104
    evil = {"Host": "a.example", "Origin": "http://b.example"}
    assert checked(foreign_pages.host_names("::"), **evil) == 403
