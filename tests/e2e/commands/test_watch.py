"""`newsclf watch` from nothing to signals, by its real command line, on files of this machine."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from newsclf.common.settings import DistilSettings
from newsclf.training.distil.unlabelled import read_unlabelled
from newsclf.watch.record.replay import Record
from newsclf.watch.record.storage.sqlite import check
from tests.conftest import Cli
from tests.support.processes import started

TITLES = (
    "Orvane Motors lifts its forecast as orders jump",
    "Orvane Motors recalls 40,000 vans",
    "Tarnholt's beer sales fall for a third year",
    "Orvane Motors and Tarnholt end their dispute",
)
SETTINGS = """
schema_version = 1
contact = "test@example.com"
sources = [{ name = "own", path = "news", terms = "for tests" }]
watchlist = [{ name = "Orvane Motors" }, { name = "Tarnholt" }]
signals = { bar_s = 1 }
"""


@pytest.fixture
def model(trained: Path) -> str:
    return str(trained / "model")


@pytest.fixture(autouse=True)
def news() -> Path:
    Path("watch.toml").write_text(SETTINGS, encoding="utf-8")
    Path("news").mkdir()
    lines = "".join(f"{json.dumps({'title': title})}\n" for title in TITLES)
    Path("news/today.jsonl").write_text(lines, encoding="utf-8")
    return Path("news/today.jsonl")


RECORD = Path(".newsclf/watch/record.db")


def test_headlines_become_signals_that_a_replay_computes_again(newsclf: Cli, model: str) -> None:
    watched = newsclf("watch", "--model", model, "--duration", "4s", "--json")

    assert watched.exit_code == 0, watched.err
    lines = [json.loads(line) for line in watched.out.splitlines()]
    scored = {line["title"] for line in lines if line["kind"] == "headline"}
    assert scored == set(TITLES)
    signals = [line for line in lines if line["kind"] == "signal"]
    last = {line["entity"]: line for line in signals}
    assert last[None]["events"] == len(TITLES)
    assert (last["Orvane Motors"]["events"], last["Orvane Motors"]["abstentions"]) == (2, 1)
    check(RECORD)

    again = newsclf("watch", "--model", model, "--duration", "2s", "--json")
    titles = [json.loads(line).get("title") for line in again.out.splitlines()]
    assert not set(titles) & set(TITLES), "what is known is not told again"

    files = ["--signals", "signals.parquet", "--items", "items.csv"]
    replayed = newsclf("watch", "replay", "--json", *files)
    assert replayed.exit_code == 0, replayed.err
    found = json.loads(replayed.out)
    assert found["compared"] == found["signals"] > 0
    assert found["differing"] == 0
    assert Path("signals.parquet").stat().st_size > 0
    rows = list(csv.DictReader(Path("items.csv").read_text("utf-8").splitlines()))
    assert len(rows) == len(TITLES) + 1
    assert {row["terms"] for row in rows} == {"own: for tests"}
    fed = read_unlabelled(Path("items.csv"), DistilSettings(), training=[], held_out=[], seed=0)
    assert set(fed.texts) == set(TITLES), "a student can learn from what was watched"
    assert newsclf("watch", "replay", *files).exit_code == 2, "files are not overwritten unasked"
    other = newsclf("watch", "replay", "--file", "watch.toml", "--until", "2020-01-01", "--json")
    assert (other.exit_code, json.loads(other.out)["bars"]) == (0, 0)


def test_standard_input_as_the_only_source_ends_the_watch(model: str) -> None:
    Path("watch.toml").write_text(SETTINGS.replace('"news"', '"-"'), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "newsclf", "watch", "--model", model, "--json"],
        input=json.dumps({"title": TITLES[0]}).encode() + b"\nno JSON\n",
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert any(line.get("classification") for line in lines)
    assert "repaired" in {line["verdict"] for line in lines if line["kind"] == "source"}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_and_the_record_is_whole(
    model: str, number: signal.Signals, code: int
) -> None:
    command = [sys.executable, "-m", "newsclf", "watch", "--model", model, "--json"]
    with started(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()  # it watches
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == code, said
    assert b"Traceback" not in said
    check(RECORD)


def test_a_pipe_that_is_closed_ends_it(model: str) -> None:
    command = [sys.executable, "-m", "newsclf", "watch", "--model", model, "--json"]
    with started(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
    check(RECORD)


def test_two_watches_do_not_write_one_record(newsclf: Cli, model: str) -> None:
    command = [sys.executable, "-m", "newsclf", "watch", "--model", model, "--json"]
    with started(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as first:
        assert first.stdout is not None
        first.stdout.readline()
        second = newsclf("watch", "--model", model, "--duration", "1s")
        first.kill()
    assert second.exit_code == 3
    assert "another" in second.err
    with Record(RECORD) as record:
        assert record.last_commit() > 0


def test_a_file_to_start_from(newsclf: Cli) -> None:
    refused = newsclf("watch", "--init")
    assert (refused.exit_code, "already exists" in refused.err) == (2, True)
    assert newsclf("watch", "--init", "--overwrite").exit_code == 0
    assert "[[sources]]" in Path("watch.toml").read_text("utf-8")


def test_sources_are_tried_and_nothing_is_recorded(newsclf: Cli) -> None:
    found = newsclf("watch", "--check", "--json")
    assert found.exit_code == 0, found.err
    [own] = json.loads(found.out)
    assert (own["verdict"], own["items"], own["first_headline"]) == ("ok", len(TITLES), TITLES[0])
    Path("watch.toml").write_text(SETTINGS.replace('"news"', '"none"'), encoding="utf-8")
    missing = newsclf("watch", "--check")
    assert (missing.exit_code, "1 of 1 sources" in missing.err) == (6, True)
    assert not RECORD.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["watch", "--file", "none.toml"], 2, "none.toml"),
        (["watch", "--model", "none"], 3, "none"),
        (["watch", "--record", "r.db", "replay"], 2, "stand behind it"),
        (["watch", "replay"], 3, "record.db"),
        (["watch", "replay", "--until", "noon"], 2, "noon"),
        (["watch", "replay", "--until", "0001-01-01T00:00+14:00"], 2, "expected a time"),
        (["watch", "--duration", "0.1s"], 2, "at least 1 s"),
    ],
)
def test_what_cannot_be_done_says_why(
    newsclf: Cli, arguments: list[str], code: int, said: str
) -> None:
    result = newsclf(*arguments)
    assert (result.exit_code, said in result.err) == (code, True), result.err
    assert "hint:" in result.err or code == 2
    assert "Traceback" not in result.err


def test_a_record_that_is_something_else_is_refused(newsclf: Cli, model: str) -> None:
    Path("r.db").write_text("not a database\n" * 200, encoding="utf-8")
    result = newsclf("watch", "--model", model, "--record", "r.db", "--duration", "1s")
    assert result.exit_code != 0
    assert "r.db" in result.err
    assert Path("r.db").read_text("utf-8").startswith("not a database"), "it is left as it was"
