"""Records in files: read with one form of error, and written whole."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import Field

from newsclf.common.errors import StateError
from newsclf.common.records import (
    LenientRecord,
    StrictRecord,
    find_record,
    from_toml,
    read_record,
    write_record,
)


class Strict(StrictRecord):
    """A record without room for unknown fields."""

    port: int


class Lenient(LenientRecord):
    """A record that may be newer."""

    port: int


def read(path: Path, kind: type[StrictRecord | LenientRecord] = Strict) -> object:
    return read_record(path, kind.model_validate_json, error=StateError, hint="do this")


def test_a_record_comes_back(tmp_path: Path) -> None:
    write_record(tmp_path / "a.json", Strict(port=80))

    assert read(tmp_path / "a.json") == Strict(port=80)


def test_a_missing_file_is_none_or_an_error(tmp_path: Path) -> None:
    parse = Strict.model_validate_json

    assert find_record(tmp_path / "a.json", parse, error=StateError, hint="") is None
    with pytest.raises(StateError, match=r"a\.json: no such file"):
        read(tmp_path / "a.json")


def test_only_a_lenient_record_ignores_unknown_fields(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"port": 80, "new": 1}', encoding="utf-8")

    assert read(tmp_path / "a.json", Lenient) == Lenient(port=80)
    with pytest.raises(StateError, match=r"a\.json: new: no such setting"):
        read(tmp_path / "a.json")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"port": "x"}', "a.json: port: not a whole number"),
        ("{}", "a.json: port: missing"),
        ("{", "a.json: not JSON"),
    ],
)
def test_an_error_names_the_file_the_field_and_the_problem(
    tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "a.json").write_text(text, encoding="utf-8")

    with pytest.raises(StateError) as caught:
        read(tmp_path / "a.json")

    assert said in caught.value.message
    assert caught.value.hint == "do this"


def test_a_link_is_followed_only_if_asked(tmp_path: Path) -> None:
    write_record(tmp_path / "real.json", Strict(port=80))
    link = tmp_path / "a.json"
    link.symlink_to("real.json")

    with pytest.raises(StateError, match="it is a link"):
        read(link)
    parse = Strict.model_validate_json
    assert read_record(link, parse, error=StateError, hint="", follow=True) == Strict(port=80)


class Priced(StrictRecord):
    """A part of a configuration."""

    usd: float


class Configured(StrictRecord):
    """A configuration."""

    port: int = 1
    is_open: bool = False
    limit: Decimal | None = None
    prices: tuple[Priced, ...] = ()
    by_name: dict[str, float] = Field(default_factory=dict)
    tiers: tuple[float, ...] = Field(default=(), alias="levels")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("port = true", "port: not a number"),
        ("limit = false", "(?s)limit.*Decimal"),
        ("limit = nan", "(?s)limit.*finite number"),
        ("prices = [{usd = 1}, {usd = true}]", "prices.1.usd: not a number"),
        ("by_name = {a = 1.5, b = inf}", "by_name.b: not a finite number"),
        ("levels = [1, true]", "levels.1: not a number"),
    ],
)
def test_a_configuration_has_no_number_that_is_none(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        from_toml(Configured, text.encode())


def test_a_configuration_may_say_true_where_that_is_meant() -> None:
    text = "port = 80\nis_open = true\nlimit = 0.1\nlevels = [1, 2.5]"
    found = from_toml(Configured, text.encode(), parse_float=Decimal)

    assert found == Configured(port=80, is_open=True, limit=Decimal("0.1"), levels=(1, 2.5))
