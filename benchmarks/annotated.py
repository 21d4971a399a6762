"""Texts of public sets in which people marked companies, each with its sentiment."""

from __future__ import annotations

import ast
import csv
import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from newsclf.contract.labels import LABELS
from newsclf.watch.entities.matcher import Span

FINENTITY, SENTFIN = "FinEntity.json", "SEntFiN.csv"
_BROKEN_DICT = re.compile(r"""(?P<q>['"])(?P<name>.+?)(?P=q): '(?P<label>\w+)'""")


class Marked(NamedTuple):
    """A company in a text, with what the text says for it."""

    name: str
    label: str
    """One of LABELS."""
    span: Span


class Annotated(NamedTuple):
    """A text and what its annotators marked in it."""

    text: str
    marked: tuple[Marked, ...]


def finentity(content: str) -> Iterator[Annotated]:
    """The texts of FinEntity, where each place of a name has a label."""
    for item in json.loads(content):
        yield Annotated(
            item["content"],
            tuple(
                Marked(each["value"], _label(each["label"]), Span(each["start"], each["end"]))
                for each in item["annotations"]
            ),
        )


def sentfin(content: str) -> Iterator[Annotated]:
    """The headlines of SEntFiN, where each name has a label; it stands where it is first found."""
    for row in csv.DictReader(content.splitlines(keepends=True)):
        given = row["Decisions"]
        try:
            labels = dict(ast.literal_eval(given))
        except (SyntaxError, ValueError):  # an apostrophe in a name breaks the dict
            labels = {match["name"]: match["label"] for match in _BROKEN_DICT.finditer(given)}
        places = ((name, label, row["Title"].find(name)) for name, label in labels.items())
        yield Annotated(
            row["Title"],
            tuple(
                Marked(name, _label(label), Span(start, start + len(name) if start >= 0 else start))
                for name, label, start in places
            ),
        )


def _label(written: str) -> str:
    """The label of LABELS that a set writes in its own case."""
    return LABELS[LABELS.index(written.casefold())]
