"""A morning of a watch for the pictures of docs/watch.md: invented news, signals as computed.

The chain of a watch records and computes it; only sources, clock and model are stand-ins.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from newsclf.contract.answers import Prediction
from newsclf.contract.explanation import WordWeight, spans_of_words, without_each_word
from newsclf.watch.entities.listed import WatchedEntity
from newsclf.watch.feeds.outcome import Outcome
from newsclf.watch.item import Item, Stamp
from newsclf.watch.page.hub import Hub
from newsclf.watch.page.view import Watched
from newsclf.watch.signals.configuration import Configuration
from newsclf.watch.signals.settings import AlertSettings, SignalSettings
from tests.support.playground import predict
from tests.support.watching import BAR_S, Watching

WIRE, NOTICES, PAPER = "Example wire", "Company notices", "Evening paper"
_MODEL = "21056b863dbc" + 52 * "0"
_BARS = 110
_NEWS = {
    2: (NOTICES, "Nimbus Air: notice of annual general meeting"),
    5: (WIRE, "Tarnholt lifts its profit forecast after a record summer"),
    9: (WIRE, "Orvane Motors recalls 40,000 vans over faulty brakes"),
    12: (NOTICES, "Orvane Motors recalls 40,000 vans for faulty brakes"),
    16: (WIRE, "Central bank keeps its rate at 2.5%, as expected"),
    21: (WIRE, "Profit at Nimbus Air falls by a third as fuel costs bite"),
    25: (WIRE, "Sundvik Power wins order for 60 wind turbines"),
    29: (WIRE, "Tarnholt beats estimates with 12% more beer sold abroad"),
    33: (NOTICES, "Sundvik Power publishes its calendar for next year"),
    38: (WIRE, "Orvane Motors cuts its sales forecast after the recall"),
    42: (WIRE, "Nimbus Air and Orvane Motors agree on electric shuttle buses"),
    47: (NOTICES, "Tarnholt raises its dividend by 15%"),
    51: (WIRE, "Orvane Motors shares fall 6% after its forecast"),
    55: (WIRE, "Sundvik Power order book grows 30% to a record"),
    57: (NOTICES, "Orvane Motors falls short of its production target"),
    60: (WIRE, "Nimbus Air appoints new head of ground services"),
    64: (WIRE, "Regulator fines Orvane Motors for late warning of brake failures"),
    69: (WIRE, "Nimbus Air cancels a tenth of its flights as crews strike"),
    74: (NOTICES, "Sundvik Power signs a contract for 12 turbines"),
    78: (WIRE, "Tarnholt lager exports climb to a five-year high"),
    83: (WIRE, "Factory orders rise for a third month"),
    87: (NOTICES, "Nimbus Air passenger numbers unchanged in October"),
    91: (WIRE, "Orvane Motors halts its second plant as parts run out"),
    95: (WIRE, "Operating profit of Sundvik Power doubled from a year earlier"),
    99: (NOTICES, "Tarnholt completes its share buy-back"),
    103: (WIRE, "Nimbus Air loss widened in the third quarter"),
    104: (NOTICES, "Sundvik Power raises its margin target"),
    107: (NOTICES, "Orvane Motors wins its largest order for buses yet"),
}
"""Source and headline by the bar in which they come."""


def morning(folder: Path) -> Hub:
    """What the page and the terminal show at its end."""
    names = ("Tarnholt", "Orvane Motors", "Nimbus Air", "Sundvik Power")
    watching = Watching(
        folder / "record.db",
        Configuration(
            signals=SignalSettings(half_life_s=3600, bar_s=BAR_S),
            alerts=AlertSettings(),
            watchlist=tuple(WatchedEntity(name=name) for name in names),
            sources=(WIRE, NOTICES, PAPER),
            model=_MODEL,
            engine="a stand-in",
        ),
    )
    watched = Watched(
        model="model", digest=_MODEL[:12], half_life_s=3600, started=watching.clock.now
    )
    hub = Hub(watched, clock=lambda: watching.clock.now, run="picture")
    chain = watching.chain
    for bar in range(_BARS):
        steps = []
        if bar % 10 == 0:
            steps.append(watching.deliver(PAPER, outcome=Outcome.FAILED))
        if bar in _NEWS:
            source, title = _NEWS[bar]
            published = Stamp(raw="", at=watching.clock.now - dt.timedelta(seconds=20))
            url = f"https://news.example/{bar}"
            item = Item(title=title, id=f"{bar}", url=url, published=published)
            steps.append(watching.deliver(source, item))
            [(version, text)] = chain.to_score(1)
            steps.append(chain.add_scores([version], [predict(text)]))
            explained = chain.shown.explained(version, weigh(text))
            assert explained is not None
            steps[-1].changes.append(explained)
        steps.append(watching.pass_(BAR_S))
        for step in steps:
            for change in step.changes:
                hub.publish(change)
    watching.close()
    return hub


async def explain(text: str) -> tuple[Prediction, list[WordWeight]]:
    """Classify and explain a text, for the box of the page."""
    return predict(text), weigh(text)


def weigh(text: str) -> list[WordWeight]:
    """How much each word of a headline matters to the stand-in."""
    found = predict(text)
    at = found.scores.index(found.score)
    return [
        WordWeight(text[start:end], start, end, found.score - predict(rest).scores[at])
        for (start, end), rest in zip(spans_of_words(text), without_each_word(text), strict=True)
    ]
