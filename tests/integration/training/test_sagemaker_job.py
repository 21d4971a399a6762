"""`newsclf train --on sagemaker`: the job that AWS is asked for really runs, as a process."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
import torch
from jsonschema import Draft202012Validator
from moto.core.models import DEFAULT_ACCOUNT_ID as ACCOUNT
from safetensors.torch import load_file

from newsclf.common.files import file_digest
from newsclf.model.card import read_card
from newsclf.training.sagemaker.create import METRICS
from tests.conftest import Cli, Result
from tests.support.builders import sample_rows, write_csv
from tests.support.fakeaws.data_plane import USER_SECRET
from tests.support.fakeaws.fixtures import REGION
from tests.support.fakeaws.requests import Call
from tests.support.fakeaws.scenario import is_reading
from tests.support.fakeaws.server import FakeAws, Snapshot
from tests.support.fakeaws.training import Training
from tests.support.labelled_builders import row_of, write_labelled_file

RECORD = Path("model.partial/job.json")
HEADLINE = "Profit rose by a third"


@pytest.fixture(autouse=True)
def _fast(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    """For each job the `sagemaker` package makes eight clients, and checks a schema ten times."""
    monkeypatch.setattr(boto3, "Session", _session)
    monkeypatch.setattr(Draft202012Validator, "check_schema", lambda _: None)


@cache
def _session(**options: object) -> boto3.session.Session:
    return boto3.session.Session(**options)


@pytest.fixture
def train(newsclf: Cli, trained: Path) -> Cli:
    """The command with the settings with which `trained` was trained on this machine."""

    def run(*more: object) -> Result:
        return newsclf(
            "train",
            "--on",
            "sagemaker",
            "--instance",
            "ml.m5.xlarge",
            "--yes",
            "--config",
            trained / "tiny.toml",
            *more,
        )

    return run


@pytest.fixture
def jobs(aws: FakeAws, trained: Path) -> Iterator[Training]:
    """Jobs that come out with the trained model without running."""
    aws.sagemaker.training.model = trained / "model"
    yield aws.sagemaker.training
    aws.sagemaker.training.close()


def left(aws: FakeAws) -> list[str]:
    """What is on AWS but the job's record and log, which stay."""
    kept = ("training job", "log group /aws/sagemaker/TrainingJobs")
    return [line for line in aws.world.left() if not any(each in line for each in kept)]


def only(training: Training) -> Any:
    (job,) = training.jobs.values()
    return job


def begun(training: Training) -> bool:
    """Whether there is a job that has been looked at."""
    return any(not job.ahead for job in training.jobs.values())


def interrupt_at(aws: FakeAws, operation: str) -> None:
    """Ctrl-C when a call has done its work, once."""
    pressed: list[Call] = []

    def done(_index: int, call: Call) -> None:
        if call.operation == operation and not pressed:
            pressed.append(call)
            os.kill(os.getpid(), signal.SIGINT)

    aws.done = done


@dataclass(frozen=True, slots=True)
class Moment:
    """How everything was when a call had done its work and its answer had not arrived."""

    call: Call
    aws: Snapshot
    files: Path


def restore(aws: FakeAws, moment: Moment) -> None:
    """Make AWS and the model folders as they were at a moment."""
    aws.restore(moment.aws)
    aws.forget()
    for name in ("model", "model.partial"):
        shutil.rmtree(name, ignore_errors=True)
        if (moment.files / name).exists():
            shutil.copytree(moment.files / name, name)


def record_moments(aws: FakeAws, train: Cli, folder: Path) -> list[Moment]:
    """Train once and record every moment after which AWS was not as before."""
    moments: list[Moment] = []

    def keep(index: int, call: Call) -> None:
        # One upload is like another.
        if is_reading(call) or (moments and str(moments[-1].call) == str(call)):
            return
        files = folder / "moments" / str(index)
        for name in ("model", "model.partial"):
            if Path(name).exists():
                shutil.copytree(name, files / name)
        moments.append(Moment(call, aws.save(), files))

    aws.done = keep
    assert train().exit_code == 0
    aws.done = lambda _index, _call: None
    return moments


@pytest.fixture
def job(aws: FakeAws, train: Cli, jobs: Training, tmp_path: Path) -> Moment:  # noqa: ARG001
    """One that was created a moment ago, and its command killed."""
    moments = record_moments(aws, train, tmp_path)
    return next(each for each in moments if each.call.operation == "CreateTrainingJob")


def test_a_spot_job_that_is_taken_away_ends_with_the_weights_of_a_local_training(
    aws: FakeAws, train: Cli, newsclf: Cli, trained: Path
) -> None:
    training = aws.sagemaker.training
    training.interruptions = 1
    write_csv(Path("headlines.csv"), [("text", "label"), *sample_rows()])
    here, there = Path("here"), Path("model")
    config = trained / "tiny.toml"
    at_home = newsclf("train", "--config", config, "--data", "headlines.csv", "--out", here)
    assert at_home.exit_code == 0, at_home.err

    result = train("--data", "headlines.csv", "--spot", "--max-runtime", "30m", "--json")

    assert result.exit_code == 0, result.err
    assert sorted(p.name for p in there.iterdir()) == sorted(p.name for p in here.iterdir())
    expected = load_file(here / "model.safetensors")
    got = load_file(there / "model.safetensors")
    assert all(torch.equal(got[name], tensor) for name, tensor in expected.items())
    assert file_digest(there / "tokenizer.json") == file_digest(here / "tokenizer.json")
    card, local = read_card(there)[1], read_card(here)[1]
    assert card.data.settings.source == "headlines.csv"
    assert card.base == local.base
    assert card.history == local.history
    assert card.int8 == local.int8

    for said in ("Starting", "Downloading", "Training", "Interrupted", "Uploading", "Completed"):
        assert f": {said}" in result.err
    assert "resuming from the checkpoint" in result.err
    assert "seed 0, epoch 4 of " in result.err
    assert "billed: 60 s of 200 s of training, so spot saved 70 %: $0.00383" in result.err
    document = json.loads(result.out)
    assert document["billable_s"] == 60
    assert document["digest"] == card.digest
    assert document["rows_per_s"] > 0
    assert newsclf("predict", "--model", "model", HEADLINE).exit_code == 0

    job = only(training)
    assert job.machines == 2
    assert set(job.metrics) == set(METRICS)
    assert job.metrics["macro_f1"] == pytest.approx(card.history[-1]["macro_f1"], abs=1e-4)
    request = job.request
    assert request["StoppingCondition"]["MaxRuntimeInSeconds"] == 1800
    assert request["AlgorithmSpecification"]["TrainingImage"].endswith(
        "/pytorch:2.13.0-cpu-amzn2023-sagemaker"
    )
    assert {"Key": "newsclf:managed", "Value": "true"} in request["Tags"]
    assert USER_SECRET not in json.dumps(request) + result.err + result.out
    assert "SDK defaults" not in result.err  # what the package logs about itself
    assert left(aws) == []
    assert not Path("model.partial").exists()


def test_a_teacher_and_unlabelled_headlines_travel_with_the_job(
    train: Cli, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEWSCLF_TRAIN_PRECISION", "auto")  # as by default, the job chooses
    shutil.copytree(trained / "model", "teacher")
    Path("news.csv").write_text("headline\nGreyfold to close its Leeds mill\n", encoding="utf-8")

    result = train("--teacher", "teacher", "--unlabelled", "news.csv", "--device", "auto")

    assert result.exit_code == 0, result.err
    assert "teacher teacher, 1 unlabelled headlines" in result.err
    card = read_card(Path("model"))[1]
    assert card.distillation is not None
    assert card.distillation.teacher == "teacher"
    assert card.distillation.teacher_digest == read_card(Path("teacher"))[1].digest
    assert card.distillation.unlabelled == "news.csv"
    assert card.training.device == "cpu"
    assert card.training.precision in {"float32", "bfloat16"}


def test_a_labelled_file_travels_with_the_job_and_its_audit(train: Cli) -> None:
    rows = [row_of("Greyfold to close its Leeds mill", "negative", "negative")]
    file = write_labelled_file(Path("labelled.jsonl"), rows)

    result = train("--extra", file)

    assert result.exit_code == 0, result.err
    assert "1 more rows to train on, of labelled.jsonl" in result.err
    card = read_card(Path("model"))[1]
    assert card.extra is not None
    assert (card.extra.name, card.extra.digest) == ("labelled.jsonl", file_digest(file))


def test_the_job_is_created_with_our_bucket_role_and_command(train: Cli, jobs: Training) -> None:
    train("--spot")

    request = dict(only(jobs).request)
    name = request.pop("TrainingJobName").removeprefix("newsclf-")
    files = f"s3://newsclf-{ACCOUNT}-{REGION}/{name}"
    algorithm = request.pop("AlgorithmSpecification")
    (command,) = algorithm.pop("ContainerArguments")
    assert len(command) <= 256
    assert command.endswith("exec python3 -m newsclf.training.sagemaker.container /opt/ml")
    assert "pytorch:" in algorithm.pop("TrainingImage")
    assert {each["Name"] for each in algorithm.pop("MetricDefinitions")} == set(METRICS)
    assert algorithm == {"TrainingInputMode": "File", "ContainerEntrypoint": ["/bin/bash", "-c"]}
    assert f":role/newsclf-{name}" in request.pop("RoleArn")
    assert {"Key": "newsclf:deployment", "Value": name} in request.pop("Tags")
    assert request == {
        "InputDataConfig": [
            {
                "ChannelName": channel,
                "DataSource": {
                    "S3DataSource": {
                        "S3DataType": "S3Prefix",
                        "S3Uri": f"{files}/{channel}/",
                        "S3DataDistributionType": "FullyReplicated",
                    }
                },
            }
            for channel in ("source", "inputs")
        ],
        "OutputDataConfig": {"S3OutputPath": f"{files}/output", "CompressionType": "GZIP"},
        "CheckpointConfig": {"S3Uri": f"{files}/checkpoints"},
        "ResourceConfig": {
            "InstanceType": "ml.m5.xlarge",
            "InstanceCount": 1,
            "VolumeSizeInGB": 30,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 7200},
        "EnableManagedSpotTraining": True,
    }


def test_what_it_can_cost_is_said_before_anything_is_made(
    aws: FakeAws, train: Cli, jobs: Training
) -> None:
    looked = train("--dry-run", "--max-runtime", "2h")
    as_json = train("--dry-run", "--json")
    unknown = train("--dry-run", "--instance", "ml.c5.4xlarge")

    assert looked.exit_code == as_json.exit_code == unknown.exit_code == 0, looked.err
    assert "ml.m5.xlarge, for at most 2 h" in looked.out
    assert "$0.230 an hour, so at most $0.460." in looked.out
    assert json.loads(as_json.out)["most_usd"] == 0.23
    assert "Hosting on ml.c5.4xlarge costs $0.816 an hour" in unknown.out
    assert all(is_reading(each.call) for each in aws.records)
    assert jobs.jobs == {}


def test_nobody_to_ask_means_no(aws: FakeAws, newsclf: Cli, trained: Path) -> None:
    result = newsclf(
        "train",
        "--on",
        "sagemaker",
        "--instance",
        "ml.m5.xlarge",
        "--config",
        trained / "tiny.toml",
    )

    assert result.exit_code == 2
    assert "add --yes" in result.err
    assert aws.world.left() == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--on", "sagemaker"), "needs an --instance"),
        (
            ("--on", "sagemaker", "--instance", "m5"),
            "--instance m5: not an instance type",
        ),
        (("--on", "moon"), "--on moon: 'moon' is not one of"),
        (("--spot",), "--spot: only with --on sagemaker"),
        (("--on", "sagemaker", "--instance", "ml.m5.large", "--max-runtime", "5"), "at least 60 s"),
        (("--on", "sagemaker", "--instance", "ml.m5.large", "--max-runtime", "9d"), "5 days"),
        (("--on", "sagemaker", "--instance", "ml.c7g.large"), "ARM processor"),
        (("--on", "sagemaker", "--instance", "ml.trn1.2xlarge"), "accelerator"),
        (("--resume", "--spot"), "drop --data, --base, --spot"),
    ],
)
def test_options_that_do_not_go_together(
    aws: FakeAws, newsclf: Cli, arguments: tuple[str, ...], said: str
) -> None:
    result = newsclf("train", "--data", "sample", "--base", "minilm", *arguments)

    assert result.exit_code == 2
    assert said in result.err
    assert aws.records == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--data", "no.csv"), "no such data file"),
        (("--data", "bad.csv"), "bad.csv"),
        (("--base", "./nowhere/at all"), "not a folder with a model"),
        (("--teacher", "minilm"), "--teacher minilm: not a model directory"),
        (("--teacher", "TRAINED", "--unlabelled", "no.csv"), "no.csv: not a file"),
        (("--data", "good.csv", "--validation", "few.csv"), "separate files for validation"),
        (("--data", "good.csv", "--base", "TRAINED"), "this base was trained on"),
    ],
)
def test_bad_input_is_found_before_anything_is_asked_of_aws(
    aws: FakeAws, train: Cli, trained: Path, options: tuple[str, ...], said: str
) -> None:
    options = tuple(str(trained / "model") if each == "TRAINED" else each for each in options)
    with Path("bad.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), ("Up", "positive"), ("Down", "awful")])
    write_csv(Path("good.csv"), [("text", "label"), *sample_rows()])
    write_csv(Path("few.csv"), [("text", "label"), *sample_rows()[:50]])

    result = train(*options)

    assert result.exit_code == 2
    assert said in result.err
    assert aws.records == []


ENDS = (
    ("AlgorithmError: killed, exit code: 137", "Failed", "starts again once that is fixed"),
    ("CapacityError: Unable to provision", "Failed", "AWS has no such machine free"),
    ("", "MaxRuntimeExceeded", "a longer --max-runtime"),
    ("", "MaxWaitTimeExceeded", "train without --spot"),
)


def test_a_job_that_fails_says_why_and_leaves_nothing(
    aws: FakeAws, newsclf: Cli, job: Moment
) -> None:
    for reason, end, hint in ENDS:
        restore(aws, job)
        training = aws.sagemaker.training
        training.failure, training.ends = reason, end
        training.lines = ("one", "two \x1b[31m of it")

        result = newsclf("train", "--resume")

        assert result.exit_code == 4
        assert reason in result.err
        said = [line.strip() for line in result.err.splitlines()]
        assert said[said.index("one") + 1] == "two \\x1b[31m of it"
        assert hint in result.err
        assert "nothing that is billed remains of it on AWS" in result.err
        assert left(aws) == []
        assert not Path("model").exists()
        assert not Path("model.partial").exists()


@pytest.mark.parametrize("operation", ["PutRolePolicy", "CreateTrainingJob", "GetLogEvents"])
def test_ctrl_c_stops_the_job_and_removes_everything(
    aws: FakeAws, train: Cli, jobs: Training, operation: str
) -> None:
    jobs.stuck, jobs.lines = operation != "GetLogEvents", ("one",)
    interrupt_at(aws, operation)

    result = train()

    assert result.exit_code == 130
    assert "was stopped" in result.err
    assert left(aws) == []
    assert all(job.status in ("Stopped", "Completed") for job in jobs.jobs.values())
    assert not Path("model.partial").exists()


def test_aws_refuses_the_job(aws: FakeAws, train: Cli, jobs: Training) -> None:
    aws.fault = lambda _, call: "denied" if call.operation == "CreateTrainingJob" else None
    denied = train()
    aws.fault = lambda _, __: None
    aws.services.quotas = {"ml.m5.xlarge for training job usage": 0.0}
    quota = train()

    assert denied.exit_code == quota.exit_code == 4
    assert '"Action": "sagemaker:CreateTrainingJob"' in denied.err
    assert "the quota 'ml.m5.xlarge for training job usage' is 0" in quota.err
    assert left(aws) == []
    assert not Path("model.partial").exists()
    assert jobs.jobs == {}


def test_a_role_that_can_not_be_taken_on_yet_is_tried_again(
    aws: FakeAws, train: Cli, jobs: Training
) -> None:
    jobs.unassumable = 2

    assert train().exit_code == 0
    assert jobs.unassumable == 0
    assert left(aws) == []


def test_a_lost_connection_leaves_the_job_and_resume_follows_it_again(
    aws: FakeAws, train: Cli, newsclf: Cli, jobs: Training
) -> None:
    jobs.stuck = True
    aws.fault = lambda _, call: "failure" if begun(jobs) and call.service == "sagemaker" else None
    lost = train()
    aws.fault = lambda _, __: None
    name = json.loads(RECORD.read_text(encoding="utf-8"))["name"]

    again = train("--overwrite")
    local = newsclf("train", "--data", "sample", "--overwrite")
    status = newsclf("status", "--region", REGION)
    only(jobs).ahead = ["Training"]
    resumed = newsclf("train", "--resume", "--json")

    assert lost.exit_code == 5
    assert "is still running and billed" in lost.err
    assert "newsclf train --resume --out model" in lost.err
    assert again.exit_code == local.exit_code == 2
    assert "holds the record of a training job on SageMaker" in again.err
    assert name in status.out
    assert "training InProgress" in status.out
    assert resumed.exit_code == 0, resumed.err
    assert "was started before" in resumed.err
    assert json.loads(resumed.out)["job"] == name
    assert left(aws) == []


def test_a_job_that_cannot_be_looked_at_for_a_moment_goes_on(
    aws: FakeAws, newsclf: Cli, job: Moment
) -> None:
    restore(aws, job)
    aws.fault = lambda _, call: "failure" if call.operation == "DescribeTrainingJob" else None
    lost = newsclf("train", "--resume")
    aws.fault = lambda _, __: None
    resumed = newsclf("train", "--resume")

    assert lost.exit_code == 5
    assert "may be running and billed" in lost.err
    assert "newsclf train --resume --out model" in lost.err
    assert resumed.exit_code == 0, resumed.err
    assert left(aws) == []


def test_a_folder_that_came_meanwhile_is_not_replaced(
    aws: FakeAws, newsclf: Cli, job: Moment
) -> None:
    restore(aws, job)
    Path("model").mkdir()
    Path("model/thesis.txt").write_text("years of work", encoding="utf-8")

    refused = newsclf("train", "--resume")
    kept = Path("model/thesis.txt").read_text(encoding="utf-8")
    shutil.rmtree("model")
    resumed = newsclf("train", "--resume")

    assert (refused.exit_code, kept) == (2, "years of work")
    assert "model is not a model directory, and will not be replaced" in refused.err
    assert "the trained model is kept in " in refused.err
    assert "move what is in its place, then newsclf train --resume --out model" in refused.err
    assert resumed.exit_code == 0, resumed.err
    assert left(aws) == []


def test_teardown_stops_a_job_that_nobody_follows(
    aws: FakeAws, train: Cli, newsclf: Cli, jobs: Training
) -> None:
    jobs.stuck = True
    aws.fault = lambda _, call: "failure" if begun(jobs) and call.service == "sagemaker" else None
    train()
    aws.fault = lambda _, __: None
    name = json.loads(RECORD.read_text(encoding="utf-8"))["name"]

    torn = newsclf("teardown", "--deployment", name, "--region", REGION)
    resumed = newsclf("train", "--resume")

    assert torn.exit_code == 0, torn.err
    assert resumed.exit_code == 4
    assert "has stopped" in resumed.err
    assert left(aws) == []
    assert not Path("model.partial").exists()


def test_a_kill_after_any_call_loses_nothing(
    aws: FakeAws, train: Cli, newsclf: Cli, jobs: Training, tmp_path: Path
) -> None:
    moments = record_moments(aws, train, tmp_path)
    wrong = []
    for moment in moments:
        restore(aws, moment)
        result = newsclf("train", "--resume")
        digest = file_digest(Path("model/model.safetensors"))
        if result.exit_code != 0 or left(aws) or digest != weights(jobs):
            wrong.append(f"{moment.call}: {left(aws)} {result.err}")
    assert wrong == []
    operations = {moment.call.operation for moment in moments}
    assert {"CreateRole", "PutObject", "CreateTrainingJob", "DeleteRole"} <= operations


def weights(jobs: Training) -> str:
    assert jobs.model is not None
    return file_digest(jobs.model / "model.safetensors")


CHANGES: tuple[tuple[Callable[[Path], object], str], ...] = (
    (lambda model: (model / "run.sh").write_text("x"), "run.sh is not in its card"),
    (lambda model: (model / "tokenizer.json").write_text("{}"), "SHA-256 differs"),
    (lambda model: (model / "extra").symlink_to("/etc/passwd"), "not a plain file"),
    (lambda model: (model / "card.json").unlink(), "not a model directory"),
    (lambda model: change_card(model, "epochs", 1), "trained with other settings"),
    (lambda model: change_card(model, "precision", "bfloat16"), "trained with other settings"),
)


def change_card(model: Path, setting: str, value: object) -> None:
    card = json.loads((model / "card.json").read_text(encoding="utf-8"))
    card["training"][setting] = value
    (model / "card.json").write_text(json.dumps(card), encoding="utf-8")


def test_what_is_not_the_model_that_was_asked_for_is_not_put_in_its_place(
    aws: FakeAws, newsclf: Cli, job: Moment, trained: Path, tmp_path: Path
) -> None:
    for i, (change, said) in enumerate(CHANGES):
        restore(aws, job)
        model = tmp_path / f"other-{i}"
        shutil.copytree(trained / "model", model)
        change(model)
        aws.sagemaker.training.model = model

        result = newsclf("train", "--resume")

        assert result.exit_code == 3
        assert said in result.err
        assert "is kept in S3" in result.err
        assert not Path("model").exists()
        assert RECORD.exists()
