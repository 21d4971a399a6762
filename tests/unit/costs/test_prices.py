"""The price book: what ships is dated and sourced, own files come first, nothing is ever zero."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsclf.common.errors import ConfigError, StateError
from newsclf.costs.prices import PriceBook, Tier, load_prices, prices_at, tiered_usd

HEAD = "schema_version = 1\n"
OWN = HEAD + (
    '[[hosting]]\nregion = "us-east-1"\ndate = 2026-11-20\nsource = "our contract"\n'
    '[hosting.usd_per_hour]\n"ml.c5.large" = 0.05\n'
)


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return load_prices()


@pytest.mark.parametrize(
    ("region", "prices"),
    [
        ("us-east-1", (0.102, 0.204, 0.408)),
        ("ca-central-1", (0.112, 0.223, 0.446)),
        ("eu-west-1", (0.115, 0.23, 0.461)),
    ],
)
def test_hosting_prices_ship_for_each_region(
    book: PriceBook, region: str, prices: tuple[float, ...]
) -> None:
    names = ("ml.c5.large", "ml.c5.xlarge", "ml.c5.2xlarge")

    assert tuple(book.hosting_usd_per_hour(name, region) for name in names) == prices


def test_every_price_has_a_date_a_region_and_a_source(book: PriceBook) -> None:
    tables = [*book.hosting, *book.serverless, *book.functions, *book.api_gateway, *book.data]

    assert len(tables) > 10
    for table in tables:
        assert table.region in book.regions()
        assert table.date.year >= 2023
        assert len(table.source) > 20


def test_no_hosting_price_ships_twice(book: PriceBook) -> None:
    names = [(table.region, name) for table in book.hosting for name in table.usd_per_hour]

    assert len(names) == len(set(names))


def test_a_missing_price_names_what_is_known_and_the_command(book: PriceBook) -> None:
    with pytest.raises(ConfigError, match=r"ml\.c7g\.large in ca-central-1 .*ml\.c5\.xlarge") as e:
        book.hosting_usd_per_hour("ml.c7g.large", "ca-central-1")

    assert e.value.hint == "newsclf prices refresh --region ca-central-1 --instance ml.c7g.large"
    with pytest.raises(ConfigError, match="regions: ca-central-1, eu-west-1, us-east-1"):
        book.hosting_usd_per_hour("ml.c5.large", "mars-north-1")


def test_the_users_file_comes_before_the_refreshed_one_and_that_before_what_ships(
    tmp_path: Path,
) -> None:
    own, state = tmp_path / "own.toml", tmp_path / "state"
    state.mkdir()
    own.write_text(OWN)
    refreshed = OWN.replace('"ml.c5.large" = 0.05', '"ml.c5.large" = 0.1\n"ml.c5.xlarge" = 0.2')
    (state / "prices.toml").write_text(refreshed.replace("our contract", "AWS"))

    book = prices_at(state, own)

    price = book.hosting_price("ml.c5.large", "us-east-1")
    assert (price.usd_per_hour, price.source) == (0.05, "our contract")
    assert book.hosting_usd_per_hour("ml.c5.xlarge", "us-east-1") == 0.2
    assert book.hosting_usd_per_hour("ml.c5.2xlarge", "us-east-1") == 0.408
    assert prices_at(state).hosting_usd_per_hour("ml.c5.large", "us-east-1") == 0.1

    state.chmod(0o777)
    with pytest.raises(StateError, match="can be written by other users"):
        prices_at(state)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (OWN.replace("0.05", "0"), "must be more than 0"),
        (OWN.replace("0.05", "-1"), "must be more than 0"),
        (OWN.replace("0.05", "nan"), "finite"),
        (OWN.replace("0.05", "inf"), "finite"),
        (OWN.replace("0.05", '"free"'), "number"),
        (OWN.replace("ml.c5.large", "c5.large"), "pattern"),
        (OWN.replace('source = "our contract"\n', ""), "hosting.0.source"),
        (OWN.replace("date = 2026-11-20\n", ""), "hosting.0.date"),
        (OWN.replace("= 1", "= 2", 1), "schema_version"),
        (OWN + "[extra]\n", "extra"),
        ("hosting = [", "Invalid"),
    ],
)
def test_an_unusable_file_is_an_error_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(text)

    with pytest.raises(ConfigError, match=r"own\.toml: ") as caught:
        load_prices(path)

    assert said in caught.value.message


@pytest.mark.parametrize(
    "tiers",
    [
        "[]",
        "[{ usd = 1.0 }, { usd = 2.0 }]",
        "[{ up_to = 5, usd = 1.0 }, { up_to = 5, usd = 2.0 }]",
        "[{ up_to = 5, usd = 1.0 }, { up_to = 3, usd = 2.0 }]",
    ],
)
def test_tiers_must_rise(tmp_path: Path, tiers: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(
        HEAD + '[[api_gateway]]\nregion = "us-east-1"\ndate = 2026-11-20\nsource = "me"\n'
        f'kind = "http"\nusd_per_request = {tiers}\n'
    )

    with pytest.raises(ConfigError, match=r"api_gateway\.0\.usd_per_request"):
        load_prices(path)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such price file"):
        load_prices(tmp_path / "none.toml")


def test_a_volume_of_nothing_costs_nothing() -> None:
    assert tiered_usd([Tier(up_to=10, usd=1)], 0, what="x") == 0
    assert tiered_usd([Tier(up_to=10, usd=1), Tier(usd=0.5)], 12, what="x") == 11
