"""Small public test sets in each format, a catalogue of them, and a model to evaluate on them."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tomli_w

from newsclf.common.files import file_digest
from newsclf.data.examples import Example, Split
from newsclf.model.card import read_card, write_card
from newsclf.training.seen_texts import SEEN_FILE, write_seen_texts
from tests.support.builders import build_serving_model

NAMES = {"negative": "negative", "neutral": "neutral", "positive": "positive"}
COMMIT = "c0ffee" + "0" * 34


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], delimiter: str = ",") -> bytes:
    """A CSV file."""
    target = io.StringIO(newline="")
    csv.writer(target, delimiter=delimiter).writerows([columns, *rows])
    return target.getvalue().encode()


def finentity(rows: Sequence[tuple[str, Sequence[str]]]) -> bytes:
    """A file of sentences, each with the labels of its entities."""
    documents = [
        {"content": text, "annotations": [{"label": label, "value": "X"} for label in labels]}
        for text, labels in rows
    ]
    return json.dumps(documents).encode()


FINENTITY = finentity(
    [
        ("Acme Ltd shares jump after record profit", ["Positive", "Positive"]),
        ("Acme Ltd shares jump after record profit ", ["Positive"]),
        ("Brolly plc warns on profit and cuts its dividend", ["Negative"]),
        ("Acme Ltd gains as Brolly plc falls", ["Positive", "Negative"]),
        ("Corvid AG will publish results on Tuesday", ["Neutral"]),
        ("Dunmore Inc opens an office in Lisbon", ["Neutral"]),
    ]
)
TFNS = table(
    ("text", "label"),
    [
        ("$ACM - Acme upgraded to buy, target raised", "1"),
        ("$BRO - Brolly downgraded to sell", "0"),
        ("$COR - Corvid to present at a conference", "2"),
        ("$DUN - Dunmore names a new chair", "2"),
    ],
)
SENTFIN = table(
    ("S No.", "Title", "Decisions", "Words"),
    [
        ("1", "Acme soars on order win", "{'Acme': 'positive'}", "5"),
        (
            "2",
            "Moody's cuts Brolly's rating",
            "{'Moody's': 'neutral', 'Brolly's bank': 'negative'}",
            "4",
        ),
        ("3", "Doyle's sinks on weak sales", "{'Doyle's': 'negative'}", "5"),
        ("4", "Market opens flat", """{"Dealer's choice": 'neutral', 'Market': 'neutral'}""", "3"),
        ("5", "ACME SOARS ON ORDER WIN!", "{'Acme': 'positive'}", "5"),
    ],
)
SEMEVAL = json.dumps(
    [
        {"id": 1, "company": "Acme", "title": "Acme wins Â£30m order", "sentiment": 0.7},
        {"id": 2, "company": "Acme", "title": "Brolly trails Acme", "sentiment": 0.4},
        {"id": 3, "company": "Brolly", "title": "Brolly trails Acme", "sentiment": -0.5},
        {"id": 4, "company": "Corvid", "title": "Corvid holds its meeting", "sentiment": 0.2},
        {"id": 5, "company": "Dunmore", "title": "Dunmore slips", "sentiment": -0.201},
    ]
).encode()
FIQA = json.dumps(
    {
        "1": {"sentence": "Acme wins £30m order", "info": [{"sentiment_score": "0.61"}]},
        "7": {"sentence": "Dunmore fined", "info": [{"sentiment_score": "-0.9"}]},
        "9": {
            "sentence": "Acme up, Brolly down",
            "info": [{"sentiment_score": "0.3"}, {"sentiment_score": "-0.3"}],
        },
    }
).encode()
GOLD = table(
    ("Dates", "URL", "News", "Price Sentiment"),
    [
        ("1/1/2020", "u", "gold rises", "positive"),
        ("2/1/2020", "u", 'gold bugs: "told you so"', "none"),
        ("3/1/2020", "u", "gold falls to 1 \ufffd-year low", "negative"),
        ("4/1/2020", "u", "gold steady\n", "neutral"),
    ],
    delimiter="\t",
)
CONTENTS = {
    "finentity": FINENTITY,
    "tfns": TFNS,
    "sentfin": SENTFIN,
    "semeval": SEMEVAL,
    "fiqa": FIQA,
    "gold": GOLD,
}
_SPECIAL: Mapping[str, Mapping[str, Any]] = {
    "finentity": {"labels": {name.capitalize(): name for name in NAMES}},
    "tfns": {"labels": {"0": "negative", "1": "positive", "2": "neutral"}},
    "semeval": {"neutral_within": 0.2},
    "fiqa": {"neutral_within": 0.2, "overlaps": {"semeval": 1}},
    "gold": {"labels": NAMES, "left_out": ["none"]},
}


def entry(form: str, content: bytes | None = None, **changes: Any) -> dict[str, Any]:
    """The catalogue's entry of a set of one file, called as its format is."""
    content = CONTENTS[form] if content is None else content
    special = _SPECIAL.get(form, {"labels": NAMES})
    file = {
        "path": f"data/{form}.dat",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    return {
        "name": form,
        "title": f"The {form} set",
        "kind": "headlines",
        "use": "development" if form in ("finentity", "tfns") else "sealed",
        "format": form,
        "repository": "somebody/sets",
        "commit": COMMIT,
        "licence": "CC0",
        "citation": "Somebody 2026",
        "mapping": "as it says",
        "files": [file],
        **special,
        **changes,
    }


def write_catalogue(
    path: Path, *entries: Mapping[str, Any], host: str = "http://127.0.0.1:9", **more: Any
) -> Path:
    """A catalogue of these sets, or of one in each format."""
    sets = list(entries) or [entry(form) for form in CONTENTS]
    document = {"schema_version": 1, "host": host, "sets": sets, **more}
    path.write_text(tomli_w.dumps(document), encoding="utf-8")
    return path


def write_sets(folder: Path) -> Path:
    """The files of the sets, under names of their own."""
    folder.mkdir()
    for number, content in enumerate(CONTENTS.values()):
        (folder / f"{number}.bin").write_bytes(content)
    return folder


def build_model(folder: Path, *, seen: Sequence[Example] = (), **changes: Any) -> Path:
    """A model that classifies without training, which has been trained on some texts."""
    build_serving_model(folder)
    write_seen_texts(folder, Split(train=seen, validation=(), test=()))
    _, card = read_card(folder)
    files = card.files | {SEEN_FILE: file_digest(folder / SEEN_FILE)}
    write_card(folder, card.model_copy(update={"files": files, **changes}))
    return folder
