"""Training on this machine with a tiny base: resuming, seeds, gates, and what is in the way."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from safetensors.torch import load_file, save_file

from newsclf.common.errors import InterruptedRunError
from newsclf.common.settings import Settings, TrainSettings, load_settings
from newsclf.data import headlines
from newsclf.data.examples import LabelledData, Split
from newsclf.data.sources import load_data
from newsclf.data.split import split
from newsclf.model.card import read_card
from newsclf.training.base import Base
from newsclf.training.checkpoint import EpochResult, save_best
from newsclf.training.classifier import load_base
from newsclf.training.folder import TrainRequest, remove
from newsclf.training.loop import FitResult, StepProgress, fit
from newsclf.training.run import train
from newsclf.training.seen_texts import read_seen_texts
from tests.conftest import Cli
from tests.support.builders import sample_rows, write_csv
from tests.support.models import Unwatched, tiny_settings
from tests.support.processes import started

TINY = TrainSettings(
    epochs=3, batch_size=64, learning_rate=2e-3, ema_decay=0.9, adversarial_step=0.1, threads=1
)


@pytest.fixture(scope="module")
def parts() -> Split:
    settings = Settings.model_validate({"data": {"source": "sample"}}).data
    data: LabelledData = load_data(settings)
    return split(data, settings)


def run_fit(
    parts: Split, base: Path, checkpoint: Path, *, interrupt_at_step: int | None = None
) -> FitResult:
    def on_step(now: StepProgress) -> None:
        if now.step == interrupt_at_step:
            raise KeyboardInterrupt

    def on_epoch(_: EpochResult) -> None:
        pass

    checkpoint.mkdir(exist_ok=True)
    return fit(
        parts,
        Base("tiny", base, "local"),
        TINY,
        checkpoint=checkpoint,
        on_step=on_step,
        on_epoch=on_epoch,
    )


@pytest.fixture(scope="module")
def uninterrupted(
    parts: Split, tiny_base: Path, tmp_path_factory: pytest.TempPathFactory
) -> FitResult:
    return run_fit(parts, tiny_base, tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("step", [3, 8, 9, 17, 23], ids=lambda step: f"after step {step} of 24")
def test_a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(
    parts: Split, tiny_base: Path, tmp_path: Path, uninterrupted: FitResult, step: int
) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_fit(parts, tiny_base, tmp_path / "run", interrupt_at_step=step)

    resumed = run_fit(parts, tiny_base, tmp_path / "run")

    assert resumed.history == uninterrupted.history
    expected = uninterrupted.model.state_dict()
    assert all(
        torch.equal(tensor, expected[name]) for name, tensor in resumed.model.state_dict().items()
    )


def test_other_seeds_give_other_weights(
    parts: Split, tiny_base: Path, tmp_path: Path, uninterrupted: FitResult
) -> None:
    settings = TINY.model_copy(update={"seed": 1, "epochs": 1})
    other = fit(
        parts,
        Base("tiny", tiny_base, "local"),
        settings,
        checkpoint=tmp_path,
        on_step=lambda _: None,
        on_epoch=lambda _: None,
    )

    assert other.history[0] != uninterrupted.history[0]


@pytest.fixture
def config(tiny_base: Path, tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    text = tiny_settings(tiny_base, epochs=3, batch_size=64, learning_rate=2e-3)
    path.write_text(text, encoding="utf-8")
    return path


class Interrupted(Unwatched):
    """Ctrl-C when a step of a seed is done."""

    def __init__(self, *, seed: int, step: int) -> None:
        self._at = (seed, step)

    def on_step(self, now: StepProgress) -> None:
        """Press it."""
        if (now.seed, now.step) == self._at:
            raise KeyboardInterrupt


def interrupt(config: Path, callbacks: Interrupted, *, seeds: int = 1, **flags: object) -> None:
    """Train by a settings file until it is interrupted."""
    settings = load_settings(config, environ={}, flags=flags)
    with pytest.raises(InterruptedRunError, match="its finished epochs are kept"):
        train(TrainRequest(settings=settings, seeds=seeds), callbacks)


def test_ctrl_c_keeps_a_checkpoint_and_resume_continues(
    config: Path, tmp_path: Path, newsclf: Cli
) -> None:
    with started(
        [sys.executable, "-m", "newsclf", "train", "--config", str(config), "--epochs", "500"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        seen = ""
        while "epoch 2 of" not in seen:
            line = process.stderr.readline()
            assert line, seen
            seen += line
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "error: training was interrupted; its finished epochs are kept in model.partial" in rest
    assert "hint: newsclf train --resume --out model" in rest
    assert (tmp_path / "model.partial" / "seed-0.checkpoint" / "best.safetensors").is_file()
    assert not (tmp_path / "model").exists()

    in_the_way = newsclf("train", "--config", config)
    assert in_the_way.exit_code == 2
    assert "model.partial holds an interrupted run" in in_the_way.err

    changed = newsclf("train", "--resume", "--epochs", "9")
    assert changed.exit_code == 2
    assert "drop --epochs" in changed.err
    changed = newsclf("train", "--resume", "--data", "sample", "--no-optimize")
    assert "drop --data, --optimize/--no-optimize" in changed.err


def test_resume_from_anywhere_ends_with_the_same_weights(
    config: Path, tmp_path: Path, newsclf: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is interrupted in its second epoch, moved, and named from another folder."""
    whole = newsclf("train", "--config", config, "--out", "whole")
    assert whole.exit_code == 0, whole.err
    interrupt(config, Interrupted(seed=0, step=9), model=Path("there"))

    (tmp_path / "there.partial").rename(tmp_path / "moved.partial")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    resumed = newsclf("train", "--resume", "--out", "../moved")

    assert resumed.exit_code == 0, resumed.err
    assert "epoch 1 of" not in resumed.err
    assert list(elsewhere.iterdir()) == []
    expected = load_file(tmp_path / "whole" / "model.safetensors")
    weights = load_file(tmp_path / "moved" / "model.safetensors")
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "elsewhere",
        "moved",
        "tiny.toml",
        "whole",
    ]


def test_what_a_kill_left_of_a_finished_seed_is_not_part_of_the_model(
    config: Path, newsclf: Cli
) -> None:
    interrupt(config, Interrupted(seed=1, step=1), seeds=2)
    left = Path("model.partial/seed-0.checkpoint")
    left.mkdir()
    (left / "last.pt").write_bytes(b"large")

    resumed = newsclf("train", "--resume")

    assert resumed.exit_code == 0, resumed.err
    assert {path.name for path in Path("model").glob("seed-*")} == {"seed-0", "seed-1"}


def test_there_must_be_something_to_resume(newsclf: Cli) -> None:
    result = newsclf("train", "--resume")

    assert result.exit_code == 3
    assert "no interrupted run to resume" in result.err


def test_several_seeds_are_reported_with_mean_and_deviation(config: Path, newsclf: Cli) -> None:
    trained = newsclf("train", "--config", config, "--seeds", 2, "--seed", 5, "--epochs", 1)
    assert trained.exit_code == 0, trained.err
    assert "seed 5" in trained.out
    assert "seed 6" in trained.out
    assert "mean ± sd" in trained.out

    seeds = json.loads(Path("model/seeds.json").read_text(encoding="utf-8"))
    assert seeds["seeds"] == ["seed-5", "seed-6"]
    assert sorted(path.name for path in Path("model").iterdir()) == [
        "seed-5",
        "seed-6",
        "seeds.json",
    ]

    evaluated = newsclf("evaluate", "--json")
    assert evaluated.exit_code == 0, evaluated.err
    report = json.loads(evaluated.out)
    assert [seed["seed"] for seed in report["seeds"]] == [5, 6]
    best = int(seeds["best"].removeprefix("seed-"))
    scores = {seed["seed"]: seed["score"] for seed in report["seeds"]}
    assert report["score"] == scores[best]


def test_a_run_of_two_seeds_resumes_where_it_stopped(config: Path, newsclf: Cli) -> None:
    interrupt(config, Interrupted(seed=1, step=1), seeds=2, train={"epochs": 1})

    resumed = newsclf("train", "--resume", "--device", "cpu")  # no setting of the result

    assert resumed.exit_code == 0, resumed.err
    assert "seed 0, epoch" not in resumed.err
    assert "seed 1, epoch 1" in resumed.err
    assert Path("model/seeds.json").is_file()


def test_a_seed_whose_int8_file_is_refused_is_named_after_the_table(
    config: Path, tiny_base: Path, newsclf: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    from newsclf.training.int8 import export

    config.write_text(tiny_settings(tiny_base), encoding="utf-8")
    real_export = export.export_int8
    monkeypatch.setattr(
        export,
        "export_int8",
        lambda folder, target: (
            _export_mixed_up(folder, target, real_export)
            if "seed-0" in folder.name
            else real_export(folder, target)
        ),
    )

    result = newsclf("train", "--config", config, "--seeds", 2)

    assert result.exit_code == 6
    assert "mean ± sd" in result.out
    assert "error: seed 0: the int8 model was not accepted" in result.err
    assert "seed 1: the int8" not in result.err
    assert json.loads(Path("model/seeds.json").read_text(encoding="utf-8"))["best"] == "seed-1"
    assert newsclf("predict", "Profit rose").exit_code == 0
    card = json.loads(Path("model/seed-0/card.json").read_text(encoding="utf-8"))
    assert card["int8_rejected"] is not None
    assert "There is no int8 file: the int8 model" in Path("model/seed-0/README.md").read_text()

    monkeypatch.setattr(export, "export_int8", real_export)
    mended = newsclf("optimize", "--config", config, "--json")
    assert mended.exit_code == 0, mended.err
    assert [row["seed"] for row in json.loads(mended.out)] == [0, 1]


def test_folders_that_are_not_ours_are_left_alone(config: Path, newsclf: Cli) -> None:
    assert newsclf("train", "--config", config, "--epochs", 1).exit_code == 0
    for name in ("model.old", "model.partial"):
        Path(name).mkdir()
        Path(name, "mine.txt").write_text("mine", encoding="utf-8")

    refused = newsclf("train", "--config", config, "--epochs", 1, "--overwrite")
    assert refused.exit_code == 2
    assert "model.partial holds files that newsclf train did not write: mine.txt" in refused.err

    shutil.rmtree("model.partial")
    assert newsclf("train", "--config", config, "--epochs", 1, "--overwrite").exit_code == 0
    assert Path("model.old/mine.txt").is_file()


def test_two_trainings_do_not_share_a_folder(config: Path, newsclf: Cli) -> None:
    Path("model.partial").mkdir()
    with FileLock("model.partial/.lock"):
        early = newsclf("train", "--config", config, "--overwrite")
        Path("model.partial/seed-0.checkpoint").mkdir()
        Path("model.partial/seed-0.checkpoint/last.pt").touch()
        late = newsclf("train", "--config", config)

    for result in (early, late):
        assert result.exit_code == 2
        assert "another training is running there" in result.err
    assert Path("model.partial").is_dir()


def test_training_stops_when_patience_ends(config: Path, newsclf: Cli) -> None:
    config.write_text(
        config.read_text(encoding="utf-8")
        .replace("learning_rate = 0.002", "learning_rate = 1e-12\npatience = 2")
        .replace("epochs = 3", "epochs = 50"),
        encoding="utf-8",
    )

    result = newsclf("train", "--config", config, "--no-optimize")

    assert result.exit_code == 0, result.err
    card = json.loads(Path("model/card.json").read_text(encoding="utf-8"))
    assert card["epochs_run"] == 3  # the first one, and two that were no better
    assert "next: newsclf evaluate --float --model model" in result.err  # it has no int8 file


def test_the_working_folder_is_no_model_directory(config: Path, newsclf: Cli) -> None:
    result = newsclf("train", "--config", config, "--out", ".", "--overwrite")

    assert result.exit_code == 2
    assert ". is not a model directory, and will not be replaced" in result.err


def test_what_exists_is_replaced_only_when_asked(config: Path, newsclf: Cli) -> None:
    first = newsclf("train", "--config", config, "--epochs", 1)
    assert first.exit_code == 0, first.err
    weights = load_file("model/model.safetensors")

    refused = newsclf("train", "--config", config, "--epochs", 1, "--seed", 1)
    assert refused.exit_code == 2
    assert "model already exists" in refused.err
    assert "--overwrite" in refused.err

    replaced = newsclf("train", "--config", config, "--epochs", 1, "--seed", 1, "--overwrite")
    assert replaced.exit_code == 0, replaced.err
    changed = load_file("model/model.safetensors")
    assert any(not torch.equal(weights[name], changed[name]) for name in weights)
    assert sorted(path.name for path in Path().iterdir()) == ["model", "tiny.toml"]


def test_a_folder_that_is_no_model_is_never_replaced(config: Path, newsclf: Cli) -> None:
    Path("model").mkdir()
    Path("model/thesis.txt").write_text("years of work", encoding="utf-8")

    for options in ([], ["--overwrite"]):
        result = newsclf("train", "--config", config, *options)

        assert result.exit_code == 2
        assert "model is not a model directory, and will not be replaced" in result.err
        assert "hint: name another with --out" in result.err
    assert Path("model/thesis.txt").read_text(encoding="utf-8") == "years of work"


def test_a_training_that_diverges_ends_and_says_so(config: Path, newsclf: Cli) -> None:
    result = newsclf("train", "--config", config, "--learning-rate", 2e4)

    assert result.exit_code == 2
    assert "epoch 1: the training loss is no longer a finite number" in result.err
    assert "a lower --learning-rate" in result.err
    assert not Path("model.partial").exists()


def test_a_run_is_not_resumed_with_another_base(config: Path, trained: Path, newsclf: Cli) -> None:
    shutil.copytree(trained / "model", "base")
    interrupt(config, Interrupted(seed=1, step=1), seeds=2, train={"base": "base"})
    card = json.loads(Path("base/card.json").read_text(encoding="utf-8"))
    card["files"]["config.json"] = "0" * 64
    Path("base/card.json").write_text(json.dumps(card), encoding="utf-8")

    result = newsclf("train", "--resume")

    assert result.exit_code == 3
    assert "base: the base has changed since the run was interrupted" in result.err


def test_bad_data_leaves_nothing_behind(config: Path, newsclf: Cli) -> None:
    Path("bad.csv").write_text("text,label\nProfit rose,splendid\n", encoding="utf-8")

    result = newsclf("train", "--config", config, "--data", "bad.csv")

    assert result.exit_code == 2
    assert (
        "bad.csv, column 'label': unknown labels 'splendid' (1 row), first in line 2" in result.err
    )
    assert "--label splendid=" in result.err
    assert sorted(path.name for path in Path().iterdir()) == ["bad.csv", "tiny.toml"]


def test_a_failed_parity_gate_says_both_numbers_and_leaves_what_was_there(
    config: Path, tiny_base: Path, newsclf: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The quantiser goes wrong: it makes the int8 form of a model with the classes mixed up."""
    config.write_text(tiny_settings(tiny_base), encoding="utf-8")
    from newsclf.training.int8 import export

    real_export = export.export_int8

    def export_mixed_up(folder: Path, target: Path) -> None:
        _export_mixed_up(folder, target, real_export)

    monkeypatch.setattr(export, "export_int8", export_mixed_up)
    trained = newsclf("train", "--config", config)
    assert trained.exit_code == 6
    assert "the int8 model was not accepted: of 474 shipped headlines" in trained.err
    assert "get another label than from the float model, where at most 58 may" in trained.err
    assert "the float model is kept" in trained.err
    assert "next: newsclf evaluate --float --model model" in trained.err
    options = re.findall(
        r"hint: newsclf (optimize --model model --\S+ \S+(?: --\S+ \S+)?) accepts", trained.err
    )
    assert options, trained.err
    assert Path("model/model.safetensors").is_file()
    assert not Path("model/model.onnx").exists()
    no_int8 = newsclf("predict", "Profit rose")
    assert no_int8.exit_code == 3
    assert "it has no model.onnx: the int8 model was not accepted" in no_int8.err
    assert "hint: newsclf optimize --model model with the --min-agreement and" in no_int8.err
    unevaluated = newsclf("evaluate")
    assert unevaluated.exit_code == 3
    assert "it has no model.onnx: the int8 model was not accepted" in unevaluated.err
    assert "hint: --float evaluates the float model" in unevaluated.err
    assert not Path("model/evaluation").exists()

    accepted = newsclf(*options[0].split(), "--config", config)  # the hint leads somewhere
    assert accepted.exit_code == 0, accepted.err
    assert newsclf("predict", "Profit rose").exit_code == 0

    monkeypatch.setattr(export, "export_int8", real_export)
    made = newsclf("optimize", "--config", config)
    assert made.exit_code == 0
    assert made.err.endswith("written: model.onnx in model\nnext: newsclf evaluate --model model\n")
    before = Path("model/model.onnx").read_bytes()

    monkeypatch.setattr(export, "export_int8", export_mixed_up)
    failed = newsclf("optimize", "--config", config)
    assert failed.exit_code == 6
    assert "the previous model.onnx is kept" in failed.err
    assert Path("model/model.onnx").read_bytes() == before
    assert newsclf("predict", "Profit rose").exit_code == 0
    assert not list(Path("model").glob(".optimize*"))


def _export_mixed_up(folder: Path, target: Path, real_export: Callable[[Path, Path], None]) -> None:
    """Export the model with its classes mixed up, as a broken quantiser might."""
    mixed_up = target.parent / "mixed-up"
    shutil.copytree(folder, mixed_up, ignore=shutil.ignore_patterns(".optimize-*"))
    weights = load_file(mixed_up / "model.safetensors")
    for name in ("classifier.weight", "classifier.bias"):
        weights[name] = weights[name][[2, 0, 1]].contiguous()
    save_file(weights, mixed_up / "model.safetensors", metadata={"format": "pt"})
    real_export(mixed_up, target)


@pytest.mark.parametrize(
    ("base", "said"),
    [
        ("a--b", "a--b: not an id of the Hub"),
        ("cut", "cannot be loaded as a text classifier"),
        ("no/such/folder", "not a folder with a model"),
        ("empty", "not a folder with a model (it has no config.json)"),
        ("broken", "cannot be loaded as a text classifier"),
        ("newer", "cannot be loaded as a text classifier"),
        ("list", "cannot be loaded as a text classifier"),
        ("words", "cannot be loaded as a text classifier"),
    ],
)
def test_an_invalid_base_is_an_error(tiny_base: Path, newsclf: Cli, base: str, said: str) -> None:
    shutil.copytree(tiny_base, "cut")
    weights = Path("cut/model.safetensors")
    weights.write_bytes(weights.read_bytes()[:1000])
    Path("empty").mkdir()
    Path("broken").mkdir()
    Path("broken/config.json").write_text('{"model_type": "distilbert"}', encoding="utf-8")
    for name, file, old, new in (
        ("newer", "tokenizer.json", '"WordPiece"', '"OfALaterRelease"'),
        ("list", "config.json", None, "[]"),
        ("words", "config.json", '"vocab_size": ', '"vocab_size": "many", "was": '),
    ):
        path = Path(shutil.copytree(tiny_base, name)) / file
        text = path.read_text(encoding="utf-8")
        assert old is None or old in text
        path.write_text(text.replace(old or text, new), encoding="utf-8")

    result = newsclf("train", "--data", "sample", "--base", base)

    assert result.exit_code == (3 if "loaded" in said else 2)
    assert said in result.err
    assert not Path("model").exists()
    assert not Path("model.partial").exists()


def test_ctrl_c_before_the_first_epoch_ends_leaves_nothing_and_says_so(
    config: Path, newsclf: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    import newsclf.training.loop as ml_train

    def interrupted(*_: object) -> float:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(ml_train, "add_gradients", interrupted)
        stopped = newsclf("train", "--config", config)

    assert stopped.exit_code == 130
    assert "interrupted before an epoch was finished, so nothing is kept" in stopped.err
    assert sorted(path.name for path in Path().iterdir()) == ["tiny.toml"]


def test_a_start_that_was_killed_does_not_block_the_next(config: Path, newsclf: Cli) -> None:
    """What a run leaves that SIGKILL ended in its first epoch."""
    Path("model.partial/seed-0.checkpoint").mkdir(parents=True)
    Path("model.partial/request.json").write_text("{}", encoding="utf-8")
    Path("model.partial/rehearsal-a1b2c3d_").mkdir()
    Path("model.partial/rehearsal-a1b2c3d_/config.json").touch()

    wrong = newsclf("train", "--config", config, "--data", "nowhere.csv")
    assert "nowhere.csv" in wrong.err  # and not that a run was interrupted

    again = newsclf("train", "--config", config, "--epochs", 1, "--no-optimize")
    assert again.exit_code == 0, again.err
    assert sorted(path.name for path in Path().iterdir()) == ["model", "tiny.toml"]


def test_an_interruption_when_the_model_is_in_its_place_says_so(
    config: Path, newsclf: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    from newsclf.training import run

    def interrupted(_: Path) -> None:
        monkeypatch.setattr(run, "remove", remove)
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "remove", interrupted)

    result = newsclf("train", "--config", config, "--epochs", 1, "--no-optimize")

    assert result.exit_code == 130
    assert "training was interrupted, but model is complete" in result.err
    assert Path("model/card.json").is_file()
    assert not Path("model.partial").exists()


@contextmanager
def full_after(size_bytes: int) -> Iterator[None]:
    """No file may get longer, as on a disk that is nearly full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("share", [0.5, 1.5])
def test_a_full_disk_is_named_and_not_taken_for_a_fault_of_the_base(
    config: Path, tiny_base: Path, newsclf: Cli, share: float
) -> None:
    """It fills up while the base is tried, or with the checkpoint, which is larger."""
    weights_bytes = (tiny_base / "model.safetensors").stat().st_size

    with full_after(int(share * weights_bytes)):
        result = newsclf("train", "--config", config, "--epochs", 1)

    assert result.exit_code == 1
    error, hint = result.err.splitlines()[-2:]
    assert re.fullmatch(r"error: \S*model.partial\S*: file too large", error)
    assert "free some space" in hint
    assert sorted(path.name for path in Path().iterdir()) == ["tiny.toml"]


def test_weights_that_do_not_fit_on_the_disk_are_an_error_of_the_system(
    tiny_base: Path, tmp_path: Path
) -> None:
    model, _ = load_base(Base("tiny", tiny_base, "local"), max_tokens=128)

    with full_after(10_000), pytest.raises(OSError, match="File too large") as caught:
        save_best(tmp_path, model)

    assert caught.value.filename == str(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_model_as_the_base_of_another_passes_on_which_texts_it_has_seen(
    config: Path, trained: Path, newsclf: Cli
) -> None:
    known = {text for text, _ in sample_rows()}
    new = [(row["text"], row["label"]) for row in headlines.rows() if row["text"] not in known]
    write_csv(Path("known.csv"), [("text", "label"), *sample_rows()])
    write_csv(Path("new.csv"), [("text", "label"), *new[:200]])
    asked = ("train", "--config", config, "--epochs", 1, "--no-optimize", "--base")

    refused = newsclf(*asked, trained / "model", "--data", "known.csv")
    accepted = newsclf(*asked, trained / "model", "--data", "new.csv")

    assert refused.exit_code == 2
    assert "this base was trained on" in refused.err
    assert accepted.exit_code == 0, accepted.err
    before, after = (read_seen_texts(path) for path in (trained / "model", Path("model")))
    assert before.items() < after.items()
    card, of_base = (read_card(path)[1] for path in (Path("model"), trained / "model"))
    assert card.ancestors == of_base.lineage
    assert card.bases == [str(trained / "model"), of_base.base.name]
    readme = Path("model/README.md").read_text(encoding="utf-8")
    assert "Its base or its teacher was trained on newsclf sample" in readme


def test_caveats_about_the_data_are_shown(config: Path, newsclf: Cli) -> None:
    """Rows that repeat, contradict each other, read alike or are long, and a class that is rare."""
    once = [text for text, label in sample_rows() if label == "neutral"]
    neutral = [(text, "neutral") for text in [*once, *(f"{text} again" for text in once)]]
    positive = [row for row in sample_rows() if row[1] == "positive"]
    long = [("Profit rose " * 150 + str(i), "positive") for i in range(5)]
    rows = [*neutral, *positive[:5], *positive[:3], (neutral[0][0], "positive"), *long]
    write_csv(Path("mine.csv"), [("text", "label"), *rows])

    result = newsclf(
        "train", "--config", config, "--data", "mine.csv", "--epochs", 1, "--no-optimize"
    )

    assert result.exit_code == 0, result.err
    assert f"3 of {len(rows)} rows repeat the headline and label of another row" in result.err
    assert "1 headline has rows with different labels, all of which count." in result.err
    assert "training rows are positive, so the model will seldom find them" in result.err
    assert "NEWSCLF_TRAIN_CLASS_WEIGHTS=balanced" in result.err
    data = json.loads(Path("model/card.json").read_text(encoding="utf-8"))["data"]
    assert (data["repeated"], data["contradictory"]) == (3, 1)
    assert 0 < data["cut"] <= len(long)
    assert "longer than the model reads" in result.err


def test_a_base_with_few_positions_gets_shorter_headlines(
    tiny_base: Path, config: Path, newsclf: Cli
) -> None:
    shutil.copytree(tiny_base, "short")
    document = json.loads(Path("short/config.json").read_text(encoding="utf-8"))
    Path("short/config.json").write_text(
        json.dumps(document | {"max_position_embeddings": 12}), encoding="utf-8"
    )
    weights = load_file("short/model.safetensors")
    name = "embeddings.position_embeddings.weight"
    weights[name] = weights[name][:12].contiguous()
    save_file(weights, "short/model.safetensors", metadata={"format": "pt"})

    result = newsclf("train", "--config", config, "--base", "short", "--epochs", 1)

    assert result.exit_code == 0, result.err
    assert (
        newsclf("predict", "A headline with more words than " + "there is room for " * 9).exit_code
        == 0
    )


def test_the_python_of_a_base_is_never_run(tiny_base: Path, config: Path, newsclf: Cli) -> None:
    shutil.copytree(tiny_base, "hostile")
    Path("hostile/evil.py").write_text("open('was-run', 'w')\nclass Evil: pass\n", encoding="utf-8")
    document = json.loads(Path("hostile/config.json").read_text(encoding="utf-8"))
    document |= {
        "model_type": "evil",
        "auto_map": {
            "AutoConfig": "evil.Evil",
            "AutoModelForSequenceClassification": "evil.Evil",
        },
    }
    Path("hostile/config.json").write_text(json.dumps(document), encoding="utf-8")

    result = newsclf("train", "--config", config, "--base", "hostile")

    assert result.exit_code == 3
    assert "cannot be loaded as a text classifier" in result.err
    assert not Path("was-run").exists()


def test_a_device_that_is_not_there_is_an_error(config: Path, newsclf: Cli) -> None:
    missing = "mps" if torch.cuda.is_available() else "cuda"
    result = newsclf("train", "--config", config, "--device", missing)

    assert result.exit_code == 2
    assert f"device '{missing}' is not available" in result.err
    assert sorted(path.name for path in Path().iterdir()) == ["tiny.toml"]
