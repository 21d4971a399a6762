"""Journal and session of a review: what is decided, taken back, shown and counted."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from newsclf.common.errors import ConfigError, DataError, StateError
from newsclf.data.labelled import Label
from newsclf.label.review.journal import read_votes
from newsclf.label.review.queue import ReviewItem
from newsclf.label.review.session import Session
from tests.support.review import LLM, NOON, items, ticking, vote

FIRST = "Profit at Nimbus Air falls short as fuel costs bite"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "labelled.jsonl.review"


def session(path: Path, annotator: str = "ana", *, show: bool = False) -> Session:
    return Session(items(), path, annotator, show=show, clock=lambda: NOON, monotonic=ticking())


def shown(review: Session) -> str:
    assert review.current is not None
    return review.current.text


def test_what_is_decided_is_a_vote_and_the_next_headline_follows(path: Path) -> None:
    with session(path) as review:
        assert shown(review) == FIRST
        review.label("negative")
        second = shown(review)
        review.skip()
        third = shown(review)
        review.label("neutral")

        assert len({FIRST, second, third, shown(review)}) == 4
        assert review.votes() == {
            FIRST: (vote("negative", "ana"),),
            third: (vote("neutral", "ana"),),
        }
    assert set(read_votes(path)) == {FIRST, third}


def test_a_review_is_blind_until_ones_own_decision(path: Path) -> None:
    with session(path) as review:
        assert review.hints == ()
        assert review.last is None
        review.label("negative")

        assert review.last is not None
        assert [(each.by, each.label) for each in review.last.others] == [
            (LLM, "negative"),
            ("model", "neutral"),
        ]
        review.skip()
        assert review.last.others == ()


def test_with_show_others_are_seen_first_and_decisions_are_not_blind(path: Path) -> None:
    with session(path, show=True) as review:
        assert [each.by for each in review.hints] == [LLM, "model"]
        review.label("negative")
        assert review.progress().agreements == ()
    assert json.loads(path.read_text())["blind"] is False


def test_a_decision_after_others_were_seen_is_not_blind(path: Path) -> None:
    with session(path) as review:
        review.label("positive")
        assert review.undo()
        assert shown(review) == FIRST
        assert review.last is None
        review.label("negative")
        assert review.progress().agreements == ()
        assert review.votes()[FIRST] == (
            vote("negative", "ana").model_copy(update={"blind": False}),
        )
    blind = [json.loads(line)["blind"] for line in path.read_text().splitlines()]
    assert blind == [True, False, False]


def test_undo_goes_back_as_far_as_one_likes_and_also_to_earlier_sessions(path: Path) -> None:
    with session(path) as review:
        review.label("negative")
        review.skip()
    with session(path) as review:
        review.label("neutral")
        for _ in range(3):
            assert review.undo()
        assert shown(review) == FIRST
        assert not review.undo()
        assert review.progress().left == 6
        assert review.votes() == {}


def test_undo_leaves_a_session_beside_it_alone(path: Path) -> None:
    with session(path) as one, session(path) as other:
        one.label("negative")
        other.skip()
        assert shown(other) != FIRST
        assert one.undo()
        assert not one.undo()
        assert one.progress().left == 5  # the other one skipped it


def test_a_second_session_goes_on_where_the_first_ended(path: Path) -> None:
    with session(path) as review:
        review.label("negative")
        expected = shown(review)
    with session(path) as review:
        assert shown(review) == expected
        assert review.progress().labelled == 1


def test_two_sessions_of_one_person_share_the_work(path: Path) -> None:
    with session(path) as one, session(path) as other:
        one.label("negative")
        assert shown(other) == FIRST  # it was on the screen already
        other.label("positive")
        one.label("neutral")
        assert one.progress().labelled == 2
        assert one.votes()[FIRST] == (vote("positive", "ana"),), "the last one counts"


def test_people_do_not_see_each_others_labels_before_their_own(path: Path) -> None:
    with session(path, "ana") as ana, session(path, "ben") as ben:
        ana.label("negative")
        assert shown(ben) == FIRST
        assert ben.hints == ()
        ben.label("neutral")

        assert ben.last is not None
        assert [(each.by, each.kind) for each in ben.last.others] == [
            ("ana", "human"),
            (LLM, "llm"),
            ("model", "model"),
        ]
        assert read_votes(path)[FIRST] == (vote("negative", "ana"), vote("neutral", "ben"))


def test_progress_counts_labels_speed_and_agreement(path: Path) -> None:
    with session(path) as review:
        for label in ("negative", "neutral", "positive"):
            review.label(label)
        review.skip()
        progress = review.progress()

    assert (progress.total, progress.labelled, progress.skipped, progress.left) == (6, 3, 1, 2)
    assert progress.labels == {"negative": 1, "neutral": 1, "positive": 1}
    assert progress.seconds_per_decision == 2.0
    assert [(each.by, each.both) for each in progress.agreements] == [(LLM, 3), ("model", 3)]


def test_all_decided_is_the_end(path: Path) -> None:
    with session(path) as review:
        for _ in range(6):
            review.label("neutral")
        assert review.current is None
        review.label("neutral")
        review.skip()
        assert review.progress().left == 0
        assert review.undo()
        assert review.current is not None
    assert len(path.read_text().splitlines()) == 7


def test_a_text_that_is_repeated_is_reviewed_once(path: Path) -> None:
    with Session([ReviewItem("a"), ReviewItem("a")], path, "ana") as review:
        assert review.progress().total == 1


@pytest.mark.parametrize("name", ["", "  ", "x" * 61, "an\ta", "an\u202ea"])
def test_a_name_must_be_visible(path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="not a name of 1 to 60 visible characters"):
        session(path, name)
    assert not path.exists()


def test_half_a_character_is_refused_by_name(path: Path) -> None:
    with pytest.raises(DataError, match=r"\\ud83d"):
        Session([ReviewItem("Up \ud83d")], path, "ana")


# --- the journal


def test_a_torn_line_is_cut_off_and_nothing_else_is_lost(path: Path) -> None:
    with session(path) as review:
        review.label("negative")
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: len(whole) // 2])

    with session(path) as review:
        assert review.progress().labelled == 1
        review.skip()
    assert path.read_bytes().startswith(whole)
    assert [json.loads(line)["action"] for line in path.read_text().splitlines()] == [
        "label",
        "skip",
    ]


def test_a_line_that_is_no_decision_is_named_and_stays(path: Path) -> None:
    path.write_text('{"text": "a"}\n', encoding="utf-8")

    with pytest.raises(DataError, match="line 1: not a decision of a review"):
        session(path)
    assert path.read_text() == '{"text": "a"}\n'


def test_no_link_is_followed_and_no_device_taken(path: Path, tmp_path: Path) -> None:
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateError, match="cannot be opened"):
        session(path)
    with pytest.raises(StateError, match="not a regular file"):
        session(Path("/dev/null"))
    assert not (tmp_path / "elsewhere").exists()


def test_a_journal_is_private(path: Path) -> None:
    with session(path):
        pass
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_votes(path.with_name("none")) == {}


def test_a_full_disk_keeps_the_headline_and_whole_lines(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with session(path) as review:
        review.label("negative")
        before, expected = path.read_bytes(), shown(review)
        write = os.write

        def full(descriptor: int, data: bytes) -> int:
            write(descriptor, data[:10])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "write", full)
        with pytest.raises(StateError, match="no space left on device"):
            review.label("positive")
        monkeypatch.undo()

        assert path.read_bytes() == before
        assert shown(review) == expected
        review.label("positive")
        assert review.progress().labelled == 2


@pytest.mark.parametrize("happened", ["removed", "replaced", "cut"])
def test_a_journal_that_was_taken_away_is_an_error(path: Path, happened: str) -> None:
    with session(path) as review:
        review.label("negative")
        if happened == "cut":
            os.truncate(path, 3)
        else:
            path.unlink()
        if happened == "replaced":
            path.touch()
        with pytest.raises(StateError, match=path.name):
            review.label("neutral")


WRITER = """
import sys
from pathlib import Path
from newsclf.label.review.queue import ReviewItem
from newsclf.label.review.session import Session

path, annotator, rows = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
with Session([ReviewItem(f"t{i}x") for i in range(rows)], path, annotator) as review:
    while review.current is not None:
        text = review.current.text
        review.label("neutral")
        print(text, flush=True)
"""


def writer(path: Path, annotator: str, rows: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), annotator, str(rows)],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_session_that_is_killed_has_lost_nothing_that_it_confirmed(path: Path) -> None:
    confirmed: set[str] = set()
    for _ in range(3):
        with writer(path, "ana", 10_000) as process:
            assert process.stdout is not None
            confirmed |= {process.stdout.readline().strip() for _ in range(20)}
            process.send_signal(signal.SIGKILL)
            confirmed |= {line.strip() for line in process.stdout if line.endswith("\n")}

    votes = read_votes(path)

    assert confirmed <= set(votes)
    assert len(votes) - len(confirmed) <= 3, "one decision of each may not have been confirmed"


def test_sessions_at_once_lose_nothing(path: Path) -> None:
    names: list[str] = ["ana", "ben", "ben"]
    processes = [writer(path, name, 60) for name in names]
    for process in processes:
        process.communicate(timeout=120)
        assert process.returncode == 0

    votes = read_votes(path)
    labels: dict[str, list[Label | None]] = {name: [] for name in names}
    for each in votes.values():
        for one in each:
            labels[one.annotator].append(one.label)

    assert {name: len(given) for name, given in labels.items()} == {"ana": 60, "ben": 60}
