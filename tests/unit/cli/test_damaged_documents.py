"""Documents on disk with anything in any place: they are read, or refused with a message."""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsclf.common.errors import ModelError, NewsclfError
from newsclf.common.settings import Settings, load_settings
from newsclf.costs.prices import load_prices, read_prices
from newsclf.deploy.local.target import LocalTarget
from newsclf.deploy.records import LocalDeployment
from newsclf.deploy.store import Deployments
from newsclf.loadtest.analysis.costs import CostBasis
from newsclf.loadtest.cost_table import cost, read_summary
from newsclf.loadtest.report.run import report
from newsclf.loadtest.store.records import Point, WorkerHealth
from newsclf.loadtest.store.run_folder import RunFolder
from newsclf.model.card import read_card, render_readme, write_card
from newsclf.model.directory import check_files, find_model, find_seeds, read_digests
from newsclf.training.folder import TrainRequest, interrupted_request
from newsclf.training.sagemaker.job import read_job
from tests.support.builders import build_card
from tests.support.loadtest_builders import Queue, build_case, closed_load, open_load, simulate

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, -1, 2**63, 10**400, 1e308, -1e308, 1e-320, float("nan"), float("inf")])
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["", "\ud800", "..", "../x", "/", "\0", "1e999", "2026-13-99"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=4,
)
DAMAGED_FILES = {
    "a list": b"[]",
    "a text": b'"x"',
    "null": b"null",
    "nothing": b"",
    "not UTF-8": b'{"files": "\xff"}',
    "UTF-16": '{"files": {}}'.encode("utf-16"),
    "deep": b"[" * 200_000,
    "deep object": b'{"files":' * 100_000,
    "a long number": b'{"schema_version": ' + b"9" * 5_000 + b"}",
    "cut": b'{"files": {"a',
}


def places(document: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The paths of all values in a document, the document itself among them."""
    yield at
    inner = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document[:3])
        if isinstance(document, list)
        else ()
    )
    for key, value in inner:
        yield from places(value, (*at, key))


def damaged(document: Any, data: st.DataObject) -> Any:
    """The document with one to three values replaced or left out."""
    document = copy.deepcopy(document)
    for _ in range(data.draw(st.integers(1, 3))):
        *above, last = data.draw(st.sampled_from(sorted(places(document), key=str))) or (None,)
        if last is None:
            return data.draw(VALUES)
        holder = document
        for key in above:
            holder = holder[key]
        if data.draw(st.booleans()) and isinstance(holder, dict):
            del holder[last]
        else:
            holder[last] = data.draw(VALUES)
    return document


def refused_or_read(use: Callable[[], object]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's, of numbers that no run has
        with suppress(NewsclfError):
            use()


def several(examples: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    write_card(folder, build_card(files={"weights": "0" * 64}))
    return folder


def use_model(folder: Path) -> None:
    for use in (
        lambda: render_readme(read_card(folder)[1]),
        lambda: read_card(folder)[1].digest,
        lambda: check_files(folder, digests := read_digests(folder), digests),
        lambda: find_seeds(folder),
    ):
        refused_or_read(use)


@pytest.mark.parametrize("kind", DAMAGED_FILES)
def test_a_damaged_card_is_refused(model: Path, kind: str) -> None:
    (model / "card.json").write_bytes(DAMAGED_FILES[kind])

    with pytest.raises(ModelError, match=r"card\.json: "):
        read_card(model)
    if kind != "a long number":
        with pytest.raises(ModelError, match=r"card\.json: "):
            read_digests(model)


@pytest.mark.parametrize(
    "files",
    [None, [], 7, {"a": None}, {"a": 1}, {"../a": ""}, {"/a": ""}, {"": ""}, {"\ud800": ""}],
)
def test_a_card_that_lists_no_files_of_its_directory_is_refused(model: Path, files: object) -> None:
    document = json.loads((model / "card.json").read_text(encoding="utf-8"))
    (model / "card.json").write_text(json.dumps(document | {"files": files}), encoding="utf-8")

    with pytest.raises(ModelError, match=r"card\.json: files: not a table"):
        read_digests(model)


@pytest.mark.parametrize("kind", DAMAGED_FILES)
def test_a_damaged_list_of_seeds_is_refused(tmp_path: Path, kind: str) -> None:
    (tmp_path / "seeds.json").write_bytes(DAMAGED_FILES[kind])

    for use in (find_model, find_seeds):
        with pytest.raises(ModelError, match=r"seeds\.json: "):
            use(tmp_path)


@pytest.mark.parametrize("seeds", [7, "seed-0", None, {"seed-0": 1}, [["seed-0"]], ["seed-0/.."]])
def test_seeds_that_are_no_list_of_names_are_refused(tmp_path: Path, seeds: object) -> None:
    document = {"best": "seed-0", "seeds": seeds}
    (tmp_path / "seeds.json").write_text(json.dumps(document), encoding="utf-8")

    with pytest.raises(ModelError, match="must name the seeds"):
        find_seeds(tmp_path)


@several(150)
@given(data=st.data())
def test_any_card_is_read_or_refused(model: Path, data: st.DataObject) -> None:
    whole = json.loads(build_card(files={"weights": "0" * 64}).model_dump_json())
    (model / "card.json").write_text(json.dumps(damaged(whole, data)), encoding="utf-8")

    use_model(model)


@several(50)
@given(data=st.data())
def test_any_list_of_seeds_is_read_or_refused(model: Path, data: st.DataObject) -> None:
    whole = {"best": "seed-0", "seeds": ["seed-0", "seed-1"]}
    (model.parent / "seeds.json").write_text(json.dumps(damaged(whole, data)), encoding="utf-8")

    use_model(model.parent)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run with all kinds of files."""
    case = build_case(users=(1, 2), repeats=1, instances=("ml.c5.large",))
    folder = RunFolder.create(tmp_path_factory.mktemp("runs") / "run")
    folder.write_run(case.summary.run)
    folder.write_searches(case.summary.searches)
    folder.write_prices(load_prices())
    for load in (closed_load(1), closed_load(2), open_load(rate=40)):
        point = Point(
            id=f"{load.model}-{load.concurrency or 40}-r1",
            load=load,
            instance="ml.c5.large",
            started_utc="2026-01-02T03:04:05Z",
            window_begin_ns=0,
            window_end_ns=10**10,
            workers=[WorkerHealth(cpu_fraction=0.1, lag_p99_ms=1, lag_max_ms=2)],
            connections_opened=1,
        )
        folder.write_point(point, simulate(load, Queue(1, 0.01)))
    report(folder.path)
    return folder.path


@several(30)
@given(data=st.data())
def test_any_run_is_reported_or_refused(run: Path, data: st.DataObject) -> None:
    files = [
        *(run / "run.json", run / "run.json", run / "prices.json"),
        *run.glob("search-*.json"),
        *sorted(run.glob("points/*/point.json"))[:2],
    ]
    file = data.draw(st.sampled_from(files))
    whole = file.read_bytes()
    file.write_text(json.dumps(damaged(json.loads(whole), data)), encoding="utf-8")
    try:
        refused_or_read(lambda: report(run))
    finally:
        file.write_bytes(whole)


def test_a_summary_without_a_percentile_that_is_priced_is_refused(run: Path) -> None:
    whole = json.loads((run / "summary.json").read_bytes())
    del whole["points"][0]["response_ms"]["p99"]
    folder = run.parent / "without-p99"
    folder.mkdir()
    (folder / "summary.json").write_text(json.dumps(whole), encoding="utf-8")

    with pytest.raises(NewsclfError, match=r"points\.0\.response_ms: it has no p99"):
        read_summary(folder)


@several(40)
@given(data=st.data())
def test_any_summary_is_priced_or_refused(run: Path, data: st.DataObject) -> None:
    folder = run.parent / "summary"
    folder.mkdir(exist_ok=True)
    whole = json.loads((run / "summary.json").read_bytes())
    (folder / "summary.json").write_text(json.dumps(damaged(whole, data)), encoding="utf-8")
    basis = CostBasis(region="us-east-1", price_as=None, count=1, utilisation=0.5)

    refused_or_read(lambda: cost(read_summary(folder), load_prices(), basis))


@several(100)
@given(data=st.data())
def test_any_deployment_is_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    whole = {
        "schema_version": 1,
        "name": "news",
        "target": "local",
        "created": "2026-01-02T03:04:05Z",
        "model": "/model",
        "model_digest": "ab",
        "folder": "/nowhere",
        "server": {"status": "ready", "port": 1, "pid": 2, "start_ticks": 1},
        "workers": 1,
        "api": {
            "status": "ready",
            "port": 1,
            "pid": 2,
            "start_ticks": 1,
            "auth": "none",
            "runtimes": 1,
            "rate_per_s": 1.0,
            "burst": 1,
        },
    }
    file = tmp_path / "deployments" / "news.json"
    file.parent.mkdir(exist_ok=True, mode=0o700)
    file.write_text(json.dumps(damaged(whole, data)), encoding="utf-8")

    def use() -> None:
        found = Deployments(tmp_path).get("news")
        if isinstance(found, LocalDeployment):
            LocalTarget(tmp_path).status(found)

    refused_or_read(use)


@several(60)
@given(data=st.data())
def test_any_record_of_a_training_is_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    work = tmp_path / "model.partial"
    work.mkdir(exist_ok=True)
    request = json.loads(TrainRequest(settings=Settings()).model_dump_json())
    job = {"schema_version": 1, "name": "x", "region": "us-east-1", "started": "2026-01-02"}
    (work / "request.json").write_text(json.dumps(damaged(request, data)), encoding="utf-8")
    (work / "job.json").write_text(json.dumps(damaged(job, data)), encoding="utf-8")

    refused_or_read(lambda: interrupted_request(tmp_path / "model"))
    refused_or_read(lambda: read_job(work / "job.json"))


@pytest.mark.parametrize(
    "text", [b"\xff", b"a = " + b"[" * 100_000, b"a = " + b"9" * 5_000, b"a = {", b"= 1"]
)
def test_damaged_toml_is_refused(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "x.toml"
    file.write_bytes(text)

    for use in (lambda: read_prices(file), lambda: load_settings(file, environ={})):
        with pytest.raises(NewsclfError, match=r"x\.toml: "):
            use()


@several(60)
@given(data=st.data())
def test_any_prices_and_settings_are_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    file = tmp_path / "x.toml"
    prices = {"hosting": [{"region": "r", "instance": "i", "usd_per_hour": 1.0, "source": "s"}]}
    defaults = json.loads(Settings().model_dump_json(exclude_none=True))
    for whole, use in (
        (prices, lambda: load_prices(file)),
        (defaults, lambda: load_settings(file, environ={})),
    ):
        try:
            text = tomli_w.dumps(damaged(whole, data))
        except (AttributeError, TypeError, ValueError, UnicodeError):
            continue  # what TOML can't hold
        file.write_bytes(text.encode("utf-8", "replace"))
        refused_or_read(use)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("model.onnx", "it is a file"),
        ("folder", "it has no card.json"),
        ("nowhere", "there is no such folder"),
    ],
)
def test_what_is_no_model_directory_is_said(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "model.onnx").touch()
    (tmp_path / "folder").mkdir()

    with pytest.raises(ModelError, match=f"not a model directory .{said}.$"):
        find_model(tmp_path / name)
