"""What a request to a model costs: prices per million tokens, and counts of tokens.

Amounts are decimal fractions, so that a sum of a hundred thousand of them is exact and a limit
holds to the cent.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field

from newsclf.common.errors import ConfigError
from newsclf.common.records import StrictRecord, from_toml, read_record
from newsclf.common.settings import shipped_config
from newsclf.common.suggestions import did_you_mean
from newsclf.label.llm.model import Sampling, Usage
from newsclf.label.llm.prompt import SCHEMA, Message

PRICES_FILE: Final = "llm_prices.toml"
BYTES_A_TOKEN: Final = 4
"""For estimates. English has four characters a token (OpenAI's help, "What are tokens"), and the
punctuation of JSON has less."""
ANSWER_TOKENS: Final = 8
"""Of `{"label": "positive"}`, for estimates."""
_FRAME_TOKENS = 50
"""Marks around messages, for estimates."""
_MOST_FRAME_TOKENS = 700
"""The same, as an upper limit. What a provider adds for a tool is in it: up to 346 tokens for the
models of Anthropic, which publishes it (docs, "Tool use", pricing)."""
_MILLION = Decimal(1_000_000)

Usd = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Price of a model's tokens."""

    input_usd: Decimal
    """Per million tokens of the prompt."""
    output_usd: Decimal
    """Per million tokens of the answer."""
    date: dt.date | None = None
    """Day on which the source listed it; None: the user has given it."""
    source: str = "--price-per-million"

    def of(self, usage: Usage) -> Decimal:
        """Cost of a request, in USD."""
        tokens = usage.input_tokens * self.input_usd + usage.output_tokens * self.output_usd
        return tokens / _MILLION

    def most(self, message: Message, sampling: Sampling) -> Decimal:
        """What a request can cost at most, in USD.

        Tokenizers work on bytes, and make no token of less than one.
        """
        input_tokens = message.size_bytes + len(json.dumps(SCHEMA)) + _MOST_FRAME_TOKENS
        return self.of(Usage(input_tokens, sampling.max_tokens))


def estimated_usage(message: Message) -> Usage:
    """Tokens of a request and its answer, from its size, at 4 bytes a token."""
    size_bytes = message.size_bytes + len(json.dumps(SCHEMA))
    return Usage(math.ceil(size_bytes / BYTES_A_TOKEN) + _FRAME_TOKENS, ANSWER_TOKENS)


class _ModelPrice(StrictRecord):
    input: Usd
    output: Usd


class PriceTable(StrictRecord):
    """Prices of one provider, from one source and date."""

    provider: str
    """Host of its API, or `bedrock`."""
    date: dt.date
    source: str
    usd_per_million: dict[str, _ModelPrice]
    """Model → price of its tokens."""


class LlmPrices(StrictRecord):
    """All prices; the first match counts."""

    schema_version: Literal[1]
    prices: tuple[PriceTable, ...]

    def price(self, model: str, provider: str) -> Price:
        """The price of a model; ConfigError if it is not known."""
        tables = [table for table in self.prices if table.provider == provider]
        for table in tables:
            found = table.usd_per_million.get(model)
            if found is not None:
                return Price(
                    input_usd=found.input,
                    output_usd=found.output,
                    date=table.date,
                    source=table.source,
                )
        meant = did_you_mean(model, _names(tables))
        raise ConfigError(
            f"no price is known for {model} at {provider}" + (f" ({meant})" if meant else ""),
            hint="add --price-per-million IN,OUT in USD, as the provider lists them;"
            " 0,0 for a server of your own",
        )


def load_prices(path: Path | None = None) -> LlmPrices:
    """Read a price file; None: the one that comes with the package.

    Raises:
        ConfigError: It is missing, or has another form.
    """
    return read_record(
        path or shipped_config(PRICES_FILE),
        lambda text: from_toml(LlmPrices, text, parse_float=Decimal),
        error=ConfigError,
        hint=f"{shipped_config(PRICES_FILE)} shows the form",
        follow=True,
    )


def price_from(text: str) -> Price:
    """The price that --price-per-million gives, as `IN,OUT` in USD per million tokens.

    Raises:
        ConfigError: It has another form.
    """
    parts = re.fullmatch(r"\s*([0-9.]+)\s*,\s*([0-9.]+)\s*", text, re.ASCII)
    try:
        if parts is not None:
            asked_usd, answered_usd = Decimal(parts[1]), Decimal(parts[2])
            if max(asked_usd, answered_usd) <= _MILLION:
                return Price(input_usd=asked_usd, output_usd=answered_usd)
    except InvalidOperation:
        pass
    raise ConfigError(
        f"--price-per-million {text}: expected two numbers of at most a million",
        hint="write --price-per-million 0.4,1.6: USD per million tokens of prompt and of answer",
    )


def _names(tables: Iterable[PriceTable]) -> list[str]:
    return sorted({name for table in tables for name in table.usd_per_million})
