"""Training on this machine with a tiny base: resuming, seeds, gates, and what is in the way."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from newsclf.core.examples import LabelledData, Split
from newsclf.core.settings import Settings, TrainSettings
from newsclf.data.sources import load_data
from newsclf.data.split import split
from newsclf.ml.base import Base
from newsclf.ml.train import EpochResult, FitResult, StepProgress, fit
from tests.conftest import Cli

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


@pytest.mark.parametrize("step", [3, 7, 8, 15, 20], ids=lambda step: f"after step {step} of 21")
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


CONFIG = """
[data]
source = "sample"
[train]
base = "{base}"
epochs = 3
batch_size = 64
learning_rate = 2e-3
adversarial_step = 0.0
threads = 1
[optimize]
min_agreement = 0.9
max_accuracy_drop = 0.1
"""


@pytest.fixture
def config(tiny_base: Path, tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(CONFIG.format(base=tiny_base), encoding="utf-8")
    return path


def test_ctrl_c_keeps_a_checkpoint_and_resume_goes_on(
    config: Path, tmp_path: Path, newsclf: Cli
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "newsclf", "train", "--config", str(config), "--epochs", "500"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    seen = ""
    while "epoch 2:" not in seen:
        line = process.stderr.readline()
        assert line, seen
        seen += line
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "error: training of seed 0 was interrupted; the best checkpoint so far is" in rest
    assert "hint: newsclf train --resume --out model" in rest
    assert (tmp_path / "model.partial" / "seed-0.checkpoint" / "best.safetensors").is_file()
    assert not (tmp_path / "model").exists()

    # The run goes on with its own settings; here they are cut short, as 500 epochs would take long.
    request = tmp_path / "model.partial" / "request.json"
    document = json.loads(request.read_text(encoding="utf-8"))
    document["settings"]["train"]["epochs"] = 3
    request.write_text(json.dumps(document), encoding="utf-8")

    in_the_way = newsclf("train", "--config", config)
    assert in_the_way.exit_code == 2
    assert "model.partial holds an interrupted run" in in_the_way.err

    changed = newsclf("train", "--resume", "--epochs", "9")
    assert changed.exit_code == 2
    assert "drop --epochs" in changed.err

    resumed = newsclf("train", "--resume")
    assert resumed.exit_code == 0, resumed.err
    assert "epoch 1:" not in resumed.err
    assert (tmp_path / "model" / "card.json").is_file()
    assert not (tmp_path / "model.partial").exists()


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


def test_a_run_of_two_seeds_resumes_where_it_stopped(
    config: Path, newsclf: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    import newsclf.ml.train as ml_train

    real_fit = ml_train.fit

    def interrupted_in_seed_1(*args: object, **options: object) -> FitResult:
        if args[2].seed == 1:  # type: ignore[attr-defined] # the settings
            raise KeyboardInterrupt
        return real_fit(*args, **options)  # type: ignore[arg-type] # passed on as they are

    monkeypatch.setattr(ml_train, "fit", interrupted_in_seed_1)
    stopped = newsclf("train", "--config", config, "--seeds", 2, "--epochs", 1)
    assert stopped.exit_code == 130
    assert "training of seed 1 was interrupted; no epoch was finished" in stopped.err
    monkeypatch.setattr(ml_train, "fit", real_fit)

    resumed = newsclf("train", "--resume")

    assert resumed.exit_code == 0, resumed.err
    assert "seed 0, epoch" not in resumed.err
    assert "seed 1, epoch 1" in resumed.err
    assert Path("model/seeds.json").is_file()


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

    result = newsclf("train", "--config", config, "--overwrite")

    assert result.exit_code == 2
    assert "model is not a model directory, and will not be replaced" in result.err
    assert Path("model/thesis.txt").read_text(encoding="utf-8") == "years of work"


def test_bad_data_leaves_nothing_behind(config: Path, newsclf: Cli) -> None:
    Path("bad.csv").write_text("text,label\nProfit rose,bullish\n", encoding="utf-8")

    result = newsclf("train", "--config", config, "--data", "bad.csv")

    assert result.exit_code == 2
    assert "bad.csv, line 2: unknown label 'bullish'" in result.err
    assert "--label 'bullish=neutral'" in result.err
    assert sorted(path.name for path in Path().iterdir()) == ["bad.csv", "tiny.toml"]


def test_a_failed_parity_gate_says_both_numbers_and_leaves_what_was_there(
    config: Path, newsclf: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The quantiser goes wrong: it makes the int8 form of a model with the classes mixed up."""
    from newsclf.ml import export

    real_export = export.export_int8

    def export_mixed_up(folder: Path, target: Path) -> None:
        mixed_up = target.parent / "mixed-up"
        shutil.copytree(folder, mixed_up, ignore=shutil.ignore_patterns(".optimize-*"))
        weights = load_file(mixed_up / "model.safetensors")
        for name in ("classifier.weight", "classifier.bias"):
            weights[name] = weights[name][[2, 0, 1]].contiguous()
        save_file(weights, mixed_up / "model.safetensors", metadata={"format": "pt"})
        real_export(mixed_up, target)

    monkeypatch.setattr(export, "export_int8", export_mixed_up)
    trained = newsclf("train", "--config", config)
    assert trained.exit_code == 6
    assert "the int8 model was not accepted: on 50 validation rows" in trained.err
    assert "at least 90.00 % wanted" in trained.err
    assert "accuracy falls by" in trained.err
    assert "the float model model.partial" not in trained.err
    assert "is kept" in trained.err
    assert Path("model/model.safetensors").is_file()
    assert not Path("model/model.onnx").exists()
    no_int8 = newsclf("predict", "Profit rose")
    assert no_int8.exit_code == 3
    assert "hint: newsclf optimize --model model" in no_int8.err

    monkeypatch.setattr(export, "export_int8", real_export)
    assert newsclf("optimize", "--config", config).exit_code == 0
    before = Path("model/model.onnx").read_bytes()

    monkeypatch.setattr(export, "export_int8", export_mixed_up)
    failed = newsclf("optimize", "--config", config)
    assert failed.exit_code == 6
    assert "the previous model.onnx is kept" in failed.err
    assert Path("model/model.onnx").read_bytes() == before
    assert newsclf("predict", "Profit rose").exit_code == 0
    assert not list(Path("model").glob(".optimize*"))


@pytest.mark.parametrize(
    ("base", "said"),
    [
        ("no/such/folder", "not a folder with a model"),
        ("empty", "not a folder with a model (it has no config.json)"),
        ("broken", "cannot be loaded as a text classifier"),
    ],
)
def test_a_base_that_is_none_is_an_error(newsclf: Cli, base: str, said: str) -> None:
    Path("empty").mkdir()
    Path("broken").mkdir()
    Path("broken/config.json").write_text('{"model_type": "distilbert"}', encoding="utf-8")

    result = newsclf("train", "--data", "sample", "--base", base)

    assert result.exit_code in (2, 3)
    assert said in result.err
    assert not Path("model").exists()


def test_a_device_that_is_not_there_is_an_error(config: Path, newsclf: Cli) -> None:
    missing = "mps" if torch.cuda.is_available() else "cuda"
    result = newsclf("train", "--config", config, "--device", missing)

    assert result.exit_code == 2
    assert f"device '{missing}' is not available" in result.err
