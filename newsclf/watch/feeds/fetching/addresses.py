"""Addresses that a source may be fetched from: public hosts over HTTP and HTTPS only.

A feed's URL, and each URL that it redirects to, is somebody else's text. Without these checks it
could make this machine ask its own services, its neighbours, or a cloud's metadata service (SSRF).
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_BAD_PORTS = frozenset(
    {
        *(1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95),
        *(101, 102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179),
        *(389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587),
        *(601, 636, 989, 990, 993, 995, 1433, 1521, 1719, 1720, 1723, 2049, 3306, 3389, 3659),
        *(4045, 4190, 5060, 5061, 5432, 6000, 6379, 6566, 6665, 6666, 6667, 6668, 6669, 6679),
        *(6697, 9200, 10080, 11211, 27017),
    }
)
"""The "bad ports" of the Fetch standard (https://fetch.spec.whatwg.org/#port-blocking), and the
usual ones of databases and caches."""


_LAST_PORT = 65_535


def _networks(kinds: dict[str, str]) -> list[tuple[_Network, str]]:
    return [(ipaddress.ip_network(n), kind) for n, kind in kinds.items()]


# Our own table, because what `ipaddress` calls private and global differs from one patch release of
# Python to the next. Source: the IANA special-purpose address registries
# (https://www.iana.org/assignments/iana-ipv4-special-registry, iana-ipv6-special-registry).
_NEVER = _networks(
    {
        "169.254.169.254/32": "a cloud's metadata service",
        "169.254.170.2/32": "a cloud's metadata service",
        "169.254.170.23/32": "a cloud's metadata service",
        "168.63.129.16/32": "a cloud's metadata service",
        "100.100.100.200/32": "a cloud's metadata service",
        "192.0.0.192/32": "a cloud's metadata service",
        "fd00:ec2::254/128": "a cloud's metadata service",
        "fd00:ec2::23/128": "a cloud's metadata service",
        "fd20:ce::254/128": "a cloud's metadata service",
        "0.0.0.0/8": "unspecified",
        "::/128": "unspecified",
        "224.0.0.0/4": "multicast",
        "ff00::/8": "multicast",
        "240.0.0.0/4": "reserved",
        "::ffff:0:0/96": "an IPv4 address inside IPv6",
        "2002::/16": "an IPv4 address inside IPv6 (6to4)",
        "2001::/32": "an IPv4 address inside IPv6 (Teredo)",
        "64:ff9b:1::/48": "an IPv4 address inside IPv6 (local NAT64)",
    }
)
"""Where no feed is: refused even when private addresses are permitted."""
_PRIVATE = _networks(
    {
        "10.0.0.0/8": "private",
        "172.16.0.0/12": "private",
        "192.168.0.0/16": "private",
        "127.0.0.0/8": "loopback",
        "169.254.0.0/16": "link-local",
        "100.64.0.0/10": "shared by a provider's customers (CGNAT)",
        "192.0.0.0/24": "reserved",
        "192.0.2.0/24": "reserved for documentation",
        "192.88.99.0/24": "a 6to4 relay",
        "198.18.0.0/15": "reserved for benchmarks",
        "198.51.100.0/24": "reserved for documentation",
        "203.0.113.0/24": "reserved for documentation",
        "::1/128": "loopback",
        "fc00::/7": "private",
        "fe80::/10": "link-local",
        "2001::/23": "reserved",
        "2001:db8::/32": "reserved for documentation",
        "3fff::/20": "reserved for documentation",
    }
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""Public IPv4 hosts as networks with IPv6 only see them (RFC 6052)."""
_GLOBAL_IPV6 = ipaddress.IPv6Network("2000::/3")


def refusal_of_address(address: IPAddress, *, allow_private: bool) -> str | None:
    """Why an address must not be connected to.

    Args:
        address: What is about to be connected to, never a name.
        allow_private: Whether private, loopback, link-local and reserved addresses are permitted.
            Metadata services, multicast and IPv4 addresses inside IPv6 are refused all the same.

    Returns:
        Words that follow "is", such as "private"; None for an address that may be connected to.
    """
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            address = ipaddress.IPv6Address(address.packed)
        if address in _NAT64:
            inner = ipaddress.IPv4Address(address.packed[-4:])
            return refusal_of_address(inner, allow_private=allow_private)
    refused = _kind(address, _NEVER)
    if refused or allow_private:
        return refused
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_IPV6:
        return _kind(address, _PRIVATE) or "reserved"
    return _kind(address, _PRIVATE)


def refusal_of_url(url: httpx.URL) -> str | None:
    """Why a URL must not be requested, before its host is resolved; None if it may be.

    Returns:
        A clause that stands on its own and repeats nothing of the URL but scheme and port.
    """
    if not url.scheme or "%" in url.host or (url.port or 0) > _LAST_PORT:
        return "it is not a URL"
    if url.scheme not in ("http", "https"):
        return f"its scheme is {url.scheme[:20]!r}, not http or https"
    if not url.host:
        return "it has no host"
    if url.port in _BAD_PORTS:
        return f"port {url.port} belongs to another protocol"
    return None


def _kind(address: IPAddress, networks: list[tuple[_Network, str]]) -> str | None:
    return next((kind for network, kind in networks if address in network), None)
