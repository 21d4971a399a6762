"""The pieces of the training loop: batches, targets, rates, and which epoch is kept."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch.optim.swa_utils import AveragedModel
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel

from newsclf.common.errors import ModelError
from newsclf.common.settings import TrainSettings
from newsclf.data.examples import Example
from newsclf.training.base import Base
from newsclf.training.batches import Row, bucketed, collate, soft_target, training_rows
from newsclf.training.checkpoint import (
    EpochResult,
    TrainingState,
    load_best,
    load_state,
    save_best,
    save_state,
)
from newsclf.training.classifier import load_base, logits_of
from newsclf.training.int8.optimize import remove_stale
from newsclf.training.loop import epoch_to_keep, epochs_without_progress
from newsclf.training.schedule import parameter_groups, rate_factor

rows_of_any_length = st.lists(
    st.integers(1, 60).map(lambda n: Row(list(range(n)), (1.0, 0.0, 0.0))), max_size=300
)


@given(rows_of_any_length, st.integers(1, 16), st.integers(0, 9))
def test_batches_hold_every_row_once(rows: list[Row], batch_size: int, seed: int) -> None:
    batches = bucketed(rows, batch_size, seed=seed)

    assert sorted(id(row) for batch in batches for row in batch) == sorted(id(row) for row in rows)
    assert all(1 <= len(batch) <= batch_size for batch in batches)
    assert len(batches) == -(-len(rows) // batch_size)
    assert batches == bucketed(rows, batch_size, seed=seed)


def test_batches_of_like_length_hold_little_padding() -> None:
    rows = [Row(list(range(1 + i % 50)), (1.0, 0.0, 0.0)) for i in range(800)]

    padded = sum(
        len(batch) * max(len(row.token_ids) for row in batch)
        for batch in bucketed(rows, 16, seed=0)
    )

    assert padded < 1.05 * sum(len(row.token_ids) for row in rows)
    assert bucketed(rows, 16, seed=0) != bucketed(rows, 16, seed=1)


def test_padding_is_masked() -> None:
    batch = collate(
        [Row([5, 6, 7], (1.0, 0.0, 0.0)), Row([8], (0.0, 0.0, 1.0), 0.5)], pad_token_id=9
    )

    assert batch.input_ids.tolist() == [[5, 6, 7], [8, 9, 9]]
    assert batch.mask.tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch.weights.tolist() == [1.0, 0.5]


@given(st.integers(0, 2), st.floats(0, 0.6))
def test_soft_targets_are_probabilities_that_favour_the_neighbour(
    label_id: int, smoothing: float
) -> None:
    target = soft_target(label_id, smoothing)

    assert sum(target) == pytest.approx(1)
    assert target[label_id] == pytest.approx(1 - smoothing)
    if label_id != 1:
        assert target[1] >= target[2 - label_id]
    else:
        assert target[0] == target[2]


@given(st.integers(1, 500), st.floats(0, 0.9))
def test_rates_rise_once_and_fall_to_nearly_nothing(steps: int, warmup_fraction: float) -> None:
    factors = [rate_factor(step, steps, warmup_fraction) for step in range(steps)]
    peak = factors.index(max(factors))

    assert all(0 < factor <= 1 for factor in factors)
    assert factors[: peak + 1] == sorted(factors[: peak + 1])
    assert factors[peak:] == sorted(factors[peak:], reverse=True)
    assert max(factors) == 1


def test_a_head_that_was_trained_for_these_classes_is_put_in_their_order(
    trained: Path, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    shutil.copytree(trained / "model", base)
    weights = load_file(base / "model.safetensors")
    for name in ("classifier.weight", "classifier.bias"):
        weights[name] = weights[name][[2, 0, 1]].contiguous()
    save_file(weights, base / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    config["id2label"] = {"0": "Positive", "1": "Negative", "2": "Neutral"}
    (base / "config.json").write_text(json.dumps(config), encoding="utf-8")
    texts = ["Profit rose", "Sales fell"]

    answers = [
        logits_of(*load_base(Base("b", folder, "local"), max_tokens=64), texts)
        for folder in (trained / "model", base)
    ]

    assert torch.equal(*answers)


def test_lower_layers_learn_more_slowly(tiny_base: Path) -> None:
    model, _ = load_base(Base("tiny", tiny_base, "local"), max_tokens=64)

    groups = parameter_groups(model, TrainSettings(layer_decay=0.5, weight_decay=0.1), 1.0)

    # Embeddings below layer 0, two layers, and the head above them.
    assert sorted({group["peak"] for group in groups}) == [0.25, 0.5, 1.0]
    grouped = [parameter for group in groups for parameter in group["params"]]
    assert len(grouped) == len(list(model.parameters()))
    assert all(
        (group["weight_decay"] == 0.1) == (parameter.ndim > 1)
        for group in groups
        for parameter in group["params"]
    )
    flat = parameter_groups(model, TrainSettings(layer_decay=1.0), 1.0)
    assert {group["peak"] for group in flat} == {1.0}


def history(*macro_f1: float) -> list[EpochResult]:
    return [EpochResult(i, 0.0, 0.0, f1, f1) for i, f1 in enumerate(macro_f1, start=1)]


@pytest.mark.parametrize(
    ("scores", "kept"),
    [
        ((0.5, 0.6, 0.9), 3),  # still rising
        ((0.90, 0.91, 0.90), 3),  # no telling them apart: the more settled one
        ((0.5, 0.9, 0.6), 2),  # clearly worse
        ((0.9, 0.6, 0.89), 3),
        ((0.0,), 1),
    ],
)
def test_the_epoch_that_is_kept(scores: tuple[float, ...], kept: int) -> None:
    found = epoch_to_keep(history(*scores), validation_rows=100)

    assert found is not None
    assert found.epoch == kept


def test_progress_is_counted_from_the_highest_score() -> None:
    assert epochs_without_progress(history()) == 0
    assert epochs_without_progress(history(0.5, 0.7, 0.6, 0.7)) == 2


def test_disputed_rows_have_softer_targets_and_extra_rows_weigh_less(tiny_base: Path) -> None:
    _, tokenizer = load_base(Base("tiny", tiny_base, "local"), max_tokens=16)
    settings = TrainSettings(
        label_smoothing=0.2, agreement_smoothing={100: 0.0, 50: 0.5}, extra_weight=0.25
    )
    examples = [
        Example("Profit rose", 2, agreement=100),
        Example("Profit rose", 2, agreement=50, extra=True),
        Example("Profit rose", 2),
        Example("Profit rose " * 100, 1, agreement=66),
    ]

    agreed, disputed, unknown, other = training_rows(tokenizer, examples, settings)

    assert agreed.target == (0, 0, 1)
    assert disputed.target[2] == 0.5
    assert unknown.target[2] == other.target[1] == 0.8
    assert [row.weight for row in (agreed, disputed, unknown)] == [1.0, 0.25, 1.0]
    assert len(other.token_ids) == 16


@pytest.mark.parametrize("sizes", [(40, 500, 460), (500, 0, 500)])
def test_classes_can_weigh_the_same_together_and_teach_the_same_labels(
    tiny_base: Path, sizes: tuple[int, ...]
) -> None:
    _, tokenizer = load_base(Base("tiny", tiny_base, "local"), max_tokens=16)
    examples = [
        Example("Profit rose", label_id, agreement=(100, 50)[i % 2], weight=0.5)
        for label_id, size in enumerate(sizes)
        for i in range(size)
    ]

    equal, balanced = (
        training_rows(tokenizer, examples, TrainSettings(class_weights=mode))
        for mode in ("none", "balanced")
    )

    assert [row.target for row in balanced] == [row.target for row in equal]
    assert {row.weight for row in equal} == {0.5}
    sums = [
        sum(row.weight for row, e in zip(balanced, examples, strict=True) if e.label_id == label_id)
        for label_id, size in enumerate(sizes)
        if size
    ]
    assert sums == pytest.approx([sum(sizes) / len(sums) / 2] * len(sums))


def state_of(model: PreTrainedModel) -> TrainingState:
    groups = parameter_groups(model, TrainSettings(), 1e-3)
    return TrainingState(model, AveragedModel(model), torch.optim.AdamW(groups))


class RunsCode:
    """What a pickle could do when it is read."""

    def __reduce__(self) -> tuple[object, ...]:
        """What it would run."""
        return Path.touch, (Path("ran"),)


def saved(**changes: object) -> bytes:
    """A file of torch with another thing in it than a training's state."""
    file = io.BytesIO()
    torch.save({"model": {}, "averaged": {}, "optimizer": {}, "history": []} | changes, file)
    return file.getvalue()


FOREIGN = {
    "garbage": b"\x00garbage" * 99,
    "nothing": b"",
    "a pickle": pickle.dumps(RunsCode()),
    "a pickle in torch's zip": saved(model=RunsCode()),
    "a tensor": saved(model=torch.zeros(3)),
    "no weights": saved(),
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=list(FOREIGN))
def test_a_damaged_checkpoint_is_one_line_without_torch_s_advice(
    tiny_base: Path, tmp_path: Path, content: bytes
) -> None:
    model, _ = load_base(Base("tiny", tiny_base, "local"), max_tokens=16)
    (tmp_path / "last.pt").write_bytes(content)
    (tmp_path / "best.safetensors").write_bytes(content)

    for load in (
        lambda: load_state(tmp_path, state_of(model)),
        lambda: load_best(tmp_path, model),
    ):
        with pytest.raises(ModelError, match="the checkpoint is damaged, or not that") as error:
            load()
        assert "weights_only" not in error.value.message
        assert error.value.hint == "start again with newsclf train --overwrite"
    assert not Path("ran").exists()


@pytest.mark.parametrize(
    "history",
    [None, [], [None], [{"epoch": 2}], [{"epoch": 1}], [{"epoch": "1"}], [{"epoch": 1, "x": 1}]],
)
def test_a_history_that_no_training_wrote_is_refused(
    tiny_base: Path, tmp_path: Path, history: Any
) -> None:
    state = state_of(load_base(Base("tiny", tiny_base, "local"), max_tokens=16)[0])
    save_state(tmp_path, state, [])
    saved = torch.load(tmp_path / "last.pt", weights_only=True)
    torch.save(saved | {"history": history}, tmp_path / "last.pt")

    with pytest.raises(ModelError, match="the checkpoint is damaged"):
        load_state(tmp_path, state)


def test_a_checkpoint_of_another_base_is_refused(tiny_base: Path, tmp_path: Path) -> None:
    model, _ = load_base(Base("tiny", tiny_base, "local"), max_tokens=16)
    wider = AutoModelForSequenceClassification.from_config(
        AutoConfig.from_pretrained(tiny_base, dim=2 * model.config.dim)
    )
    save_state(tmp_path, state_of(wider), [EpochResult(1, 0.5, 0.5, 0.5, 0.5)])
    save_best(tmp_path, wider)

    with pytest.raises(ModelError, match="not that of this run"):
        load_state(tmp_path, state_of(model))
    with pytest.raises(ModelError, match="not that of this run"):
        load_best(tmp_path, model)


def test_only_scratch_folders_of_optimize_are_stale(tmp_path: Path) -> None:
    model = tmp_path / "model"
    for name in (".optimize-ab_4defg", ".optimize-notes"):
        (model / name).mkdir(parents=True)
        (model / name / "a.file").touch()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.file").touch()
    (model / ".optimize-12345678").symlink_to(tmp_path / "mine")

    remove_stale(model)

    assert sorted(path.name for path in model.iterdir()) == [
        ".optimize-12345678",
        ".optimize-notes",
    ]
    assert (tmp_path / "mine" / "a.file").is_file()


def test_a_checkpoint_is_written_behind_no_link(tiny_base: Path, tmp_path: Path) -> None:
    model, _ = load_base(Base("tiny", tiny_base, "local"), max_tokens=16)
    victim = tmp_path / "victim"
    victim.write_text("mine", encoding="utf-8")
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    for name in ("last.pt", "best.safetensors"):
        (folder / f"{name}.tmp").symlink_to(victim)
    state = state_of(model)

    history = [EpochResult(1, 0.5, 0.5, 0.5, 0.5)]
    save_state(folder, state, history)
    save_best(folder, model)

    assert victim.read_text(encoding="utf-8") == "mine"
    assert load_state(folder, state) == history
    load_best(folder, model)
    left = {path.name for path in folder.iterdir() if not path.is_symlink()}
    assert left == {"last.pt", "best.safetensors"}


def test_weights_are_on_the_disk_before_the_state_that_names_them(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, _ = load_base(Base("tiny", tiny_base, "local"), max_tokens=16)
    flushed: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda file: flushed.append(os.fstat(file).st_ino))

    save_best(tmp_path, model)

    assert flushed == [(tmp_path / "best.safetensors").stat().st_ino]
