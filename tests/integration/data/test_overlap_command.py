"""`newsclf data overlap`: two sources of any kind, the parts of one, its gate and its CSV file."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from newsclf.data.overlap import KINDS
from tests.conftest import Cli
from tests.support.builders import sample_rows, write_csv

PROFIT = "Kelmo's operating profit rose to EUR 13.5 mn from EUR 9.2 mn"
QUOTED = "regulators in three countries ask for more time"
TRAINING = [PROFIT, f"Talvio slides in early trading in Helsinki as {QUOTED}, sources say", "Oil"]
TEST = [
    "Gold slides",
    PROFIT,
    PROFIT.upper(),
    PROFIT.replace("13.5", "7"),
    PROFIT.replace("rose", "fell"),
    f"In a filing on Friday Kelmo said that {QUOTED}; it keeps its outlook for the whole year",
]


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`train.csv` with labels and `test.txt` without in the working folder."""
    monkeypatch.chdir(tmp_path)
    write_csv(Path("train.csv"), [("text", "label"), *((text, "neutral") for text in TRAINING)])
    Path("test.txt").write_text("\n".join(TEST), encoding="utf-8")


def test_every_kind_is_counted_with_examples(newsclf: Cli) -> None:
    found = json.loads(newsclf("data", "overlap", "train.csv", "test.txt", "--json").out)

    assert found["kinds"] == dict.fromkeys(KINDS, 1)
    assert found["first"] == {"name": "train.csv", "headlines": 3}
    assert (found["contained"], found["share"]) == (5, pytest.approx(5 / 6))
    pairs = [(pair["kind"], pair["first_row"], pair["second_row"]) for pair in found["examples"]]
    assert pairs == [
        ("identical", 1, 2),
        ("normalised", 1, 3),
        ("numbers", 1, 4),
        ("near", 1, 5),
        ("run", 2, 6),
    ]


def test_the_table_shows_counts_and_escaped_examples(newsclf: Cli) -> None:
    Path("test.txt").write_text(f"{PROFIT}\x1b[31m!\n" + "long word " * 40, encoding="utf-8")

    found = newsclf("data", "overlap", "train.csv", "test.txt", "--examples", 1)

    assert re.search(r"in all +1 +50\.00 %", found.out)
    assert "\x1b" not in found.out
    assert "B 1" in found.out
    assert "A 1" in found.out
    assert "row" not in newsclf("data", "overlap", "train.csv", "test.txt", "--examples", 0).out


def test_all_pairs_are_written(newsclf: Cli) -> None:
    arguments = ("data", "overlap", "train.csv", "test.txt", "--examples", 0)
    assert newsclf(*arguments, "--output", "found/pairs.csv").exit_code == 0

    with Path("found/pairs.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["kind"] for row in rows] == list(KINDS)
    assert [row["second_text"] for row in rows] == TEST[1:]
    again = newsclf(*arguments, "--output", "found/pairs.csv")
    assert (again.exit_code, "already exists" in again.err) == (2, True)
    assert newsclf(*arguments, "--output", "found/pairs.csv", "--overwrite").exit_code == 0


@pytest.mark.parametrize("first", ["train.csv", "train.csv+headlines", "test.txt"])
def test_a_compared_file_is_never_overwritten(newsclf: Cli, first: str) -> None:
    before = Path("train.csv").read_bytes()

    result = newsclf(
        *("data", "overlap", first, "./train.csv", "--output", "train.csv", "--overwrite")
    )

    assert result.exit_code == 2
    assert "train.csv is one of the compared files" in result.err
    assert Path("train.csv").read_bytes() == before


def test_a_file_without_pairs_has_a_header(newsclf: Cli) -> None:
    Path("test.txt").write_text("Gold slides\nCopper gains\n", encoding="utf-8")

    newsclf("data", "overlap", "train.csv", "test.txt", "--output", "pairs.csv")

    (line,) = Path("pairs.csv").read_text(encoding="utf-8").splitlines()
    assert line.startswith("kind,similarity,")


@pytest.mark.parametrize(("highest", "exit_code"), [("0.9", 0), ("0.5", 6), ("0", 6)])
def test_a_share_above_the_limit_fails(newsclf: Cli, highest: str, exit_code: int) -> None:
    found = newsclf("data", "overlap", "train.csv", "test.txt", "--fail-above", highest)

    assert found.exit_code == exit_code
    assert ("83.33 % of test.txt" in found.err) == (exit_code == 6)
    assert "identical" in found.out


def test_without_a_second_source_the_parts_of_the_first_are_compared(newsclf: Cli) -> None:
    rows = [(f"{text} ({i})", label) for i in (1, 2) for text, label in sample_rows()]
    write_csv(Path("twice.csv"), [("text", "label"), *rows])

    same = json.loads(newsclf("data", "overlap", "twice.csv", "--json").out)
    other = newsclf(
        "data", "overlap", "twice.csv", "sample", "--parts", "validation:test", "--json"
    )

    assert same["second"] == {"name": "test part of twice.csv", "headlines": 255}
    assert same["kinds"]["numbers"] > 100
    assert json.loads(other.out)["first"]["name"] == "validation part of twice.csv"


def test_sources_can_be_shipped_and_added(newsclf: Cli) -> None:
    found = json.loads(newsclf("data", "overlap", "train.csv+headlines", "headlines", "--json").out)

    assert found["first"]["headlines"] == found["second"]["headlines"] + len(TRAINING)
    assert found["share"] == 1
    part = json.loads(newsclf("data", "overlap", "sample", "headlines", "--json").out)
    assert part["kinds"]["identical"] == part["first"]["headlines"] == len(sample_rows())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("missing.csv", "test.txt"), "missing.csv: no such data file"),
        (("loop.csv", "test.txt"), "loop.csv: a link that leads to no file"),
        (("train.csv", ""), ".: "),
        (("test.txt",), "a text file without labels"),
        (("train.csv", "test.txt", "--parts", "train"), "--parts train: not two of train,"),
        (("train.csv", "test.txt", "--parts", "train:dev"), "--parts train:dev: not two of"),
        (("train.csv", "test.txt", "--output", "pairs.xlsx"), "pairs.xlsx: the pairs are written"),
        (("train.csv", "test.txt", "--text-column", "title"), "title"),
        (("train.csv", "test.txt", "--fail-above", "5"), "--fail-above"),
    ],
)
def test_what_cannot_be_compared_is_said(
    newsclf: Cli, arguments: tuple[str, ...], said: str
) -> None:
    Path("loop.csv").symlink_to("loop.csv")

    found = newsclf("data", "overlap", *arguments)

    assert found.exit_code == 2
    assert said in found.err
    assert not list(Path().glob("pairs*"))
