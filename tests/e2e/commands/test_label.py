"""`newsclf label` from a file of headlines to a labelled file that a training takes, or doesn't."""

from __future__ import annotations

import asyncio
import csv
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from newsclf.common.settings import DataSettings
from newsclf.contract.labels import LABELS
from newsclf.data.labelled import audit_path, read_audit, read_labelled
from newsclf.data.sources import load_data
from newsclf.data.split import split
from newsclf.label.gold import gold_path
from tests.conftest import Cli
from tests.support.llmserver import Llm, llm_server

HEADLINES = 90


@contextmanager
def serving(llm: Llm) -> Iterator[Llm]:
    """Serve a model from a thread of its own, since the command line has a loop of its own."""
    started, end = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with llm_server(llm):
            started.set()
            await end.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    started.wait()
    try:
        yield llm
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join()
        loop.close()


@pytest.fixture
def truth() -> dict[str, str]:
    """The training part of the shipped headlines, with its labels."""
    settings = DataSettings(source="headlines")
    rows = split(load_data(settings), settings).train
    return {row.text: LABELS[row.label_id] for row in rows}


@pytest.fixture
def headlines(truth: dict[str, str]) -> Path:
    path = Path("news.csv")
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["headline"], *([text] for text in [*truth][:HEADLINES])])
    return path


def asked(llm: Llm, path: Path, *more: str) -> list[str]:
    price = ["--price-per-million", "1,2"]
    return ["label", str(path), "--llm", f"test@{llm.url}", *price, *more]


def test_a_good_model_labels_and_its_file_meets_the_gate(
    newsclf: Cli, headlines: Path, truth: dict[str, str]
) -> None:
    with serving(Llm(truth)) as llm:
        result = newsclf(*asked(llm, headlines, "--votes", "3", "--json"))

    assert result.exit_code == 0, result.err
    out = Path("labelled.jsonl")
    rows = list(read_labelled(out))
    assert {row.text: row.label for row in rows} == {row.text: truth[row.text] for row in rows}
    assert all((row.agreement, row.source) == (100, "news.csv") for row in rows)
    audit = read_audit(out)
    assert json.loads(result.out)["gate_met"]
    assert (audit.score.kappa.value, audit.rows, audit.gate) == (1.0, len(rows), {"kappa": 0.7})
    assert audit.gold_rows >= len(rows) // 10
    known = {json.loads(line)["text"] for line in gold_path(out).read_text("utf-8").splitlines()}
    assert not known & {row.text for row in rows}, "hidden rows are not in the file"


def test_a_bad_model_fails_its_gate_and_trains_nothing(
    newsclf: Cli, headlines: Path, truth: dict[str, str]
) -> None:
    with serving(Llm(truth, error_rate=0.9)) as llm:
        result = newsclf(*asked(llm, headlines, "--gold-share", "0.3"))

    assert result.exit_code == 6
    assert "gate not met" in result.err
    assert audit_path(Path("labelled.jsonl")).exists()
    refused = newsclf("train", "--data", "headlines", "--extra", "labelled.jsonl")
    assert refused.exit_code != 0
    assert "gate" in refused.err


def test_the_same_command_pays_for_nothing_twice(
    newsclf: Cli, headlines: Path, truth: dict[str, str]
) -> None:
    with serving(Llm(truth)) as llm:
        limited = newsclf(*asked(llm, headlines, "--max-cost", "0.01", "--concurrency", "1"))
        requests = len(llm.done)
        assert "not asked for, within --max-cost" in limited.err
        again = newsclf(*asked(llm, headlines))

        assert again.exit_code == 0, again.err
        assert len(llm.done) == len({done.text for done in llm.done})
        assert 0 < requests < len(llm.done)
        assert llm.billed_usd("1", "2") > 0


def test_likely_errors_are_ranked(newsclf: Cli, headlines: Path, truth: dict[str, str]) -> None:
    with serving(Llm(truth, error_rate=0.2)) as llm:
        newsclf(*asked(llm, headlines, "--gate", "kappa=0"))
    result = newsclf("label", "--audit", "labelled.jsonl", "--json")

    assert result.exit_code == 0, result.err
    ranked = json.loads(result.out)
    assert {row["row"] for row in ranked} == set(range(1, len(ranked) + 1))
    wrong = [row["label"] != truth[row["headline"]] for row in ranked]
    half = len(wrong) // 2
    assert sum(wrong[:half]) > sum(wrong[half:])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["label"], "nothing to label"),
        (["label", "news.csv"], "who labels it?"),
        (["label", "none.csv", "--human", "ana"], "no such file"),
        (["label", "news.csv", "--llm", "m", "--max-cost", "much"], "--max-cost much"),
        (["label", "news.csv", "--llm", "m", "--gate", "kapa=1"], "kappa"),
        (["label", "news.csv", "--human", "ana"], "not a terminal"),
        (["label", "--audit", "none.jsonl"], "none.jsonl"),
    ],
)
@pytest.mark.usefixtures("headlines")
def test_what_cannot_be_done_says_why(newsclf: Cli, arguments: list[str], said: str) -> None:
    result = newsclf(*arguments)
    assert result.exit_code != 0
    assert said in result.err
    assert "Traceback" not in result.err
