"""Tests of which headlines report a move of a price."""

from __future__ import annotations

import pytest

from newsclf.watch.signals.measures.price_moves import reports_move


@pytest.mark.parametrize(
    "title",
    [
        "Nokia shares fall 5 %",
        "Nokia's shares tumbled 8 percent after the profit warning",
        "Shares of Orvane Motors plunge in premarket trading",
        "Tesla falls 5% after deliveries miss",
        "Apple stock hits record high",
        "Hafeet Cement share touches 10-year high in Muscat",
        "Wall Street ends higher as tech gains",
        "S&P 500 futures slip",
        "Nasdaq closes down 1.2%",
        "Boeing jumps 4 percent in after-hours trading",
        "Nvidia's market value tops $4 trillion",
        "Sell-off wipes $200 billion off Apple's market cap",
        "STOXX 600 edges lower",
        "Why Nokia stock is up today",
        "ADRs of Vodafone rose",
        "Nikkei rises to 33-year high",
    ],
)
def test_moves_of_shares_and_indices_are_reported(title: str) -> None:
    assert reports_move(title)


@pytest.mark.parametrize(
    "title",
    [
        "Nokia raises its forecast",
        "Revenue rises 5 percent at Nokia",
        "Nokia's net sales fell 11 percent",
        "Nokia gains market share",
        "Nokia market share rises to 30 %",
        "Earnings per share rose 12 %",
        "Nokia announces share buy-back",
        "Share of renewables rises",
        "Apple adds 500 jobs",
        "Nokia shares its plans for 6G",
        "Nokia to sell stock of phones up to 5000 pieces",
        "Orders climb 20% at Siemens",
        "Tesla deliveries fall 5 %",
        "Nokia drops plan for plant",
        "Austria drops bank levy a year early",
        "Tesla cuts prices by 5 percent",
        "Orvane issues 5 million new shares",
        "Oil demand falls",
        "Shareholders approve dividend",
    ],
)
def test_moves_of_business_are_not(title: str) -> None:
    assert not reports_move(title)
