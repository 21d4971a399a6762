"""Tests of prices: of the package, of the user, and of requests."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsclf.common.errors import ConfigError
from newsclf.label.llm.model import Sampling, Usage
from newsclf.label.llm.prices import estimated_usage, load_prices, price_from
from newsclf.label.llm.prompt import Message, Prompt


def test_a_known_model_has_a_price_with_date_and_source() -> None:
    price = load_prices().price("gpt-4.1-mini", "api.openai.com")

    assert (price.input_usd, price.output_usd) == (Decimal("0.4"), Decimal("1.6"))
    assert price.date == dt.date(2025, 7, 4)
    assert "OpenAI" in price.source
    assert price.of(Usage(1_000_000, 500_000)) == Decimal("1.2")


def test_the_same_model_elsewhere_has_none() -> None:
    with pytest.raises(ConfigError, match=r"for gpt-4\.1-mini at llm\.example") as e:
        load_prices().price("gpt-4.1-mini", "llm.example")
    assert "--price-per-million IN,OUT" in str(e.value.hint)
    with pytest.raises(ConfigError, match=r"did you mean gpt-4\.1-mini"):
        load_prices().price("gpt-4.1-mni", "api.openai.com")


def test_no_model_is_listed_twice() -> None:
    listed = [(t.provider, name) for t in load_prices().prices for name in t.usd_per_million]

    assert len(listed) == len(set(listed)) > 20


def test_a_price_file_of_another_form(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_text("schema_version = 1\nprices = [{ provider = 'x' }]\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"prices\.0\.date: missing"):
        load_prices(path)


def test_the_users_own_price() -> None:
    assert price_from("0.4, 1.6").of(Usage(100, 10)) == Decimal("0.000056")
    assert price_from("0,0").of(Usage(100, 10)) == 0
    for text in ("", "1", "1,2,3", "-1,2", "nan,1", "1.2.3,1", "1e9,1"):
        with pytest.raises(ConfigError, match="expected two numbers"):
            price_from(text)


@given(st.text(), st.integers(1, 1000))
def test_the_worst_case_is_above_any_count_of_tokens(text: str, max_tokens: int) -> None:
    price, message = price_from("1,1"), Prompt().message(text)
    sampling = Sampling(temperature=0.0, max_tokens=max_tokens)

    assert price.most(message, sampling) >= price.of(Usage(message.size_bytes, max_tokens))


def test_an_estimate_counts_four_bytes_a_token() -> None:
    shorter, longer = (estimated_usage(Message("", "x" * n)) for n in (0, 4000))

    assert longer.input_tokens - shorter.input_tokens == 1000
