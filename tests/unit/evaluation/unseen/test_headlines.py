"""Readers of the public test sets: every format, its broken rows, and what is merged."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from newsclf.common.errors import DataError
from newsclf.contract.labels import LABELS
from newsclf.data.examples import normalised
from newsclf.evaluation.unseen.catalogue import UnseenSet, read_catalogue
from newsclf.evaluation.unseen.fetch import read_files
from newsclf.evaluation.unseen.headlines import Headlines, read_headlines
from tests.support.unseen_builders import CONTENTS, entry, finentity, table

REAL_SETS = Path(__file__).parents[5] / "shared" / "data" / "unseen"
needs_real_sets = pytest.mark.skipif(
    not REAL_SETS.is_dir(), reason="needs the public test sets in ../shared/data/unseen"
)
"""The real files, where a checkout lies beside them; their licences forbid shipping them."""


def read(form: str, content: bytes | None = None, **changes: Any) -> Headlines:
    content = CONTENTS[form] if content is None else content
    unseen = UnseenSet.model_validate(entry(form, content, **changes))
    return read_headlines(unseen, [content])


def labelled(headlines: Headlines) -> dict[str, str]:
    return {each.text: LABELS[each.label_id] for each in headlines.agreeing}


def texts_of(headlines: Headlines) -> list[str]:
    agreeing = [each.text for each in headlines.agreeing]
    return agreeing + [each.text for each in headlines.conflicting]


def test_finentity_sentences_have_the_label_of_all_their_entities() -> None:
    found = read("finentity")

    assert labelled(found) == {
        "Acme Ltd shares jump after record profit": "positive",
        "Brolly plc warns on profit and cuts its dividend": "negative",
        "Corvid AG will publish results on Tuesday": "neutral",
        "Dunmore Inc opens an office in Lisbon": "neutral",
    }
    assert [(each.text, {*each.label_ids}) for each in found.conflicting] == [
        ("Acme Ltd gains as Brolly plc falls", {0, 2})
    ]
    assert (found.rows, found.merged, found.left_out) == (6, 1, 0)


def test_a_duplicate_with_another_label_makes_a_headline_conflicting() -> None:
    found = read("finentity", finentity([("It rose", ["Positive"]), ("IT ROSE.", ["Neutral"])]))

    assert found.agreeing == []
    assert [each.label_ids for each in found.conflicting] == [{1, 2}]


def test_sentences_without_entities_are_left_out() -> None:
    found = read("finentity", finentity([("It rose", []), ("It fell", ["Negative"])]))

    assert labelled(found) == {"It fell": "negative"}
    assert found.left_out == 1


def test_tfns_labels_are_numbers() -> None:
    found = read("tfns")

    assert list(labelled(found).values()) == ["positive", "negative", "neutral", "neutral"]


def test_sentfin_dicts_that_an_apostrophe_breaks_are_repaired_and_counted() -> None:
    found = read("sentfin")

    assert labelled(found) == {
        "Acme soars on order win": "positive",
        "Doyle's sinks on weak sales": "negative",
        "Market opens flat": "neutral",
    }
    assert [(each.text, {*each.label_ids}) for each in found.conflicting] == [
        ("Moody's cuts Brolly's rating", {0, 1})
    ]
    assert (found.repaired, found.merged) == (2, 1)


@pytest.mark.parametrize(
    "broken",
    ["{'Acme': 'positive'", "{'A's': 'up', oops}", "[1]", "{'A': 1}", "{[]: 'up'}", "-" * 99_999],
)
def test_sentfin_dicts_that_cannot_be_repaired_are_an_error_that_names_the_row(broken: str) -> None:
    content = table(("Title", "Decisions"), [("Acme", "{'Acme': 'positive'}"), ("Bad", broken)])

    with pytest.raises(DataError, match=r"The sentfin set, sentfin\.dat: .* row 2: Decisions"):
        read("sentfin", content)


def test_semeval_scores_near_zero_are_neutral_and_text_is_cleaned() -> None:
    found = read("semeval")

    assert labelled(found) == {
        "Acme wins £30m order": "positive",
        "Corvid holds its meeting": "neutral",  # 0.2 itself is neutral
        "Dunmore slips": "negative",
    }
    assert len(found.conflicting) == 1
    assert (found.rows, found.merged, found.cleaned) == (5, 1, 1)


def test_fiqa_headlines_have_the_label_of_all_their_targets() -> None:
    found = read("fiqa")

    assert labelled(found) == {"Acme wins £30m order": "positive", "Dunmore fined": "negative"}
    assert len(found.conflicting) == 1


def test_gold_headlines_without_a_sentiment_are_left_out_and_damage_is_counted() -> None:
    found = read("gold")

    assert labelled(found) == {
        "gold rises": "positive",
        "gold falls to 1 \ufffd-year low": "negative",
        "gold steady": "neutral",
    }
    assert (found.left_out, found.damaged, found.cleaned) == (1, 1, 0)


@pytest.mark.parametrize("form", CONTENTS)
def test_no_row_is_lost_and_no_headline_comes_twice(form: str) -> None:
    found = read(form)

    headlines = texts_of(found)
    assert found.rows - found.merged - found.left_out == len(headlines)
    assert len({normalised(text) for text in headlines}) == len(headlines)


@pytest.mark.parametrize(
    ("form", "content", "said"),
    [
        ("finentity", b"{", "broken JSON"),
        ("finentity", b"{}", "its JSON is no list"),
        ("finentity", b'[{"content": "a"}]', "row 1: no list 'annotations'"),
        ("finentity", b'[{"content": "\\ud800", "annotations": []}]', "row 1: its text holds half"),
        ("finentity", b"[1]", "row 1: no list 'annotations'"),
        ("tfns", b"headline,label\na,1\n", "no column text"),
        ("tfns", b"text,label\na\n", "row 1: no text 'label'"),
        ("gold", b"News\tPrice\n", "no column Price Sentiment"),
        ("semeval", b'[{"title": "a", "sentiment": 2}]', "row 1: 'sentiment' is not a score"),
        ("semeval", b'[{"title": "a", "sentiment": "?"}]', "row 1: 'sentiment' is not a score"),
        ("fiqa", b'{"1": {"sentence": "a", "info": [{}]}}', "'sentiment_score' is not a score"),
        ("tfns", b"text,label\n\xff,1\n", "not UTF-8"),
    ],
)
def test_a_file_of_another_form_is_an_error_that_names_the_place(
    form: str, content: bytes, said: str
) -> None:
    with pytest.raises(DataError) as raised:
        read(form, content)

    assert said in raised.value.message


def test_an_unknown_label_is_an_error_with_a_way_out() -> None:
    with pytest.raises(DataError, match="the label 'bearish' is not in the catalogue") as raised:
        read("tfns", table(("text", "label"), [("It fell", "bearish")]))

    assert "left_out" in (raised.value.hint or "")


@needs_real_sets
@pytest.mark.parametrize(
    ("name", "counts", "conflicting", "repaired"),
    [
        ("finentity", (177, 487, 177), 127, 0),
        ("tfns", (347, 1566, 475), 0, 0),
        ("sentfin", (2697, 3402, 3350), 1235, 13),
        ("semeval", (299, 254, 364), 42, 0),
        ("fiqa", (106, 113, 204), 12, 0),
        ("gold", (3808, 375, 4410), 0, 0),
    ],
)
def test_real_sets_have_the_known_counts(
    tmp_path: Path, name: str, counts: tuple[int, ...], conflicting: int, repaired: int
) -> None:
    catalogue = read_catalogue()
    [unseen] = catalogue.choose([name])

    contents = read_files(catalogue, unseen, folder=REAL_SETS, cache=tmp_path)
    found = read_headlines(unseen, contents)

    by_label = Counter(each.label_id for each in found.agreeing)
    assert tuple(by_label[i] for i in range(len(LABELS))) == counts
    assert len(found.conflicting) == conflicting
    assert found.repaired == repaired


@needs_real_sets
def test_the_real_overlap_is_that_of_the_catalogue(tmp_path: Path) -> None:
    catalogue = read_catalogue()
    texts = []
    for unseen in catalogue.choose(["semeval", "fiqa"]):
        contents = read_files(catalogue, unseen, folder=REAL_SETS, cache=tmp_path)
        texts.append({normalised(text) for text in texts_of(read_headlines(unseen, contents))})

    assert len(texts[0] & texts[1]) == catalogue.choose(["fiqa"])[0].overlaps["semeval"]


def test_json_text_with_escapes_is_read() -> None:
    content = json.dumps([{"title": "Acmé rises", "sentiment": 1}], ensure_ascii=True).encode()

    assert labelled(read("semeval", content)) == {"Acmé rises": "positive"}
