"""Measure models on accuracy and cost, and pick one: the use case of `newsclf frontier`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from newsclf.common.errors import ConfigError, require_extra
from newsclf.common.files import write_text
from newsclf.common.settings import DataSettings
from newsclf.common.state_dir import writing
from newsclf.common.visible import visible_json
from newsclf.costs.instances import check_measured_on_cpu, vcpus
from newsclf.costs.prices import PriceBook
from newsclf.evaluation.rows import Model
from newsclf.frontier.chart import frontier_figure
from newsclf.frontier.choice import choose, price_of, with_dominated
from newsclf.frontier.quality import (
    UnseenSets,
    against_teacher,
    answers_of,
    quality_of,
    unseen_score,
)
from newsclf.frontier.records import Frontier, FrontierRow, Unseen
from newsclf.frontier.rows import Named, common_rows, find_models
from newsclf.frontier.speed import SpeedRequest, speeds_of, this_machine
from newsclf.frontier.store import CHART_FILE, RESULT_FILE, Store, UnseenScore
from newsclf.loadtest.points import Callbacks
from newsclf.reporting.page import standalone


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontierRequest:
    """What to compare, and how.

    Raises:
        ConfigError: The margin is no share between 0 and 1.
    """

    models: Sequence[Path]
    """Model directories, and folders that hold some."""
    teacher: Path | None = None
    """What the models are compared with; None: the first of them. Of another one, only the answers
    are asked for."""
    delta: float = 0.02
    """How much lower an accuracy may be, as a share."""
    part: Literal["validation", "test"] | None = None
    """Of the teacher's data; None: `validation`, or all rows of other data."""
    data: DataSettings | None = None
    """Other data, or the place where the teacher's data is now."""
    unseen: UnseenSets | None = None
    instance: str = "ml.c5.large"
    region: str = "us-east-1"
    prices: PriceBook
    speed: SpeedRequest
    folder: Path
    """Where results are kept and written."""

    def __post_init__(self) -> None:
        """Check the margin."""
        if not 0 < self.delta < 1:
            share = self.delta / 100 if 1 <= self.delta < 100 else 0.02  # noqa: PLR2004 - percent
            raise ConfigError(
                f"--delta {self.delta:g}: a share between 0 and 1", hint=f"--delta {share:g}"
            )


def frontier(request: FrontierRequest, callbacks: Callbacks) -> Frontier:
    """Measure accuracy and speed of models, and write `frontier.json` and `frontier.svg`.

    What was measured before is kept and not measured again, so an interrupted run goes on where it
    stopped, and a model may be added later.

    Raises:
        ConfigError: An option is wrong, or the instance has no price.
        DataError: The data can't be used, or a model has seen all of its rows.
        ModelError: A model can't be used.
        InterruptedRunError: Ctrl-C; what was complete is kept.
        TargetError: A server did not become ready.
        ServiceError: A server answered nothing at all.
        StateError: The folder can't be written, or what is kept there is damaged.
    """
    require_extra("sklearn", "scipy", "jinja2", extra="train", purpose="evaluating")
    check_measured_on_cpu(request.instance, "--instance")
    price = request.prices.hosting_price(request.instance, request.region)
    count = vcpus(request.instance)
    models = find_models(request.models)
    teacher = _teacher(request, models)
    others = [each for each in models if each.digest != teacher.digest]
    rows = common_rows(teacher, others, request.part, request.data)
    store = Store(request.folder)
    everyone = [*models, *([] if teacher in models else [teacher])]
    answers = {each.digest: answers_of(each, rows, store) for each in everyone}
    unseen = _unseen(request, everyone, store)
    speeds = speeds_of(models, request.speed, store, callbacks)
    found = []
    for each in everyone:
        against = None
        if each.digest != teacher.digest:
            against = against_teacher(
                rows.truth,
                answers[teacher.digest],
                answers[each.digest],
                delta=request.delta,
                models=len(others),
            )
        score = unseen.get(each.digest)
        quality = quality_of(each, rows.truth, answers[each.digest], against, score)
        speed = speeds.get(each.digest)
        found.append(
            FrontierRow(
                name=each.name,
                path=str(each.model.path),
                digest=each.digest,
                base=each.model.card.base.name,
                quality=quality,
                speed=speed,
                price=None
                if speed is None
                else price_of(
                    speed,
                    usd_per_hour=price.usd_per_hour,
                    vcpus=count,
                    utilisation=request.speed.utilisation,
                ),
            )
        )
    ordered = with_dominated(found)
    chosen, reason = choose(ordered, delta=request.delta)
    result = Frontier(
        created=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        data=rows.data,
        data_digest=rows.data_digest,
        part=rows.part,
        rows=len(rows.examples),
        left_out=rows.left_out,
        unseen=_unseen_record(request, unseen),
        machine=this_machine(),
        load=request.speed.words,
        instance=price.instance,
        region=price.region,
        vcpus=count,
        usd_per_hour=price.usd_per_hour,
        price_date=price.date.isoformat(),
        price_source=price.source,
        utilisation=request.speed.utilisation,
        delta=request.delta,
        teacher=teacher.name,
        teacher_digest=teacher.digest,
        chosen=chosen,
        reason=reason,
        models=ordered,
    )
    _write(result, request.folder)
    return result


def _teacher(request: FrontierRequest, models: Sequence[Named]) -> Named:
    """The model that the others are compared with: one of them, or another."""
    if request.teacher is None:
        return models[0]
    model = Model.open(request.teacher)
    among = [each for each in models if each.digest == model.card.digest]
    return among[0] if among else Named(_free_name(model.name, models), model)


def _free_name(name: str, models: Sequence[Named]) -> str:
    return f"{name} (teacher)" if name in {each.name for each in models} else name


def _unseen(
    request: FrontierRequest, models: Sequence[Named], store: Store
) -> dict[str, UnseenScore]:
    if request.unseen is None:
        return {}
    return {each.digest: unseen_score(each, request.unseen, store) for each in models}


def _unseen_record(request: FrontierRequest, found: dict[str, UnseenScore]) -> Unseen | None:
    if request.unseen is None:
        return None
    first = next(iter(found.values()))
    return Unseen(sets=list(request.unseen.on), mean_of=first.mean_of)


def _write(result: Frontier, folder: Path) -> None:
    files = {
        RESULT_FILE: visible_json(result.model_dump_json(indent=2)) + "\n",
        CHART_FILE: standalone(frontier_figure("frontier", result).svg),
    }
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            write_text(folder / name, text)
