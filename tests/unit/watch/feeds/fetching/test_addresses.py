"""Addresses that sources may be fetched from."""

from __future__ import annotations

import ipaddress

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsclf.watch.feeds.fetching.addresses import refusal_of_address, refusal_of_url

PRIVATE = [
    ("10.1.2.3", "private"),
    ("172.31.255.255", "private"),
    ("192.168.0.1", "private"),
    ("127.0.0.1", "loopback"),
    ("127.255.0.9", "loopback"),
    ("169.254.10.20", "link-local"),
    ("100.64.0.1", "CGNAT"),
    ("100.127.255.254", "CGNAT"),
    ("198.19.0.1", "benchmarks"),
    ("203.0.113.9", "documentation"),
    ("::1", "loopback"),
    ("fd12:3456::1", "private"),
    ("fe80::1", "link-local"),
    ("fe80::1%eth0", "link-local"),
    ("2001:db8::1", "documentation"),
    ("64:ff9b::10.0.0.1", "private"),
    ("::10.0.0.1", "reserved"),
]
NEVER = [
    ("169.254.169.254", "metadata"),
    ("168.63.129.16", "metadata"),
    ("100.100.100.200", "metadata"),
    ("fd00:ec2::254", "metadata"),
    ("64:ff9b::169.254.169.254", "metadata"),
    ("0.0.0.1", "unspecified"),
    ("::", "unspecified"),
    ("224.0.0.251", "multicast"),
    ("239.255.255.250", "multicast"),
    ("ff02::1", "multicast"),
    ("255.255.255.255", "reserved"),
    ("::ffff:127.0.0.1", "inside IPv6"),
    ("::ffff:8.8.8.8", "inside IPv6"),
    ("2002:7f00:1::", "6to4"),
    ("2001:0:4136:e378::1", "Teredo"),
    ("64:ff9b:1::a00:1", "NAT64"),
]
PUBLIC = [
    *("8.8.8.8", "93.184.215.14", "172.32.0.1", "100.128.0.1", "198.20.0.1", "192.0.1.1"),
    *("2606:4700::1111", "2a00:1450:4001::1", "64:ff9b::8.8.8.8"),
]


@pytest.mark.parametrize(("address", "kind"), [*PRIVATE, *NEVER])
def test_an_address_that_is_not_public_is_refused(address: str, kind: str) -> None:
    refusal = refusal_of_address(ipaddress.ip_address(address), allow_private=False)

    assert refusal is not None
    assert kind in refusal


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_connected_to(address: str) -> None:
    assert refusal_of_address(ipaddress.ip_address(address), allow_private=False) is None


@pytest.mark.parametrize("address", [*PUBLIC, *(a for a, _ in PRIVATE)])
def test_private_addresses_can_be_permitted(address: str) -> None:
    assert refusal_of_address(ipaddress.ip_address(address), allow_private=True) is None


@pytest.mark.parametrize(("address", "kind"), NEVER)
def test_some_addresses_are_refused_all_the_same(address: str, kind: str) -> None:
    refusal = refusal_of_address(ipaddress.ip_address(address), allow_private=True)

    assert refusal is not None
    assert kind in refusal


@given(st.ip_addresses(v=4))
def test_what_python_calls_private_is_never_reached(address: ipaddress.IPv4Address) -> None:
    inside = ipaddress.IPv6Address(b"\0d\xff\x9b" + bytes(8) + address.packed)
    refusals = [refusal_of_address(a, allow_private=False) for a in (address, inside)]

    assert refusals[0] == refusals[1]
    if address.is_private or address.is_multicast or address.is_reserved:
        assert refusals[0] is not None


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://feeds.example/rss", "scheme is 'ftp'"),
        ("file:///etc/passwd", "scheme is 'file'"),
        ("gopher://feeds.example/", "scheme is 'gopher'"),
        ("/rss", "not a URL"),
        ("http:///rss", "no host"),
        ("http://feeds.example:22/", "port 22"),
        ("http://feeds.example:25/", "port 25"),
        ("https://feeds.example:6379/", "port 6379"),
    ],
)
def test_urls_of_other_protocols_are_refused(url: str, why: str) -> None:
    refusal = refusal_of_url(httpx.URL(url))

    assert refusal is not None
    assert why in refusal


@pytest.mark.parametrize("url", ["http://a.example", "https://a.example:8443/rss", "http://[::1]/"])
def test_urls_of_http_are_accepted(url: str) -> None:
    assert refusal_of_url(httpx.URL(url)) is None
