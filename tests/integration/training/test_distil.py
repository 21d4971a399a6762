"""Training with a teacher: which texts it is asked about, and what its student becomes."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from newsclf.common.settings import DataSettings, DistilSettings, TrainSettings
from newsclf.data import headlines
from newsclf.data.examples import Split
from newsclf.data.overlap import distinct
from newsclf.data.sources import load_data
from newsclf.data.split import split
from newsclf.model.card import CardDistillation, ModelCard
from newsclf.training.base import Base
from newsclf.training.classifier import logits_of
from newsclf.training.devices import Compute
from newsclf.training.distil.lesson import Lesson
from newsclf.training.distil.teacher import open_teacher, teacher_logits
from newsclf.training.loop import FitResult, StepProgress, fit
from tests.conftest import Cli, Result
from tests.support.builders import build_tiny_base, sample_rows, write_csv
from tests.support.labelled_builders import row_of, write_labelled_file
from tests.support.models import tiny_settings

TINY = TrainSettings(
    epochs=2,
    batch_size=32,
    learning_rate=5e-3,
    adversarial_step=0.1,
    device="cpu",
    precision="float32",
    threads=1,
)
CPU = Compute("cpu", "float32")
_SAMPLE = {text for text, _ in sample_rows()}
_CORPUS = [
    example.text
    for example in load_data(DataSettings(source="headlines")).examples[:200]
    if example.text not in _SAMPLE
]
NEW = [_CORPUS[i] for i in distinct(_CORPUS)[:40]]


@pytest.fixture(scope="module")
def parts() -> Split:
    settings = DataSettings(source="sample")
    return split(load_data(settings), settings)


@pytest.fixture
def config(tiny_base: Path, tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(tiny_settings(tiny_base), encoding="utf-8")
    return path


@pytest.fixture
def unlabelled(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "news.csv", [("headline",), *((text,) for text in NEW)])


def lesson_of(parts: Split, answer: Sequence[float], *, weight: float = 1.0) -> Lesson:
    """A teacher that gives the same answer to everything."""
    return Lesson(
        settings=DistilSettings(weight=weight),
        training=torch.tensor([answer] * len(parts.train)),
        texts=NEW,
        unlabelled=torch.tensor([answer] * len(NEW)),
        seen={},
        ancestors=[],
        card=CardDistillation(
            teacher="t",
            teacher_base="b",
            teacher_digest="d",
            teacher_models=1,
            temperature=2,
            weight=weight,
        ),
    )


def run_fit(
    parts: Split, base: Path, checkpoint: Path, lesson: Lesson, *, interrupt_at_step: int = -1
) -> FitResult:
    def on_step(now: StepProgress) -> None:
        if now.step == interrupt_at_step:
            raise KeyboardInterrupt

    checkpoint.mkdir(exist_ok=True)
    return fit(
        parts,
        Base("tiny", base, "local"),
        TINY,
        lesson=lesson,
        checkpoint=checkpoint,
        on_step=on_step,
        on_epoch=lambda _: None,
    )


def card_of(folder: str) -> dict[str, Any]:
    card: dict[str, Any] = json.loads(Path(folder, "card.json").read_text(encoding="utf-8"))
    return card


def test_a_student_learns_what_its_teacher_says_and_not_the_labels(
    parts: Split, tiny_base: Path, tmp_path: Path
) -> None:
    # No label is like this, and the share of the labels in the loss is none.
    answer = (2.0, -1.0, 1.0)

    fitted = run_fit(parts, tiny_base, tmp_path / "run", lesson_of(parts, answer))

    given = torch.softmax(logits_of(fitted.model, fitted.tokenizer, NEW), dim=-1).mean(dim=0)
    assert given.tolist() == pytest.approx(torch.softmax(torch.tensor(answer), 0).tolist(), abs=0.1)


def test_labels_count_for_the_rest_of_the_loss(
    parts: Split, tiny_base: Path, tmp_path: Path
) -> None:
    answer = (6.0, -6.0, -6.0)

    fitted = run_fit(parts, tiny_base, tmp_path / "run", lesson_of(parts, answer, weight=0.01))

    texts = [example.text for example in parts.train]
    labels = logits_of(fitted.model, fitted.tokenizer, texts).argmax(dim=-1)
    assert (labels == 0).float().mean() < 0.9


def test_a_resumed_student_ends_with_the_weights_of_an_uninterrupted_one(
    parts: Split, tiny_base: Path, tmp_path: Path
) -> None:
    lesson = lesson_of(parts, (0.0, 1.0, -1.0), weight=0.5)
    whole = run_fit(parts, tiny_base, tmp_path / "whole", lesson)
    with pytest.raises(KeyboardInterrupt):
        run_fit(parts, tiny_base, tmp_path / "run", lesson, interrupt_at_step=20)

    resumed = run_fit(parts, tiny_base, tmp_path / "run", lesson)

    assert resumed.history == whole.history
    expected = whole.model.state_dict()
    assert all(torch.equal(t, expected[name]) for name, t in resumed.model.state_dict().items())


def test_a_base_is_trained_as_the_teacher_first_and_kept_beside_its_student(
    config: Path, tiny_base: Path, unlabelled: Path, newsclf: Cli
) -> None:
    shutil.copytree(tiny_base, "big")
    asked = ("train", "--config", config, "--teacher", "big", "--unlabelled", unlabelled)

    first = newsclf(*asked)
    second = newsclf(*asked, "--out", "model2")
    Path("model-teacher").rename("model3-teacher")
    third = newsclf(*asked, "--out", "model3")

    assert (first.exit_code, second.exit_code, third.exit_code) == (0, 0, 0), first.err
    assert "teacher, seed 0, epoch 1" in first.err
    assert "teacher, seed 0, epoch 1" in second.err  # it looked for model2-teacher
    assert "teacher, seed 0, epoch 1" not in third.err
    teacher, student = card_of("model3-teacher"), card_of("model3")
    assert (teacher["base"]["name"], teacher["distillation"]) == ("big", None)
    found = student["distillation"]
    assert found["teacher"] == "model3-teacher"
    assert found["teacher_digest"] == open_teacher(Path("model3-teacher")).digest
    assert (found["unlabelled"], found["unlabelled_rows"]) == ("news.csv", len(NEW))
    assert card_of("model")["files"] == student["files"]
    assert "Taught by model3-teacher" in Path("model3/README.md").read_text(encoding="utf-8")


def test_a_student_is_resumed_without_the_teacher_that_was_trained_for_it(
    config: Path, newsclf: Cli
) -> None:
    build_tiny_base(Path("big"), "bert")
    asked = ("train", "--config", config, "--epochs", 1, "--teacher", "big")
    interrupted_at_writing(newsclf, *asked, of=2)
    shutil.rmtree("model-teacher")

    resumed = newsclf("train", "--resume")

    assert resumed.exit_code == 0, resumed.err
    assert "teacher, seed 0, epoch 1" in resumed.err
    assert card_of("model-teacher")["base"]["name"] == "big"


def test_a_student_is_checked_before_its_teacher_is_trained(
    config: Path, tiny_base: Path, newsclf: Cli
) -> None:
    shutil.copytree(tiny_base, "big")
    build_tiny_base(Path("t5"), "t5")

    for options, said in (
        (["--base", "t5"], "t5: cannot be used as a base"),
        (["--unlabelled", "gone.csv"], "gone.csv: no such file"),
    ):
        refused = newsclf("train", "--config", config, "--teacher", "big", *options)

        assert refused.exit_code != 0
        assert said in refused.err
        assert "teacher, seed" not in refused.err
        assert sorted(path.name for path in Path().glob("model*")) == []


def test_another_teacher_in_its_place_is_not_taken_for_it(
    config: Path, tiny_base: Path, trained: Path, newsclf: Cli
) -> None:
    shutil.copytree(tiny_base, "big")
    shutil.copytree(trained / "model", "model-teacher")

    refused = newsclf("train", "--config", config, "--teacher", "big", "--epochs", 3)
    taken = newsclf("train", "--config", config, "--teacher", "model-teacher")

    assert refused.exit_code == 2
    assert "model-teacher is a teacher with other data or settings" in refused.err
    assert not Path("model.partial").exists()
    assert taken.exit_code == 0, taken.err


def interrupted_at_writing(newsclf: Cli, *asked: object, of: int = 1) -> Result:
    """Run a training that Ctrl-C interrupts after the last epoch of its n-th model."""
    from newsclf.training import run
    from newsclf.training.write_model import write_model

    calls = 0

    def write(*arguments: Any, **options: Any) -> ModelCard:
        nonlocal calls
        calls += 1
        if calls == of:
            raise KeyboardInterrupt
        return write_model(*arguments, **options)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(run, "write_model", write)
        result = newsclf(*asked)
    assert result.exit_code == 130, result.err
    return result


def test_an_interrupted_teacher_is_continued_by_the_same_command_only(
    config: Path, tiny_base: Path, newsclf: Cli
) -> None:
    shutil.copytree(tiny_base, "big")
    shutil.copytree(tiny_base, "other")
    write_csv(Path("mine.csv"), [("text", "label"), *sample_rows()])
    asked = ("train", "--config", config, "--epochs", 2, "--teacher")
    interrupted = interrupted_at_writing(newsclf, *asked, "big")

    others = [newsclf(*asked, "other"), newsclf(*asked, "big", "--data", "mine.csv")]
    same = newsclf(*asked, "big")

    assert "the same command continues there" in interrupted.err
    for other in others:
        assert other.exit_code == 2
        assert "model-teacher.partial holds an interrupted run" in other.err
    assert same.exit_code == 0, same.err
    assert "teacher, seed" not in same.err
    assert card_of("model-teacher")["base"]["name"] == "big"


def test_a_teacher_is_trained_once_whatever_becomes_of_its_student(
    config: Path, tiny_base: Path, newsclf: Cli
) -> None:
    shutil.copytree(tiny_base, "big")
    asked = ("train", "--config", config, "--epochs", 2, "--teacher", "big", "--overwrite")
    interrupted_at_writing(newsclf, *asked, of=2)

    resumed = newsclf("train", "--resume")
    again = newsclf(*asked)

    for result in (resumed, again):
        assert result.exit_code == 0, result.err
        assert "teacher, seed" not in result.err


@pytest.mark.parametrize("damaged", ["model.safetensors", "card.json"])
def test_a_damaged_teacher_is_trained_again_if_asked(
    config: Path, trained: Path, tiny_base: Path, newsclf: Cli, damaged: str
) -> None:
    shutil.copytree(tiny_base, "big")
    shutil.copytree(trained / "model", "model-teacher")
    Path("model-teacher", damaged).write_bytes(b"{}")
    asked = ("train", "--config", config, "--epochs", 1, "--teacher", "big")

    refused = newsclf(*asked)
    replaced = newsclf(*asked, "--overwrite")

    assert refused.exit_code == 2
    assert "model-teacher: not a usable teacher" in refused.err
    assert "--overwrite trains it again" in refused.err
    assert replaced.exit_code == 0, replaced.err
    assert card_of("model")["distillation"]["teacher"] == "model-teacher"


def test_a_damaged_checkpoint_of_a_teacher_is_discarded_if_asked(
    config: Path, tiny_base: Path, newsclf: Cli
) -> None:
    shutil.copytree(tiny_base, "big")
    asked = ("train", "--config", config, "--epochs", 1, "--teacher", "big")
    interrupted_at_writing(newsclf, *asked)
    Path("model-teacher.partial/seed-0.checkpoint/last.pt").write_bytes(b"no checkpoint")

    refused = newsclf(*asked)
    replaced = newsclf(*asked, "--overwrite")

    assert refused.exit_code == 3
    assert "the checkpoint is damaged" in refused.err
    assert replaced.exit_code == 0, replaced.err


def test_an_interrupted_teacher_of_another_labelled_file_is_discarded_if_asked(
    config: Path, tiny_base: Path, newsclf: Cli
) -> None:
    shutil.copytree(tiny_base, "big")
    labelled = Path("labelled.jsonl")
    rows = [row_of(row["text"], row["label"]) for row in headlines.rows()[-60:]]
    write_labelled_file(labelled, rows)
    asked = ("train", "--config", config, "--epochs", 1, "--teacher", "big", "--extra", labelled)
    interrupted_at_writing(newsclf, *asked)
    write_labelled_file(labelled, rows[:30])

    refused = newsclf(*asked)
    replaced = newsclf(*asked, "--overwrite")

    assert refused.exit_code == 2
    assert "the labelled file has changed since the run was interrupted" in refused.err
    assert replaced.exit_code == 0, replaced.err


def test_a_model_directory_without_its_card_is_no_base_of_a_teacher(
    config: Path, trained: Path, newsclf: Cli
) -> None:
    shutil.copytree(trained / "model", "mine")
    Path("mine/card.json").unlink()

    result = newsclf("train", "--config", config, "--teacher", "mine")

    assert result.exit_code == 3
    assert "a model directory that has lost its card.json" in result.err


def test_what_an_interruption_keeps_of_a_teacher_is_said(
    config: Path, tiny_base: Path, newsclf: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    from newsclf.training import loop

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    shutil.copytree(tiny_base, "big")
    asked = ("train", "--config", config, "--epochs", 1, "--teacher", "big")
    with monkeypatch.context() as patched:
        patched.setattr(loop, "save_state", interrupted)
        early = newsclf(*asked)
    late = interrupted_at_writing(newsclf, *asked)
    newsclf("train", "--resume", "--out", "model-teacher")
    with monkeypatch.context() as patched:
        patched.setattr(loop, "save_state", interrupted)
        student = newsclf(*asked)

    assert "the teacher: training was interrupted before an epoch was finished" in early.err
    assert "hint: the same command starts again" in early.err
    assert "hint: the same command continues there" in late.err
    assert "hint: its teacher is kept in model-teacher; the same command takes it" in student.err


def test_texts_near_a_held_out_or_another_one_are_not_learnt(
    config: Path, trained: Path, parts: Split, newsclf: Cli
) -> None:
    held_out = [example.text for example in (*parts.test[:3], *parts.validation[:2])]
    texts = [*NEW, NEW[0].upper(), *(f"{text}!" for text in held_out), parts.train[0].text, ""]
    write_csv(Path("news.csv"), [("title",), *((text,) for text in texts)])

    result = newsclf(
        "train", "--config", config, "--teacher", trained / "model", "--unlabelled", "news.csv"
    )

    assert result.exit_code == 0, result.err
    found = card_of("model")["distillation"]
    assert (found["unlabelled_rows"], found["held_out"]) == (len(NEW), len(held_out))
    assert (found["repeated"], found["unusable"]) == (2, 1)
    assert f"{len(NEW)} headlines of news.csv (7 others repeat or resemble one of" in result.err
    assert "1 row is empty or too long)" in result.err


def test_more_texts_than_asked_for_are_drawn_at_random(
    config: Path, trained: Path, unlabelled: Path, newsclf: Cli
) -> None:
    with config.open("a", encoding="utf-8") as file:
        file.write("[distil]\nunlabelled_rows = 7\n")

    result = newsclf(
        "train", "--config", config, "--teacher", trained / "model", "--unlabelled", unlabelled
    )

    assert result.exit_code == 0, result.err
    assert card_of("model")["distillation"]["unlabelled_rows"] == 7


def test_a_teacher_that_knows_the_test_part_is_refused(
    config: Path, trained: Path, newsclf: Cli
) -> None:
    # The teacher's rows in a file of their own have other parts than the sample.
    write_csv(Path("mine.csv"), [("text", "label"), *sample_rows()])

    result = newsclf(
        "train", "--config", config, "--data", "mine.csv", "--teacher", trained / "model"
    )

    assert result.exit_code == 2
    assert "this teacher was trained on" in result.err
    assert "of the part that is held out here" in result.err
    assert not Path("model").exists()
    assert not Path("model.partial").exists()


def test_several_seeds_teach_with_their_mean(config: Path, newsclf: Cli, tmp_path: Path) -> None:
    assert newsclf("train", "--config", config, "--seeds", 2, "--out", "two").exit_code == 0

    mean, one, other = (
        teacher_logits(open_teacher(Path(name)), NEW, CPU, cache=tmp_path / "cache")
        for name in ("two", "two/seed-0", "two/seed-1")
    )

    assert torch.allclose(mean, (one + other) / 2)
    assert not torch.allclose(one, other)


def test_answers_are_kept_and_damaged_ones_asked_for_again(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained / "model", tmp_path / "copy")
    teacher, cache = open_teacher(tmp_path / "copy"), tmp_path / "cache"
    answers = teacher_logits(teacher, NEW, CPU, cache=cache)
    (kept,) = cache.iterdir()
    content = kept.read_bytes()

    # An answer that came from elsewhere would fail: the teacher is away.
    (tmp_path / "copy").rename(tmp_path / "away")
    assert torch.equal(teacher_logits(teacher, NEW, CPU, cache=cache), answers)
    (tmp_path / "away").rename(tmp_path / "copy")

    flipped = bytes([*content[:-1], content[-1] ^ 1])
    for damaged in (content[:100], content + b"x", flipped, b"PK" + content, b""):
        kept.write_bytes(damaged)
        assert torch.equal(teacher_logits(teacher, NEW, CPU, cache=cache), answers)
    assert kept.read_bytes() == content

    assert len(teacher_logits(teacher, NEW[1:], CPU, cache=cache)) == len(NEW) - 1
    (other,) = set(cache.iterdir()) - {kept}
    other.write_bytes(content)
    assert len(teacher_logits(teacher, NEW[1:], CPU, cache=cache)) == len(NEW) - 1


def test_answers_that_cannot_be_kept_do_not_stop_the_training(
    trained: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()

    found = teacher_logits(open_teacher(trained / "model"), NEW, CPU, cache=tmp_path / "file" / "c")

    assert len(found) == len(NEW)
    assert "the teacher's answers cannot be kept" in caplog.text


def test_answers_that_somebody_else_may_have_written_are_not_read(
    trained: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    teacher, cache = open_teacher(trained / "model"), tmp_path / "state" / "soft-labels"
    answers = teacher_logits(teacher, NEW, CPU, cache=cache)
    assert stat.S_IMODE(cache.parent.stat().st_mode) == stat.S_IMODE(cache.stat().st_mode) == 0o700
    (kept,) = cache.iterdir()
    planted = np.zeros(answers.shape, np.float32).tobytes()
    kept.write_bytes(hashlib.sha256(kept.name.encode() + planted).digest() + planted)
    cache.chmod(0o777)

    assert torch.equal(teacher_logits(teacher, NEW, CPU, cache=cache), answers)
    assert "can be written by other users" in caplog.text


def test_a_student_does_not_replace_its_teacher(config: Path, trained: Path, newsclf: Cli) -> None:
    shutil.copytree(trained / "model", "mine")
    shutil.copytree(trained / "model", "mine/seed-0")
    before = Path("mine/card.json").read_bytes()

    for teacher in ("./mine", "mine/seed-0"):
        result = newsclf(
            *("train", "--config", config, "--teacher", teacher, "--out", "mine", "--overwrite")
        )

        assert result.exit_code == 2
        assert "the student would replace its teacher" in result.err
    assert Path("mine/card.json").read_bytes() == before


def test_a_student_is_not_resumed_with_other_texts(
    config: Path, trained: Path, unlabelled: Path, newsclf: Cli
) -> None:
    asked = ("train", "--config", config, "--teacher", trained / "model")
    interrupted_at_writing(newsclf, *asked, "--unlabelled", unlabelled)
    kept = unlabelled.read_bytes()
    unlabelled.write_bytes(kept + b"Nordal buys a mine\n")

    changed = newsclf("train", "--resume")
    unlabelled.write_bytes(kept)
    resumed = newsclf("train", "--resume")

    assert changed.exit_code == 2
    assert "have changed since the run was interrupted" in changed.err
    assert resumed.exit_code == 0, resumed.err
    assert card_of("model")["distillation"]["unlabelled_rows"] == len(NEW)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--unlabelled", "news.csv"], "--unlabelled: only with --teacher"),
        (["--teacher", "no/such/folder"], "--teacher no/such/folder: neither a model directory"),
        (["--teacher", "T", "--unlabelled", "gone.csv"], "gone.csv: no such file"),
        (["--teacher", "T", "--unlabelled", "."], ".: a folder, not a file"),
        (["--teacher", "T", "--unlabelled", "numbers.csv"], "numbers.csv"),
        (["--teacher", "T", "--unlabelled", "known.csv"], "can be used"),
    ],
)
def test_a_wrong_teacher_or_file_is_named(
    config: Path, trained: Path, newsclf: Cli, options: list[str], said: str
) -> None:
    write_csv(Path("numbers.csv"), [("a", "b"), ("1", "2"), ("3", "4")])
    write_csv(Path("known.csv"), [("headline",), *((text,) for text, _ in sample_rows()[:9])])
    given = [str(trained / "model") if option == "T" else option for option in options]

    result = newsclf("train", "--config", config, *given)

    assert result.exit_code == 2, result.err
    assert said in result.err
    assert "Traceback" not in result.err
    assert not Path("model").exists()
    assert not Path("model.partial").exists()
