"""Bias probe: labels that change when a name is swapped for another of its kind.

A headline about a fall in profit is as bad for one company as for another. Each probe swaps the
companies, the countries or the currencies of a headline, always in the same way for the same
headline, and counts the labels that flip.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from typing import Literal, get_args

from newsclf.common.intervals import wilson_interval
from newsclf.contract.answers import Prediction
from newsclf.evaluation.records import Flip, Swap

Kind = Literal["company", "country", "currency"]
_KINDS: tuple[Kind, ...] = get_args(Kind)
_EXAMPLES = 5

# Listed companies: the Nordic ones that PhraseBank is about, and large ones elsewhere.
_COMPANY_NAMES = (
    "Nokia, Finnair, Outokumpu, Kesko, Metso, Neste Oil, Nordea, Stora Enso, UPM-Kymmene, Elisa, "
    "Fortum, Wärtsilä, Wartsila, YIT, Kone, Cargotec, Rautaruukki, Ruukki, Sampo, Tieto, "
    "TietoEnator, Stockmann, Raisio, Fiskars, Uponor, Orion, Konecranes, Huhtamaki, HKScan, "
    "Atria, Componenta, Ramirent, Lemminkäinen, Lemminkainen, Talentum, Olvi, Amer Sports, "
    "Sanoma, Alma Media, TeliaSonera, Ericsson, Volvo, Vaisala, Tekla, Basware, F-Secure, "
    "Glaston, Siemens, Samsung, Apple, Microsoft, Toyota, Barclays, Santander, Vodafone, "
    "Petrobras, Tata Steel"
)
_COMPANIES = tuple(_COMPANY_NAMES.split(", "))
_LEGAL_FORMS = r"Oyj|Abp|Oy|AB|ASA|A/S|AG|GmbH|SE|SA|S\.A\.|NV|N\.V\.|SpA|PLC|plc|Inc|Corp|Ltd|LLC"
_COMPANY = re.compile(
    # a known name, or up to three capitalised words before a legal form
    r"\b(?:"
    + "|".join(re.escape(name) for name in sorted(_COMPANIES, key=len, reverse=True))
    + r"|[A-Z][\w&-]*(?: [A-Z][\w&-]*){0,2}(?= (?:"
    + _LEGAL_FORMS
    + r")(?!\w)))(?!\w)"
)
_COUNTRY_NAMES = (
    "Finland Finnish, Sweden Swedish, Norway Norwegian, Denmark Danish, Estonia Estonian, Latvia "
    "Latvian, Lithuania Lithuanian, Russia Russian, Poland Polish, Germany German, France French, "
    "Spain Spanish, Italy Italian, Japan Japanese, China Chinese, India Indian, Brazil Brazilian, "
    "Mexico Mexican, Canada Canadian, Australia Australian, Nigeria Nigerian, Egypt Egyptian, "
    "Turkey Turkish, Ukraine Ukrainian"
)
"""Country and adjective."""
COUNTRIES = dict(pair.split() for pair in _COUNTRY_NAMES.split(", "))
_COUNTRY_OF = {adjective: country for country, adjective in COUNTRIES.items()}
_COUNTRY = re.compile(rf"\b(?:{'|'.join([*COUNTRIES, *COUNTRIES.values()])})\b")
_CURRENCY_CYCLES = (
    ("EUR", "USD", "GBP", "SEK", "JPY"),
    ("€", "$", "£"),
    ("euros", "dollars", "pounds", "yen"),
    ("euro", "dollar", "pound"),
)
_NEXT_CURRENCY = {
    name: cycle[(i + 1) % len(cycle)] for cycle in _CURRENCY_CYCLES for i, name in enumerate(cycle)
}
_CURRENCY = re.compile(r"[€$£]|\b(?:EUR|USD|GBP|SEK|JPY|euros?|dollars?|pounds?|yen)\b")


def swap(text: str, kind: Kind) -> str:
    """Swap every name of a kind for another one, consistently within the headline.

    Returns the text unchanged if it holds no such name. The choice depends on the text alone.
    """
    if kind == "currency":
        return _CURRENCY.sub(lambda match: _NEXT_CURRENCY[match[0]], text)
    chooser = random.Random(text)  # noqa: S311 - a reproducible choice, not a secret
    # Never a name that the headline holds, nor one name for two: "from X to X" means another thing.
    others = [
        name
        for name, adjective in (
            [(name, name) for name in _COMPANIES] if kind == "company" else COUNTRIES.items()
        )
        if name not in text and adjective not in text
    ]
    chooser.shuffle(others)
    chosen: dict[str, str] = {}

    def other(name: str) -> str:
        if name not in chosen and others:
            chosen[name] = others.pop()
        return chosen.get(name, name)

    if kind == "company":
        return _COMPANY.sub(lambda match: other(match[0]), text)
    return _COUNTRY.sub(
        lambda match: (
            other(match[0]) if match[0] in COUNTRIES else COUNTRIES[other(_COUNTRY_OF[match[0]])]
        ),
        text,
    )


def probe(
    texts: Sequence[str],
    predictions: Sequence[Prediction],
    classify: Callable[[Sequence[str]], list[Prediction]],
) -> list[Swap]:
    """Swap the names in headlines and count the labels that flip.

    Args:
        texts: Headlines.
        predictions: Predictions for the headlines as they are.
        classify: The classifier.
    """
    found = []
    for kind in _KINDS:
        swapped = [swap(text, kind) for text in texts]
        changed = [i for i, text in enumerate(texts) if swapped[i] != text]
        after = classify([swapped[i] for i in changed]) if changed else []
        flips = [
            Flip(
                before=texts[i],
                after=swapped[i],
                label_before=predictions[i].label,
                label_after=new.label,
            )
            for i, new in zip(changed, after, strict=True)
            if predictions[i].label != new.label
        ]
        found.append(
            Swap(
                kind=kind,
                rows=len(changed),
                flips=len(flips),
                rate=len(flips) / len(changed) if changed else 0.0,
                interval=wilson_interval(len(flips), len(changed)),
                examples=flips[:_EXAMPLES],
            )
        )
    return found
