"""What AWS asks for and a fake forgives; the proxy is as strict there as AWS's guides say."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest

from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.clock import Clock
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.call.scope import Scope
from newsclf.deploy.aws.endpoint.autoscaling import AutoScaling
from tests.conftest import Cli
from tests.support.fakeaws.fixtures import REGION, ROOT, Deploy, environment
from tests.support.fakeaws.requests import Call
from tests.support.fakeaws.sagemaker import backend
from tests.support.fakeaws.scenario import assert_teardown_removes_all
from tests.support.fakeaws.server import FakeAws
from tests.support.fakeaws.services import usage_metric
from tests.support.runs import assert_complete

NAMES = Names("news", "123456789012", REGION)
QUOTA = "ml.c5.large for endpoint usage"
# As it is, waits included; a shell that runs the tests in the background has Ctrl-C ignored.
COMMAND = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from newsclf.cli.main import main
main()
"""


def operations(aws: FakeAws) -> list[str]:
    return [record.call.operation for record in aws.records]


# --- what SageMaker, Lambda and IAM refuse


def test_an_endpoint_that_scales_gets_another_instance(
    aws: FakeAws, deploy: Deploy, newsclf: Cli
) -> None:
    assert deploy("--max", 3).exit_code == 0
    aws.forget()
    other = deploy("--instance", "ml.c5.xlarge", "--max", 3)

    assert other.exit_code == 0, other.err
    assert "autoscaling ends, since it can't go from ml.c5.large to ml.c5.xlarge" in other.err
    done = operations(aws)
    assert done.index("DeregisterScalableTarget") < done.index("UpdateEndpoint")
    assert done.index("UpdateEndpoint") < done.index("RegisterScalableTarget")
    assert deploy("--instance", "ml.c5.xlarge", "--max", 3).exit_code == 0
    assert_teardown_removes_all(aws, newsclf)


@pytest.mark.parametrize("failure", ["rolled back", "refused", "bad answer"])
def test_an_endpoint_that_stays_as_it_was_scales_as_it_did(
    aws: FakeAws, deploy: Deploy, failure: str
) -> None:
    assert deploy("--max", 3).exit_code == 0
    aws.sagemaker.rolls_back = failure == "rolled back"
    aws.data_plane.model_fails = failure == "bad answer"
    if failure == "refused":
        aws.fault = lambda _, call: "denied" if call.operation == "UpdateEndpoint" else None
    other = deploy("--instance", "ml.c5.xlarge", "--max", 3)

    assert other.exit_code == 4
    assert "DeregisterScalableTarget" in operations(aws)
    as_before = AutoScaling(Scope(Clients(REGION), NAMES), "ml.c5.large", 1, 3)
    assert as_before.planned().action == "keep"


def test_bounds_of_scaling_change_in_place(aws: FakeAws, deploy: Deploy) -> None:
    aws.services.unregistered = 2
    assert deploy("--max", 3).exit_code == 0
    refused = deploy("--max", 5)
    assert (refused.exit_code, "is 4 in us-east-1, and 5 are needed" in refused.err) == (4, True)
    wider = deploy("--max", 4)

    assert wider.exit_code == 0, wider.err
    (target,) = boto3.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="sagemaker"
    )["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 4)


def test_a_new_model_keeps_the_scaling(aws: FakeAws, deploy: Deploy) -> None:
    assert deploy("--max", 3).exit_code == 0
    image = "763104351884.dkr.ecr.us-east-1.amazonaws.com/other:1"

    assert deploy("--max", 3, "--image", image).exit_code == 0
    assert "DeregisterScalableTarget" not in operations(aws)


def test_a_denied_call_names_the_action_that_aws_names(aws: FakeAws, deploy: Deploy) -> None:
    aws.refuse = {
        "CreateModel": "User: arn:aws:iam::123456789012:user/me is not authorized to perform:"
        " iam:PassRole on resource: arn:aws:iam::123456789012:role/newsclf-news-use1-ep because no"
        " identity-based policy allows the iam:PassRole action"
    }
    refused = deploy()

    assert refused.exit_code == 4
    statement = json.loads(refused.err.split("allow iam:PassRole: ")[1].splitlines()[0])
    assert statement == {
        "Effect": "Allow",
        "Action": "iam:PassRole",
        "Resource": "arn:aws:iam::123456789012:role/newsclf-news-use1-ep",
    }


def test_a_bucket_that_was_just_deleted_is_waited_for(
    aws: FakeAws, deploy: Deploy, newsclf: Cli
) -> None:
    aws.services.taken = 5
    made = deploy()

    assert made.exit_code == 0, made.err
    assert made.err.count("S3 still deletes an older newsclf-123456789012-us-east-1") == 1
    assert_teardown_removes_all(aws, newsclf)
    aws.services.taken = 10**6
    given_up = deploy()
    assert given_up.exit_code == 4
    assert "within an hour" in given_up.err
    aws.services.taken = 0
    assert_teardown_removes_all(aws, newsclf)


def test_services_that_tell_the_account_are_held_to_it(
    aws: FakeAws, deploy: Deploy, newsclf: Cli
) -> None:
    assert deploy("--ttl", "2h").exit_code == 0
    assert newsclf("wire-api").exit_code == 0

    trusts = [
        json.loads(record.call.params["AssumeRolePolicyDocument"])["Statement"][0]
        for record in aws.records
        if record.call.operation == "CreateRole"
    ]
    held = {trust["Principal"]["Service"]: "Condition" in trust for trust in trusts}
    assert held == {
        "sagemaker.amazonaws.com": True,
        "scheduler.amazonaws.com": True,
        "lambda.amazonaws.com": False,
    }


def test_a_role_is_kept_until_sagemaker_needs_it_no_more(
    aws: FakeAws, deploy: Deploy, newsclf: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert deploy("--vpc", "subnet-1,subnet-2:sg-1").exit_code == 0
    done: list[str] = []
    aws.done = lambda _, call: done.append(call.operation)
    monkeypatch.setattr(Clock, "sleep", lambda _, pause_s: done.append(f"wait {pause_s:g}"))

    removed = newsclf("teardown")

    assert removed.exit_code == 0, removed.err
    assert "5 minutes" in removed.err
    assert done.index("DeleteEndpoint") < done.index("wait 300") < done.index("DeleteRole")
    assert aws.world.left() == []


# --- what is recorded for good, or seen late


def test_the_record_of_a_job_is_no_deployment(aws: FakeAws, deploy: Deploy, newsclf: Cli) -> None:
    assert deploy().exit_code == 0
    s3 = boto3.Session("admin", "admin", region_name=REGION).client("s3")
    s3.create_bucket(Bucket="theirs")
    s3.put_object(Bucket="theirs", Key="in.jsonl", Body=b"{}")
    key = "arn:aws:kms:us-east-1:123456789012:key/12345678-1234-1234-1234-123456789012"
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    rules = {"Rules": [{"ApplyServerSideEncryptionByDefault": default}]}
    s3.put_bucket_encryption(Bucket="theirs", ServerSideEncryptionConfiguration=rules)
    batch = (
        "predict",
        "--input",
        "s3://theirs/in",
        "--output",
        "s3://theirs/out/",
        "--instance",
        "ml.m5.xlarge",
        "--json",
    )
    scored = newsclf(*batch)
    assert scored.exit_code == 0, scored.err
    assert json.loads(scored.out)["output"] == "s3://theirs/out/"
    assert "$0.230 for each hour that the job runs" in scored.err
    aws.fault = lambda _, call: "denied" if call.operation == "GetProducts" else None
    unpriced = newsclf(*batch)
    assert unpriced.exit_code == 0, unpriced.err
    assert "the price of the batch job is not known: reading prices is not allowed" in unpriced.err
    aws.fault = lambda _, __: None
    aws.services.quotas["ml.m5.xlarge for transform job usage"] = 0.0
    refused = newsclf(*batch)
    assert refused.exit_code == 4
    assert "the quota 'ml.m5.xlarge for transform job usage' is 0" in refused.err
    assert newsclf("teardown").exit_code == 0

    listed = boto3.client("resourcegroupstaggingapi").get_resources(
        TagFilters=[{"Key": "newsclf:deployment"}]
    )["ResourceTagMappingList"]
    assert [each for each in listed if ":transform-job/" in each["ResourceARN"]]
    assert json.loads(newsclf("status", "--region", REGION, "--json").out) == []


def test_what_the_tagging_api_still_lists_is_no_deployment(
    aws: FakeAws, deploy: Deploy, newsclf: Cli
) -> None:
    assert deploy().exit_code == 0
    assert_teardown_removes_all(aws, newsclf)
    listed = boto3.client("resourcegroupstaggingapi").get_resources(
        TagFilters=[{"Key": "newsclf:deployment"}]
    )["ResourceTagMappingList"]
    assert [each for each in listed if ":endpoint/" in each["ResourceARN"]]

    shown = newsclf("status", "--region", REGION)
    removed = newsclf("teardown", "--all", "--region", REGION, "--yes")

    assert (shown.exit_code, shown.err.strip()) == (0, "nothing is deployed")
    assert (removed.exit_code, removed.err.strip()) == (0, "nothing is deployed")


def test_what_has_no_role_any_more_is_still_found(
    aws: FakeAws, deploy: Deploy, newsclf: Cli
) -> None:
    assert deploy().exit_code == 0
    aws.fault = lambda _, call: "denied" if call.operation == "DeleteLogGroup" else None
    assert newsclf("teardown").exit_code == 1
    Path(".newsclf/deployments/news.json").unlink()
    aws.fault = lambda _, __: None

    (shown,) = json.loads(newsclf("status", "--region", REGION, "--json").out)
    assert (shown["name"], shown["endpoint"]) == ("news", "none")
    assert newsclf("teardown", "--all", "--region", REGION, "--yes").exit_code == 0
    assert aws.world.left() == []


def test_a_look_that_is_denied_hides_nothing(aws: FakeAws, deploy: Deploy, newsclf: Cli) -> None:
    assert deploy().exit_code == 0
    assert_teardown_removes_all(aws, newsclf)
    aws.fault = lambda _, call: "denied" if call.operation == "DescribeAlarms" else None

    (shown,) = json.loads(newsclf("status", "--region", REGION, "--json").out)
    assert shown["name"] == "news"


def test_a_tag_that_is_no_name_of_a_deployment_is_left_alone(aws: FakeAws, newsclf: Cli) -> None:
    boto3.client("logs").create_log_group(
        logGroupName="/theirs", tags={"newsclf:deployment": "Not One!"}
    )

    assert newsclf("status", "--region", REGION).exit_code == 0
    assert aws.world.left() == [f"{REGION} log group /theirs"]


def test_the_log_group_of_an_endpoint_does_not_come_back(
    aws: FakeAws, deploy: Deploy, newsclf: Cli
) -> None:
    assert deploy().exit_code == 0
    aws.forget()
    assert_teardown_removes_all(aws, newsclf)

    theirs = "/aws/sagemaker/Endpoints/newsclf-news"
    done = [
        record.call.operation
        for record in aws.records
        if record.call.params.get("logGroupName", theirs) == theirs
    ]
    assert done.index("DeleteEndpoint") < done.index("DeleteRole") < done.index("DeleteLogGroup")
    assert aws.sagemaker.late == {}  # the last line has come, and found no role to be written as


def use(count: int) -> None:
    """Have others use so many instances; CloudWatch tells it."""
    metric = usage_metric(QUOTA)
    boto3.Session("admin", "admin", region_name=REGION).client("cloudwatch").put_metric_data(
        Namespace=metric["MetricNamespace"],
        MetricData=[
            {
                "MetricName": metric["MetricName"],
                "Dimensions": [
                    {"Name": k, "Value": v} for k, v in metric["MetricDimensions"].items()
                ],
                "Timestamp": datetime.now(UTC) - timedelta(minutes=10),
                "Value": count,
            }
        ],
    )


def test_what_others_use_of_the_quota_is_warned_of(deploy: Deploy) -> None:
    use(4)
    looked = deploy("--dry-run")

    assert looked.exit_code == 0, looked.err
    assert "others use 4 of it and 1 are needed, so AWS may refuse" in looked.err
    assert "--desired-value 5" in looked.err


def test_a_quota_that_others_leave_enough_of_is_not_spoken_of(deploy: Deploy) -> None:
    use(3)

    assert "quota" not in deploy("--dry-run").err


def test_without_a_look_at_the_use_it_says_so(aws: FakeAws, deploy: Deploy) -> None:
    aws.fault = lambda _, call: "denied" if call.operation == "GetMetricStatistics" else None

    looked = deploy("--dry-run")

    assert looked.exit_code == 0, looked.err
    assert f"'{QUOTA}' is 4 in us-east-1; what others use of it is not known" in looked.err


def test_a_failed_endpoint_is_not_said_to_bill(aws: FakeAws, deploy: Deploy, newsclf: Cli) -> None:
    aws.sagemaker.failure = "No capacity."
    assert deploy("--min", 2).exit_code == 4

    (shown,) = json.loads(newsclf("status", "--json").out)
    assert (shown["endpoint"], shown["usd_per_hour"], shown["usd_so_far"]) == ("Failed", 0.0, None)


@pytest.mark.parametrize("refused", [None, "denied"])
def test_a_load_test_counts_the_instances_that_run(
    aws: FakeAws, deploy: Deploy, newsclf: Cli, refused: str | None
) -> None:
    assert deploy("--min", 2).exit_code == 0
    aws.fault = lambda _, call: refused if call.operation == "DescribeEndpoint" else None
    tested = newsclf("loadtest", "--concurrency", 1, "--duration", 1, "--warmup", 0)

    found = assert_complete(tested)
    (cost,), (point,) = found["costs"], found["points"]
    assert (found["run"]["instance_count"], cost["count"]) == (2, 2)
    assert cost["usd_per_hour"] == (0.204 if point["verdict"] == "OK" else None)


def test_a_load_test_says_that_the_number_of_instances_has_changed(
    aws: FakeAws, deploy: Deploy, newsclf: Cli
) -> None:
    assert deploy("--min", 1, "--max", 4).exit_code == 0
    looks = []

    def scale_out(_: object, call: Call) -> None:
        if call.operation == "DescribeEndpoint":
            looks.append(call)
            (endpoint,) = backend(call).endpoints.values()
            endpoint.production_variants[0]["CurrentInstanceCount"] = 1 if len(looks) == 1 else 3

    aws.fault = scale_out
    tested = newsclf("loadtest", "--concurrency", 1, "--duration", 1, "--warmup", 0)

    found = assert_complete(tested)

    assert (found["run"]["instance_count"], found["run"]["rescaled"]) == (3, True)
    assert found["costs"][0]["count"] == 3
    assert "Autoscaling changed the number of instances" in tested.err


def test_a_number_of_instances_that_aws_no_longer_tells_has_not_changed(
    aws: FakeAws, deploy: Deploy, newsclf: Cli
) -> None:
    assert deploy("--min", 1, "--max", 4).exit_code == 0
    looks = []

    def expire(_: object, call: Call) -> str | None:
        if call.operation != "DescribeEndpoint":
            return None
        looks.append(call)
        (endpoint,) = backend(call).endpoints.values()
        endpoint.production_variants[0]["CurrentInstanceCount"] = 3
        return None if len(looks) == 1 else "denied"

    aws.fault = expire
    tested = newsclf("loadtest", "--concurrency", 1, "--duration", 1, "--warmup", 0)

    found = assert_complete(tested)
    assert len(looks) > 1
    assert (found["run"]["instance_count"], found["run"]["rescaled"]) == (3, False)


def test_a_role_with_a_path_is_simulated_by_its_whole_name(aws: FakeAws, newsclf: Cli) -> None:
    path = "/aws-reserved/sso.amazonaws.com/eu-west-1/"
    boto3.Session("admin", "admin").client("iam").create_role(
        RoleName="AWSReservedSSO_Dev_0", Path=path, AssumeRolePolicyDocument="{}"
    )
    aws.services.caller = "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Dev_0/me"
    checks = {each["what"]: each for each in json.loads(newsclf("doctor", "--json").out)}

    assert checks["may deploy"]["state"] == "ok"
    asked = {
        record.call.params["PolicySourceArn"]
        for record in aws.records
        if record.call.operation == "SimulatePrincipalPolicy"
    }
    assert asked == {f"arn:aws:iam::123456789012:role{path}AWSReservedSSO_Dev_0"}


# --- Ctrl-C


def interrupted(aws: FakeAws, wanted: Callable[[Call], bool], *command: object) -> tuple[int, str]:
    """Run the real command line, and press Ctrl-C when AWS has answered such a call."""
    pressed = False

    def press(_index: int, call: Call) -> None:
        nonlocal pressed
        if wanted(call) and not pressed:
            pressed = True
            process.send_signal(signal.SIGINT)

    aws.done = press
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, *(str(a) for a in command)],
        env=os.environ | environment(aws) | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        _, err = process.communicate()
    aws.done = lambda _index, _call: None
    assert pressed
    return process.returncode, err


def test_ctrl_c_while_an_endpoint_is_created_tells_what_goes_on_and_bills(
    aws: FakeAws, deploy: Deploy, newsclf: Cli, archive: Path
) -> None:
    aws.sagemaker.stuck = True
    looks: list[str] = []

    def is_creating(call: Call) -> bool:
        looks.append(call.operation)
        return "CreateEndpoint" in looks and call.operation == "DescribeEndpoint"

    code, err = interrupted(
        aws, is_creating, "deploy", "--archive", archive, "--instance", "ml.c5.large", "--yes"
    )

    assert code == 130
    assert "Traceback" not in err
    assert "stopped at the endpoint newsclf-news; AWS continues, and the endpoint is billed" in err
    assert "the endpoint is billed ($0.102 an hour) until it is deleted" in err
    assert "newsclf status" in err
    assert "newsclf teardown --deployment news" in err
    (shown,) = json.loads(newsclf("status", "--json").out)
    assert (shown["recorded"], shown["endpoint"]) == (True, "Creating")
    aws.sagemaker.changes["newsclf-news"].polls_left = 2
    aws.forget()
    assert deploy().exit_code == 0
    assert "CreateEndpoint" not in operations(aws)
    assert_teardown_removes_all(aws, newsclf)


def test_ctrl_c_before_there_is_an_endpoint_says_that_nothing_bills(
    aws: FakeAws, newsclf: Cli, archive: Path
) -> None:
    code, err = interrupted(
        aws,
        lambda call: call.operation == "CreateModel",
        "deploy",
        "--archive",
        archive,
        "--instance",
        "ml.c5.large",
        "--yes",
    )

    assert code == 130
    assert "nothing of it is billed by the hour yet" in err
    assert_teardown_removes_all(aws, newsclf)


def test_ctrl_c_ends_a_teardown_that_waits_and_the_next_one_goes_on(
    aws: FakeAws, deploy: Deploy, newsclf: Cli
) -> None:
    assert deploy().exit_code == 0
    assert deploy("--deployment", "other").exit_code == 0
    aws.sagemaker.polls = 10**9

    code, err = interrupted(
        aws, lambda call: call.operation == "DeleteEndpoint", "teardown", "--all"
    )

    assert code == 130
    assert "newsclf teardown --deployment news --region us-east-1 resumes" in err
    assert any("endpoint newsclf-other" in line for line in aws.world.left())
    aws.sagemaker.polls = 2
    aws.sagemaker.changes["newsclf-news"].polls_left = 2
    assert newsclf("teardown", "--all").exit_code == 0
    assert aws.world.left() == []


# --- what can't work is said before anything is made


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--kms-key", "alias/mine"], "expected the id or the ARN of a key in us-east-1"),
        (["--image", "111122223333.dkr.ecr.eu-west-1.amazonaws.com/own:1"], "it is in eu-west-1"),
        (["--region", "us-gov-west-1"], "commercial regions"),
        (["--region", "us east"], "expected a region such as us-east-1"),
        (["--ttl", "5m"], "15m is the minimum"),
        (["--vpc", "subnet-1:sg-1"], "two subnets at least"),
        (["--instance", "ml.inf2.xlarge"], "its accelerator would be idle"),
        (["--instance", "ml.g5.xlarge"], "it is for CPUs, and ml.g5.xlarge has a GPU"),
        (
            [
                *("--instance", "ml.g6.xlarge", "--image"),
                "763104351884.dkr.ecr.us-east-1.amazonaws.com/tei:2.0.1-cpu-py310",
            ],
            "the image has no CUDA",
        ),
    ],
)
def test_what_can_not_work_is_refused_at_once(
    aws: FakeAws, deploy: Deploy, options: list[str], said: str
) -> None:
    refused = deploy(*options)

    assert refused.exit_code == 2
    assert said in refused.err
    assert aws.world.left() == []
