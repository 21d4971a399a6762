"""Progress of a training where no bar can be drawn."""

from __future__ import annotations

import pytest
from rich.progress import Progress

from newsclf.cli.console import Output
from newsclf.cli.models.train_view import TrainingBar
from newsclf.training.loop import StepProgress


def test_without_a_terminal_a_line_a_minute_tells_how_far_it_is_and_what_is_left(
    capsys: pytest.CaptureFixture[str],
) -> None:
    now_s = 100.0
    bar = TrainingBar(Output(), Progress(disable=True), 4, clock=lambda: now_s)
    for step in range(101, 132):  # resumed after 100 of 400 steps
        now = StepProgress(
            seed=7, epoch=2, epochs=4, step=step, steps=400, loss=0.5, rows_per_s=8.2
        )
        bar.on_step(now)
        now_s += 5

    assert capsys.readouterr().err.splitlines() == [
        "seed 7, epoch 2 of 4: step 113 of 400, loss 0.500, 8 rows/s, 0:23:55 left",
        "seed 7, epoch 2 of 4: step 125 of 400, loss 0.500, 8 rows/s, 0:22:55 left",
    ]
