"""Life cycle on AWS, with the real command line: deploy, wire, measure, tear down."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
from moto.apigatewayv2.models import apigatewayv2_backends
from moto.core.models import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.s3.models import s3_backends

from tests.conftest import Result
from tests.support.fakeaws.data_plane import USER_SECRET
from tests.support.fakeaws.fixtures import REGION, RealCli
from tests.support.fakeaws.scenario import is_reading
from tests.support.fakeaws.server import FakeAws
from tests.support.runs import assert_outcome_of_verdicts

HEADLINE = "Profit rose by a third"
JWT = ("--jwt-issuer", "https://issuer.example", "--jwt-audience", "news")
AUTHORIZATION = {"iam": "AWS_IAM", "jwt": "JWT", "api-key": "CUSTOM", "none": "NONE"}


def ran(result: Result) -> Result:
    assert result.exit_code == 0, result.err
    return result


def the_api() -> Any:
    apis = list(apigatewayv2_backends[ACCOUNT][REGION].apis.values())
    assert len(apis) == 1
    return apis[0]


def secrets() -> list[str]:
    """Secrets that may stand only in their own file."""
    return [
        USER_SECRET,
        *re.findall(
            r"x-api-key: (\S+?)\"",
            "".join(path.read_text(encoding="utf-8") for path in Path().rglob("api.key")),
        ),
    ]


def assert_no_secret_in(texts: list[str]) -> None:
    places = [path for path in Path().rglob("*") if path.is_file() and path.name != "api.key"]
    read = [path.read_bytes().decode(errors="replace") for path in places if path.suffix != ".gz"]
    for secret in secrets():
        assert not [text for text in (*texts, *read) if secret in text]


def test_from_nothing_to_nothing(aws: FakeAws, real_cli: RealCli, archive: Path) -> None:
    said: list[str] = []

    def cli(*arguments: object) -> Result:
        result = ran(real_cli(*arguments))
        said.append(result.out + result.err)
        return result

    deploy = ("deploy", "--archive", archive, "--instance", "ml.c5.large", "--max", "2", "--yes")
    plan = json.loads(cli(*deploy, "--dry-run", "--json").out)
    assert {step["action"] for step in plan["steps"]} == {"create"}
    assert aws.world.left() == []
    cli(*deploy)
    aws.forget()
    again = cli(*deploy)
    assert not re.search(r"^(create|update|replace|delete) ", again.out, re.MULTILINE)
    assert not [record.call for record in aws.records if not is_reading(record.call)]
    through_endpoint = json.loads(cli("predict", "--json", HEADLINE).out)["predictions"]

    for auth in ("iam", "jwt", "api-key", "none"):
        cli("wire-api", "--auth", auth, *(JWT if auth == "jwt" else ()))
        assert {route.authorization_type for route in the_api().routes.values()} == {
            AUTHORIZATION[auth]
        }
        url = json.loads(cli("status", "--json").out)[0]["api"]
        stranger = httpx.post(f"{url}/classify", json={"headline": HEADLINE})
        assert stranger.status_code == {"iam": 403, "jwt": 401, "api-key": 401, "none": 200}[auth]
        if auth != "jwt":
            answer = json.loads(cli("predict", "--json", HEADLINE).out)
            assert answer["predictions"] == through_endpoint
        assert_no_secret_in(said)

    bucket = s3_backends[ACCOUNT]["aws"].buckets[f"newsclf-{ACCOUNT}-{REGION}"]
    assert set(vars(bucket.public_access_block).values()) == {True}
    assert bucket.policy is None
    cli("teardown")
    assert aws.world.left() == []
    assert "nothing" in cli("status", "--region", REGION).err
    cli("teardown", "--deployment", "news", "--region", REGION)
    aws.data_plane.stop()
    assert_no_secret_in([*said, aws.data_plane.function_log])
    assert HEADLINE not in aws.data_plane.function_log


def test_serverless_from_nothing_to_nothing_with_a_load_test(
    aws: FakeAws, real_cli: RealCli, archive: Path
) -> None:
    deploy = ("deploy", "--archive", archive, "--serverless", "--deployment", "small", "--yes")
    ran(real_cli(*deploy))
    assert "nothing changed" in ran(real_cli(*deploy)).err
    ran(real_cli("wire-api", "--deployment", "small"))
    assert json.loads(ran(real_cli("status", "--json")).out)[0]["on"] == "serverless"
    for direct in ((), ("--direct",)):
        measured = real_cli(
            "loadtest",
            "--deployment",
            "small",
            *direct,
            "--concurrency",
            1,
            "--duration",
            1,
            "--warmup",
            0,
            "--json",
        )
        summary = json.loads(measured.out)
        assert_outcome_of_verdicts(measured, summary)
        (point,) = summary["points"]
        assert list(point["outcomes"]) == ["OK"]

    ran(real_cli("teardown", "--all"))
    assert aws.world.left() == []
