"""Where a record is: what is taken for a database, and that no password is ever shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsclf.common.errors import ConfigError
from newsclf.watch.record.storage.address import DatabaseUrl, place_of, place_of_option

PASSWORD = "s3cret%2Fw0rd"
URLS = (
    f"postgresql://ada:{PASSWORD}@db.example.com:5433/news?sslmode=require",
    f"postgres://ada:{PASSWORD}@/news?host=/run/postgresql",
    f"postgresql://db/news?user=ada&password={PASSWORD}&sslmode=require",
    f"postgresql:///news?service=mine&sslpassword={PASSWORD}",
    f"postgresql://db/news?oauth_client_id=ada&oauth_client_secret={PASSWORD}",
)


def test_a_path_is_a_file_and_a_url_a_database() -> None:
    assert place_of("news.db") == place_of(Path("news.db")) == Path("news.db")
    assert place_of("postgresql://db/news") == DatabaseUrl("postgresql://db/news")
    with pytest.raises(ConfigError, match="PostgreSQL"):
        place_of("mysql://ada:s3cret@db/news")


@pytest.mark.parametrize("name", ["", "  "])
def test_a_record_has_a_name(name: str) -> None:
    with pytest.raises(ConfigError, match="empty name"):
        place_of_option(name)


@pytest.mark.parametrize("url", URLS)
def test_a_password_is_neither_shown_nor_taken_from_the_command_line(url: str) -> None:
    place = place_of(url)
    assert isinstance(place, DatabaseUrl)
    assert "s3cret" not in f"{place} {place!r}"
    assert "news" in str(place)
    assert place.passwords == ("s3cret/w0rd",)
    with pytest.raises(ConfigError) as refused:
        place_of_option(url)
    assert "PGPASSWORD" in str(refused.value.hint)
    assert "s3cret" not in f"{refused.value.message} {refused.value.hint}"


@pytest.mark.parametrize("name", ["PASSWORD", "passwrod", "options"])
def test_a_parameter_that_may_hold_a_password_is_not_shown(name: str) -> None:
    assert str(place_of(f"postgresql://db/news?{name}=s3cret&port=5433")) == (
        "postgresql://db/news?port=5433"
    )


@pytest.mark.parametrize(
    "given_",
    [
        "postgresql:/ada:s3cret@db/news",
        "Postgres:ada:s3cret@db/news",
        "host=db password=s3cret dbname=news",
        "password = 's3cret'",
    ],
)
def test_what_was_meant_as_a_database_is_not_taken_for_a_file(given_: str) -> None:
    with pytest.raises(ConfigError) as refused:
        place_of_option(given_)
    assert "s3cret" not in f"{refused.value.message} {refused.value.hint}"


@given(st.text(st.sampled_from("a:@/?#[]%&= 1"), max_size=20))
def test_what_no_one_can_read_is_refused_without_being_repeated(mangled: str) -> None:
    try:
        shown = str(place_of(f"postgresql://ada:s3cret{mangled}@db/news"))
    except ConfigError as error:
        shown = f"{error.message} {error.hint}"
    assert "s3cret" not in shown
