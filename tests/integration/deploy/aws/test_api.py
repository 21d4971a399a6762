"""`wire-api`, `predict` and `loadtest` on AWS: each way to close an API, and what follows it."""

from __future__ import annotations

import json
import os
import pickle
import re
import stat
import subprocess
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from moto.apigatewayv2.models import apigatewayv2_backends
from moto.awslambda.models import lambda_backends

from newsclf.common.errors import TargetError
from newsclf.deploy.auth import AwsAuth
from newsclf.deploy.aws.address import address_of
from newsclf.deploy.aws.api.function import FunctionModel
from newsclf.deploy.aws.api.resources import ApiSpec, api_deletables
from newsclf.deploy.aws.api.wire import wire_api
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.call.scope import Scope
from newsclf.deploy.records import AwsApi, AwsApiSettings, AwsDeployment, AwsSpec
from newsclf.deploy.store import Deployments
from tests.conftest import Cli
from tests.support.fakeaws.requests import Call
from tests.support.fakeaws.server import LOST, FakeAws
from tests.support.runs import assert_complete

ACCOUNT, REGION = "123456789012", "us-east-1"
NAMES = Names("news", ACCOUNT, REGION)
STATE = Path(".newsclf")
JWT = ("--auth", "jwt", "--jwt-issuer", "https://issuer.example", "--jwt-audience", "news")
MODES = [("--auth", "iam"), ("--auth", "api-key"), ("--auth", "none"), JWT]
BODY = {"headline": "Profit rose"}
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "sagemaker.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


@pytest.fixture
def deployed(aws: FakeAws) -> FakeAws:
    """An endpoint in service, recorded as `news`."""
    role = boto3.client("iam").create_role(
        RoleName="r", AssumeRolePolicyDocument=json.dumps(_TRUST)
    )
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="some-bucket")
    s3.put_object(Bucket="some-bucket", Key="model.tar.gz", Body=b"x")
    sagemaker = boto3.client("sagemaker")
    sagemaker.create_model(
        ModelName="m",
        ExecutionRoleArn=role["Role"]["Arn"],
        PrimaryContainer={"Image": "i", "ModelDataUrl": "s3://some-bucket/model.tar.gz"},
    )
    sagemaker.create_endpoint_config(
        EndpointConfigName="c",
        ProductionVariants=[
            {
                "VariantName": "v",
                "ModelName": "m",
                "InstanceType": "ml.c5.large",
                "InitialInstanceCount": 1,
            }
        ],
    )
    sagemaker.create_endpoint(EndpointName=NAMES.endpoint, EndpointConfigName="c")
    while sagemaker.describe_endpoint(EndpointName=NAMES.endpoint)["EndpointStatus"] == "Creating":
        pass
    Deployments(STATE).save(
        AwsDeployment(
            name="news",
            target="aws",
            created="2026-11-22T00:00:00+00:00",
            region=REGION,
            account=ACCOUNT,
            model=Path("model"),
            model_digest="0123456789ab",
            spec=AwsSpec(image="i", instance="ml.c5.large"),
            folder=Path("run/news"),
        )
    )
    aws.forget()
    return aws


def wired() -> AwsDeployment:
    return Deployments(STATE).get_of(AwsDeployment, "news")


def url_of() -> str:
    api = wired().api
    assert api is not None
    return api.url


def api_on_aws() -> Any:
    (api,) = apigatewayv2_backends[ACCOUNT][REGION].apis.values()
    return api


def function(name: str) -> Any:
    return lambda_backends[ACCOUNT][REGION].get_function(name)


def is_write(call: Call) -> bool:
    return not call.operation.startswith(("Get", "Describe", "List", "InvokeEndpoint"))


def writes(aws: FakeAws) -> list[str]:
    return [record.call.operation for record in aws.records if is_write(record.call)]


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode[1])
def test_an_api_of_each_kind_is_wired_kept_and_removed(
    deployed: FakeAws, newsclf: Cli, mode: tuple[str, ...]
) -> None:
    first = newsclf("wire-api", "--json", *mode)

    assert first.exit_code == 0, first.err
    auth = mode[1]
    assert json.loads(first.out)["api"]["auth"] == auth
    for path in ("/health", "/openapi.json"):
        status = httpx.get(f"{url_of()}{path}").status_code
        assert status == 200 if auth == "none" else status in (401, 403)
    assert ("warning: anybody with the address" in first.err) == (auth == "none")
    assert {step.status for step in wired().journal} == {"ready"}

    deployed.forget()
    again = newsclf("wire-api", *mode)
    assert again.exit_code == 0, again.err
    assert writes(deployed) == []

    remains = api_deletables(Scope(Clients(REGION), NAMES))
    assert {each.kind for each in remains if each.exists()} == {
        each.kind for each in remains if "authorizer" not in each.kind or auth == "api-key"
    }
    deleted = [each.delete() for each in reversed(remains)]
    assert any(deleted)
    assert [each.kind for each in remains if each.exists()] == []
    assert not any(each.delete() for each in reversed(remains))
    left = [line for line in deployed.world.left() if "/aws/sagemaker" not in line]
    assert not [line for line in left if re.search("API|function|log", line)]


def test_from_each_kind_to_each_other_in_place(deployed: FakeAws, newsclf: Cli) -> None:
    found = newsclf("wire-api")
    assert found.exit_code == 0, found.err
    api_id = api_on_aws().api_id
    for mode in (*MODES[1:], *reversed(MODES)):
        result = newsclf("wire-api", *mode)
        assert result.exit_code == 0, result.err
        api = api_on_aws()
        assert api.api_id == api_id
        expected = {"iam": "AWS_IAM", "jwt": "JWT", "api-key": "CUSTOM", "none": "NONE"}[mode[1]]
        assert {route.authorization_type for route in api.routes.values()} == {expected}
        assert len(api.authorizers) == (mode[1] in ("jwt", "api-key"))
        key_files = list(STATE.rglob("api.key"))
        assert bool(key_files) == (mode[1] == "api-key")
        functions = [line for line in deployed.world.left() if "function" in line]
        assert any(NAMES.authorizer in line for line in functions) == (mode[1] == "api-key")
        refused = {"iam": 403, "jwt": 401, "api-key": 401, "none": 200}[mode[1]]
        assert httpx.get(f"{url_of()}/health").status_code == refused


@pytest.mark.usefixtures("deployed")
def test_what_is_made(newsclf: Cli) -> None:
    assert newsclf("wire-api", "--rate", 7, "--burst", 9, "--runtimes", 3).exit_code == 0

    api = api_on_aws()
    assert sorted(route.route_key for route in api.routes.values()) == [
        "GET /health",
        "GET /openapi.json",
        "POST /classify",
    ]
    (stage,) = api.stages.values()
    assert (stage.name, stage.auto_deploy) == ("$default", True)
    assert stage.default_route_settings == {"throttlingRateLimit": 7, "throttlingBurstLimit": 9}
    log = stage.access_log_settings["format"]
    assert "$context.requestId" in log
    assert not re.search(r"\$context\.(path|httpMethod.*path|customDomain)|body|query", log)
    assert not api.cors_configuration
    made = function(NAMES.endpoint)
    assert (made.run_time, made.timeout, made.memory_size) == ("python3.13", 29, 256)
    assert made.reserved_concurrency == 3
    assert made.environment_vars == {
        "ENDPOINT_NAME": NAMES.endpoint,
        "MODEL_DIGEST": "0123456789ab",
        "API_AUTH": "iam",
    }
    sources = [s["Condition"]["ArnLike"]["AWS:SourceArn"] for s in made.policy.statements]
    assert sorted(sources) == [
        f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api.api_id}/*/{route}"
        for route in ("GET/health", "GET/openapi.json", "POST/classify")
    ]
    policy = boto3.client("iam").get_role_policy(RoleName=NAMES.role("api"), PolicyName="newsclf")
    assert [statement["Action"] for statement in policy["PolicyDocument"]["Statement"]] == [
        ["sagemaker:InvokeEndpoint"],
        ["logs:CreateLogStream", "logs:PutLogEvents"],
    ]


@pytest.mark.usefixtures("deployed")
def test_changes_are_made_in_place(newsclf: Cli) -> None:
    assert newsclf("wire-api", "--cors", "https://a.example").exit_code == 0
    api = api_on_aws()
    assert api.cors_configuration["allowOrigins"] == ["https://a.example"]

    # What somebody else has opened, and what must change.
    boto3.client("apigatewayv2").create_route(ApiId=api.api_id, RouteKey="GET /open")
    result = newsclf("wire-api", "--rate", 3, "--unreserved")

    assert result.exit_code == 0, result.err
    assert "update routes" in result.err
    assert len(api.routes) == 3
    assert api.cors_configuration["allowOrigins"] == ["https://a.example"]
    assert function(NAMES.endpoint).reserved_concurrency is None
    assert api.stages["$default"].default_route_settings["throttlingRateLimit"] == 3

    assert newsclf("wire-api", "--cors", "none").exit_code == 0
    assert not api.cors_configuration
    assert function(NAMES.endpoint).reserved_concurrency is None
    assert api.stages["$default"].default_route_settings["throttlingRateLimit"] == 3


def test_a_new_account_s_ten_executions_are_left_to_all(deployed: FakeAws, newsclf: Cli) -> None:
    deployed.services.concurrency = 10
    result = newsclf("wire-api")

    assert result.exit_code == 0, result.err
    assert "10 requests at once for all functions of this account, of which 0 can be" in result.err
    assert "--quota-code L-B99A9384" in result.err
    assert "PutFunctionConcurrency" not in [r.call.operation for r in deployed.records]
    assert function(NAMES.endpoint).reserved_concurrency is None


def test_a_reservation_that_was_asked_for_is_refused_before_anything_is_made(
    deployed: FakeAws, newsclf: Cli
) -> None:
    deployed.services.concurrency = 120
    refused = newsclf("wire-api", "--runtimes", 30)

    assert refused.exit_code == 4
    assert "of which 20 can be reserved; --runtimes is 30" in refused.err
    assert "newsclf wire-api --unreserved" in refused.err
    assert not [r for r in deployed.records if r.call.operation.startswith("Create")]
    for runtimes in (20, 20):  # what is reserved already is not counted against itself
        assert newsclf("wire-api", "--runtimes", runtimes).exit_code == 0
    assert function(NAMES.endpoint).reserved_concurrency == 20


def test_without_a_look_at_the_account_lambda_itself_says_what_it_has(
    deployed: FakeAws, newsclf: Cli
) -> None:
    deployed.services.concurrency = 10
    deployed.fault = lambda _, call: "denied" if call.operation == "GetAccountSettings" else None
    refused = newsclf("wire-api")

    assert refused.exit_code == 4
    assert "below its minimum value of [10]" in refused.err
    assert "--unreserved" in refused.err


def test_the_key_is_the_user_s_alone_and_only_its_hash_goes_to_aws(
    deployed: FakeAws, newsclf: Cli
) -> None:
    result = newsclf("wire-api", "--json", "--auth", "api-key")

    (key_file,) = STATE.rglob("api.key")
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    found = re.search(r'"x-api-key: (\S+)"', key_file.read_text())
    assert found
    key = found[1]
    assert key not in result.out + result.err
    assert key not in str([record.call.params for record in deployed.records])
    assert {p for p in STATE.rglob("*") if p.is_file() and key in p.read_text()} == {key_file}
    url = f"{url_of()}/classify"
    answers = [
        httpx.post(url, json=BODY, headers=headers).status_code
        for headers in ({}, {"x-api-key": ""}, {"x-api-key": key[:-1]}, {"x-api-key": key})
    ]
    assert answers[0] == 401
    assert answers[2:] == [403, 200]

    # Lost, another one is made, and the old one is void.
    key_file.unlink()
    assert newsclf("wire-api", "--auth", "api-key").exit_code == 0
    assert httpx.post(url, json=BODY, headers={"x-api-key": key}).status_code == 403


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9",
        "https://api.example.com",
        f"http://abc.execute-api.{REGION}.amazonaws.com",
        f"https://abc.execute-api.{REGION}.amazonaws.com.example.com",
        f"https://abc.execute-api.{REGION}.amazonaws.com@example.com",
        f"https://abc.execute-api.{REGION}.amazonaws.com:8443",
        "https://abc.execute-api.eu-west-9.amazonaws.com",
    ],
)
@pytest.mark.parametrize("auth", ["iam", "api-key"])
def test_a_forged_record_sends_nothing_to_an_address_that_is_none_of_aws(
    deployed: FakeAws, newsclf: Cli, url: str, auth: AwsAuth
) -> None:
    deployments = Deployments(STATE)
    forged = wired().model_copy(update={"api": AwsApi(url=url, auth=auth)})
    deployments.save(forged)

    result = newsclf("predict", "confidential")

    assert result.exit_code == 3
    assert "which is not an address of API Gateway in" in result.err
    assert deployed.records == []


@pytest.mark.usefixtures("aws")
def test_an_address_of_api_gateway_is_taken() -> None:
    url = f"https://a1b2c3.execute-api.{REGION}.amazonaws.com"
    deployment = AwsDeployment(
        name="news",
        target="aws",
        created="2026-11-22T00:00:00+00:00",
        region=REGION,
        account=ACCOUNT,
        model=Path("model"),
        model_digest="0",
        spec=AwsSpec(image="i"),
        folder=Path("run/news"),
        api=AwsApi(url=url, auth="none"),
    )

    assert address_of(deployment, Clients(REGION)).url == f"{url}/classify"


def curl_line(printed: str) -> str:
    (line,) = [line for line in printed.splitlines() if "curl -s" in line]
    return line


@pytest.mark.usefixtures("deployed")
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode[1])
def test_the_printed_curl_line_works(newsclf: Cli, mode: tuple[str, ...]) -> None:
    printed = newsclf("wire-api", *mode)
    Path("token.txt").write_text("authorization: Bearer abc\n", encoding="utf-8")

    done = subprocess.run(
        ["sh", "-c", curl_line(printed.err)],  # noqa: S607 - the shell of a user
        env=os.environ,
        capture_output=True,
        text=True,
        check=True,
    )

    if mode[1] == "jwt":  # the issuer is known to nobody here
        assert json.loads(done.stdout) == {"message": "Unauthorized"}
    else:
        assert len(json.loads(done.stdout)["predictions"]) == 1


@pytest.mark.parametrize("mode", MODES[:3], ids=lambda mode: mode[1])
def test_predict_asks_the_api_with_its_credential(
    deployed: FakeAws, newsclf: Cli, mode: tuple[str, ...]
) -> None:
    assert newsclf("wire-api", *mode).exit_code == 0
    deployed.forget()

    result = newsclf(
        *("predict", "--json", "Größe & Co. +7 %", "Loss"), "--explain", "--min-confidence", 1
    )

    assert result.exit_code == 0, result.err
    predictions = json.loads(result.out)["predictions"]
    assert [each["uncertain"] for each in predictions] == [True, True]
    assert [[word["word"] for word in each["explanation"]] for each in predictions] == [
        ["Größe &", "Co.", "+7 %"],
        ["Loss"],
    ]
    assert f"at {url_of()}/classify" in result.err
    assert deployed.records == []  # all but the function's call went through the API


def test_predict_asks_the_endpoint_where_there_is_no_api(deployed: FakeAws, newsclf: Cli) -> None:
    result = newsclf("predict", "--json", "Profit rose")

    assert result.exit_code == 0, result.err
    assert len(json.loads(result.out)["predictions"]) == 1
    assert [record.call.operation for record in deployed.records] == ["InvokeEndpoint"]


@pytest.mark.usefixtures("deployed")
def test_an_api_with_tokens_asks_for_one(newsclf: Cli) -> None:
    assert newsclf("wire-api", *JWT).exit_code == 0
    Path("token.txt").write_text("authorization: Bearer abc\n", encoding="utf-8")

    without = newsclf("predict", "Up")
    wrong = newsclf("predict", "--header-file", "token.txt", "Up")

    assert (without.exit_code, wrong.exit_code) == (2, 5)
    assert "--header-file" in without.err
    assert "401" in wrong.err


@pytest.mark.parametrize(
    ("direct", "kind"), [((), "api-gateway"), (("--direct",), "sagemaker")], ids=["api", "endpoint"]
)
def test_a_load_test_signs_what_it_sends(
    deployed: FakeAws, newsclf: Cli, direct: tuple[str, ...], kind: str
) -> None:
    assert newsclf("wire-api").exit_code == 0

    result = newsclf(
        "loadtest", "--json", "--concurrency", 1, "--warmup", 0, "--duration", 1, *direct
    )

    found = assert_complete(result)
    assert (found["run"]["kind"], found["run"]["shares_host"]) == (kind, False)
    (point,) = found["points"]
    assert point["instance"] == "ml.c5.large"
    assert point["outcomes"].keys() == {"OK"}
    assert deployed.broken == []


def test_a_signature_for_another_process_stays_as_it_is() -> None:
    from newsclf.deploy.credentials import Signature
    from newsclf.deploy.sigv4 import Credentials
    from newsclf.deploy.sigv4 import Scope as SigningScope

    renewed = (Credentials(f"AKID{number}", "secret", "token") for number in count(1))
    here = Signature(lambda: next(renewed), SigningScope(REGION, "execute-api"))
    there = pickle.loads(pickle.dumps(here))  # noqa: S301 - our own

    def key_of(auth: httpx.Auth) -> str:
        request = next(auth.auth_flow(httpx.Request("POST", "https://a.example/", content=b"x")))
        assert request.headers["x-amz-security-token"] == "token"
        return request.headers["authorization"].split("Credential=")[1].split("/")[0]

    assert isinstance(there, Signature)
    assert [key_of(there), key_of(there), key_of(here), key_of(here)] == [
        "AKID1",
        "AKID1",
        "AKID2",
        "AKID3",
    ]


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode[1])
def test_answers_that_get_lost_do_no_harm(
    deployed: FakeAws, newsclf: Cli, mode: tuple[str, ...]
) -> None:
    # Of what changes something: botocore bounds a process's retries, and looks are many.
    deployed.fault = lambda _, call: LOST if call.attempt == 1 and is_write(call) else None

    result = newsclf("wire-api", *mode)

    assert result.exit_code == 0, result.err
    assert len(apigatewayv2_backends[ACCOUNT][REGION].apis) == 1
    assert len(api_on_aws().routes) == 3
    assert [record.fault for record in deployed.records].count(LOST) > 10


def test_without_an_endpoint_nothing_is_made(deployed: FakeAws, newsclf: Cli) -> None:
    boto3.client("sagemaker").delete_endpoint(EndpointName=NAMES.endpoint)
    deployed.forget()

    result = newsclf("wire-api")

    assert result.exit_code == 3, result.err
    assert "newsclf deploy" in result.err
    assert writes(deployed) == []


def test_an_api_before_a_model_that_fails_is_an_error(
    deployed: FakeAws,
) -> None:
    deployed.data_plane.model_fails = True
    spec = ApiSpec(auth="iam", settings=AwsApiSettings(reserved_concurrency=None))

    with pytest.raises(TargetError, match="does not answer correctly") as raised:
        wire_api(STATE, Clients(REGION), "news", spec, smoke_test_s=0.5)

    assert "failed on this request" in raised.value.message
    assert "newsclf teardown" in (raised.value.hint or "")


def test_the_api_names_the_model_that_answers(deployed: FakeAws, newsclf: Cli) -> None:
    assert newsclf("wire-api", "--auth", "none").exit_code == 0
    model = FunctionModel(Scope(Clients(REGION), NAMES), "fedcba987654")
    assert model.planned().action == "update"

    model.ensure()

    assert model.planned().action == "keep"
    assert httpx.post(f"{url_of()}/classify", json=BODY).json()["model"] == "fedcba987654"
    newsclf("wire-api", "--auth", "none")  # which knows of no other model
    model.scope.forget_all()
    assert model.planned().action == "update"
    deployed.forget()


def test_a_role_that_is_new_is_waited_for(deployed: FakeAws, newsclf: Cli) -> None:
    deployed.services.unassumable = 3

    result = newsclf("wire-api")

    assert result.exit_code == 0, result.err
    assert [record.call.operation for record in deployed.records].count("CreateFunction") == 4


def test_a_refusal_names_the_permission_and_the_next_run_goes_on(
    deployed: FakeAws, newsclf: Cli
) -> None:
    deployed.fault = lambda _, call: "denied" if call.operation == "CreateStage" else None
    refused = newsclf("wire-api")
    deployed.fault = lambda _, __: None

    assert refused.exit_code == 4
    assert "apigateway:POST" in refused.err
    assert "Traceback" not in refused.err
    assert wired().api is None
    assert newsclf("wire-api").exit_code == 0
    assert wired().api is not None


@pytest.mark.parametrize(
    "arguments",
    [
        ("--auth", "open"),
        ("--auth", "jwt"),
        ("--auth", "jwt", "--jwt-issuer", "http://a.example", "--jwt-audience", "x"),
        ("--jwt-issuer", "https://a.example"),
        ("--cors", "a.example"),
        ("--port", "80"),
        ("--unreserved", "--runtimes", "3"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_called(
    deployed: FakeAws, newsclf: Cli, arguments: tuple[str, ...]
) -> None:
    result = newsclf("wire-api", *arguments)

    assert result.exit_code == 2, result.err
    assert deployed.records == []


@pytest.mark.usefixtures("deployed")
def test_an_open_api_is_closed_when_nothing_is_said(newsclf: Cli) -> None:
    assert newsclf("wire-api", "--auth", "none").exit_code == 0
    assert newsclf("wire-api").exit_code == 0
    api = wired().api
    assert api is not None
    assert api.auth == "iam"

    assert newsclf("wire-api", "--auth", "api-key").exit_code == 0
    assert newsclf("wire-api").exit_code == 0
    api = wired().api
    assert api is not None
    assert api.auth == "api-key"


@pytest.mark.parametrize(
    ("kind", "name"),
    [("function", NAMES.endpoint), ("authorizer function", NAMES.authorizer)],
)
def test_a_function_is_recorded_as_ready_only_after_it_was_seen_active(
    deployed: FakeAws, newsclf: Cli, kind: str, name: str
) -> None:
    """Also when an earlier run was cut off between its creation and the first look at it."""
    deployed.services.polls = 3
    deployed.fault = deny_the_look_after_creating(deployed, name)
    assert newsclf("wire-api", "--auth", "api-key", "--unreserved").exit_code == 4
    deployed.fault = lambda _, __: None
    assert status_of(kind) == "creating"
    pending: list[int] = []

    def note(_: int, __: Call) -> None:
        if status_of(kind) == "ready":
            pending.append(deployed.services.pending[name])

    deployed.done = note
    assert newsclf("wire-api", "--auth", "api-key", "--unreserved").exit_code == 0
    assert set(pending) == {0}


def status_of(kind: str) -> str:
    """What the record says of a kind of resource."""
    (status,) = {step.status for step in wired().journal if step.kind == kind}
    return status


def deny_the_look_after_creating(aws: FakeAws, name: str) -> Callable[[int, Call], str | None]:
    """Refuse GetFunction once the function of this name was created."""

    def fault(_: int, call: Call) -> str | None:
        created = aws.services.pending.get(name)
        wanted = call.operation == "GetFunction" and call.params.get("FunctionName") == name
        return "denied" if wanted and created else None

    return fault


def test_a_creation_lists_the_apis_of_the_account_no_more_than_twice(
    deployed: FakeAws, newsclf: Cli
) -> None:
    """Before the API is created and after; nothing in between has changed which there are."""
    assert newsclf("wire-api", "--auth", "api-key").exit_code == 0
    assert called(deployed).count("GetApis") == 2

    deployed.forget()
    assert newsclf("wire-api", "--auth", "api-key").exit_code == 0
    assert called(deployed).count("GetApis") == 1
    assert called(deployed).count("GetRoutes") == 1


def called(aws: FakeAws) -> list[str]:
    return [record.call.operation for record in aws.records]
