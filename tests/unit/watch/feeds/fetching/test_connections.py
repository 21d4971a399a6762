"""Connections to checked addresses: names are resolved once, and what was checked is used."""

from __future__ import annotations

import asyncio

import httpcore
import pytest

from newsclf.watch.feeds.fetching.connections import AddressRefusedError, CheckedBackend

DEAD = ["93.184.215.14", "93.184.215.15"]


class Resolver:
    """Gives one answer after the other, as a name server does that is used for rebinding."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = iter(answers)

    async def __call__(self, host: str, port: int) -> list[str]:
        """Take the next answer."""
        assert (host, port) == ("feeds.example", 443)
        return next(self._answers)


class Network(httpcore.AsyncNetworkBackend):
    """Notes where it is asked to connect to."""

    def __init__(self, *dead: str) -> None:
        self.connected: list[str] = []
        self._dead = dead

    async def connect_tcp(
        self,
        host: str,
        *_: object,
        **__: object,
    ) -> httpcore.AsyncNetworkStream:
        """Connect, or refuse."""
        self.connected.append(host)
        if host in self._dead:
            raise httpcore.ConnectError("refused")
        return httpcore.AsyncNetworkStream()


def connect(resolver: Resolver, network: Network, *, allow_private: bool = False) -> None:
    backend = CheckedBackend(resolver, allow_private=allow_private, network=network)
    asyncio.run(backend.connect_tcp("feeds.example", 443, timeout=5))


def test_a_name_that_changes_its_mind_is_connected_to_where_it_was_checked() -> None:
    network = Network()

    connect(Resolver(["93.184.215.14"], ["127.0.0.1"]), network)

    assert network.connected == ["93.184.215.14"]


def test_a_name_of_a_private_address_is_refused_without_a_connection() -> None:
    network = Network()

    with pytest.raises(AddressRefusedError, match=r"10\.0\.0\.7 is private"):
        connect(Resolver(["10.0.0.7", "::1"]), network)

    assert network.connected == []


def test_of_several_addresses_only_public_ones_are_tried() -> None:
    network = Network("2606:4700::1111")

    connect(Resolver(["2606:4700::1111", "10.0.0.7", "93.184.215.14"]), network)

    assert network.connected == ["2606:4700::1111", "93.184.215.14"]


def test_private_addresses_can_be_permitted() -> None:
    network = Network()

    connect(Resolver(["10.0.0.7"]), network, allow_private=True)

    assert network.connected == ["10.0.0.7"]


def test_a_host_without_an_address_that_answers_is_an_error_of_connecting() -> None:
    with pytest.raises(httpcore.ConnectError):
        connect(Resolver(DEAD), Network(*DEAD))
    with pytest.raises(httpcore.ConnectError, match="no address"):
        connect(Resolver([]), Network())


def test_an_address_in_the_url_is_checked_too() -> None:
    network = Network()
    backend = CheckedBackend(Resolver(), allow_private=False, network=network)

    with pytest.raises(AddressRefusedError, match="loopback"):
        asyncio.run(backend.connect_tcp("127.0.0.1", 80, timeout=5))

    assert network.connected == []
