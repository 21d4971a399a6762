"""`newsclf deploy --export`: templates of what deploy and wire-api make."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.iam.models import iam_backends

from tests.conftest import Cli, Result
from tests.support.documented import assert_printed
from tests.support.fakeaws.fixtures import REGION, Deploy
from tests.support.fakeaws.server import FakeAws

JWT = ("--auth", "jwt", "--jwt-issuer", "https://issuer.example", "--jwt-audience", "news")
BUDGET = ("--budget", 20, "--budget-email", "who@example.com")
KEY = "3d1b2c4e-1111-2222-3333-444455556666"
CASES = {
    "plain": ("--instance", "ml.c5.large"),
    "serverless": ("--serverless",),
    "scaling, network, key": (
        *("--instance", "ml.c5.xlarge", "--max", 3, "--kms-key", KEY),
        *("--vpc", "subnet-0a1b2c3d,subnet-1a2b3c4d:sg-0a1b2c3d", *BUDGET, "--tag", "team=news"),
    ),
    "api-key": ("--instance", "ml.c5.large", "--auth", "api-key", "--cors", "https://example.com"),
    "iam": ("--instance", "ml.c5.large", "--auth", "iam", "--unreserved"),
    "jwt": ("--serverless", *JWT, "--rate", 5),
    "own role": (
        *("--instance", "ml.c5.large", "--auth", "none"),
        *("--role", f"arn:aws:iam::{ACCOUNT}:role/ours"),
    ),
}
PROVIDER: dict[str, Any] = json.loads(
    (Path(__file__).parents[3] / "support" / "terraform_arguments.json").read_text("utf-8")
)
"""Arguments of Terraform's AWS provider; the file names its source and date."""
EACH_CASE = pytest.mark.parametrize("options", CASES.values(), ids=CASES)


def ran(result: Result) -> Result:
    assert result.exit_code == 0, result.err
    return result


def exported(newsclf: Cli, archive: Path, form: str, options: tuple[object, ...]) -> Any:
    given = ("deploy", "--archive", archive, "--region", REGION, *options)
    result = ran(newsclf(*given, "--export", form, "--out", "out/template.json"))
    assert "nothing was made" in result.err
    return json.loads(Path("out/template.json").read_text(encoding="utf-8"))


def of_type(template: Any, kind: str) -> list[dict[str, Any]]:
    return [r["Properties"] for r in template["Resources"].values() if r["Type"] == kind]


def texts(value: object) -> Iterator[str]:
    """All texts in a document."""
    if isinstance(value, dict):
        for each in value.values():
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)
    elif isinstance(value, str):
        yield value


@EACH_CASE
def test_cfn_lint_accepts_the_template(
    newsclf: Cli, archive: Path, options: tuple[object, ...]
) -> None:
    from cfnlint.api import lint
    from cfnlint.config import ManualArgs

    exported(newsclf, archive, "cloudformation", options)

    text = Path("out/template.json").read_text(encoding="utf-8")
    found = lint(text, config=ManualArgs(regions=[REGION], include_checks=["W"]))
    assert [str(each) for each in found] == []


@EACH_CASE
def test_terraform_s_references_and_files_are_there(
    newsclf: Cli, archive: Path, options: tuple[object, ...]
) -> None:
    document = exported(newsclf, archive, "terraform", options)

    there = {f"{kind}.{name}" for kind, each in document["resource"].items() for name in each}
    for text in texts(document["resource"]):
        for reference in re.findall(r"\$\{([^}\"(]+)\}", text):
            name = reference.rpartition(".")[0]
            known = there | {"data.aws_caller_identity.current", "path"}
            assert name in known or reference == "var.api_key_sha256", reference
        for file in re.findall(r"^\$\{path\.module\}/(.+)$", text):
            assert Path("out", file).is_file()
    for kind, each in document["resource"].items():
        assert kind.startswith("aws_")
        for arguments in each.values():
            assert all(re.fullmatch("[a-z0-9_]+", name) for name in arguments), arguments
            assert set(arguments.get("depends_on", [])) <= there
    assert ("variable" in document) == ("api-key" in options)


@EACH_CASE
def test_terraform_s_arguments_are_those_of_the_provider(
    newsclf: Cli, archive: Path, options: tuple[object, ...]
) -> None:
    document = exported(newsclf, archive, "terraform", options)

    for kind, resources in document["resource"].items():
        for name, arguments in resources.items():
            given = {key: value for key, value in arguments.items() if key != "depends_on"}
            assert misfits(given, PROVIDER["resources"][kind], f"{kind}.{name}") == []


def misfits(given: dict[str, Any], schema: dict[str, Any], where: str) -> list[str]:
    """Arguments of a resource or block that the provider does not have, or misses."""
    required, optional, maps = (
        set(schema.get(each, "").split()) for each in ("required", "optional", "maps")
    )
    blocks = schema.get("blocks", {})
    found = [f"{where} has no {name}" for name in sorted(given.keys() - required - optional)]
    found += [f"{where} lacks {name}" for name in sorted(required - given.keys())]
    for name, value in given.items():
        nested = value if isinstance(value, list) else [value]
        if name in blocks:
            for each in nested:
                found += misfits(each, blocks[name], f"{where}.{name}")
        elif name not in maps and any(isinstance(each, dict) for each in nested):
            found.append(f"{where}.{name} is neither a block nor a map")
    return found


def test_both_forms_hold_the_same_resources(newsclf: Cli, archive: Path) -> None:
    options = CASES["api-key"]
    one = exported(newsclf, archive, "cloudformation", options)["Resources"]
    other = exported(newsclf, archive, "terraform", options)["resource"]

    policies = other.pop("aws_iam_role_policy")
    assert {name for each in other.values() for name in each} == set(one)
    assert len(policies) == 3


def test_roles_are_those_that_deploy_and_wire_api_make(
    newsclf: Cli, deploy: Deploy, archive: Path, aws: FakeAws
) -> None:
    options = ("--auth", "api-key", "--unreserved")
    template = exported(newsclf, archive, "cloudformation", ("--instance", "ml.c5.large", *options))
    terraform = exported(newsclf, archive, "terraform", ("--instance", "ml.c5.large", *options))
    assert aws.world.left() == []

    ran(deploy())
    ran(newsclf("wire-api", *options))

    made = {role.name: role for role in iam_backends[ACCOUNT]["aws"].roles.values()}
    roles = of_type(template, "AWS::IAM::Role")
    assert {role["RoleName"] for role in roles} == set(made)
    for role in roles:
        there = made[role["RoleName"]]
        (policy,) = role["Policies"]
        name, document = policy["PolicyName"], resolved(policy["PolicyDocument"])
        assert document == json.loads(there.policies[name])
        assert resolved(role["AssumeRolePolicyDocument"]) == json.loads(
            there.assume_role_policy_document
        )
    account = "${data.aws_caller_identity.current.account_id}"
    for ident, policy in terraform["resource"]["aws_iam_role_policy"].items():
        name = terraform["resource"]["aws_iam_role"][ident]["name"]
        document = json.loads(policy["policy"].replace(account, ACCOUNT))
        assert document == json.loads(made[name].policies["newsclf"])


def resolved(value: Any) -> Any:
    """A part of a template, in this account."""
    if isinstance(value, dict):
        if set(value) == {"Fn::Sub"}:
            return value["Fn::Sub"].replace("${AWS::AccountId}", ACCOUNT)
        if value == {"Ref": "AWS::AccountId"}:
            return ACCOUNT
        return {key: resolved(each) for key, each in value.items()}
    return [resolved(each) for each in value] if isinstance(value, list) else value


def test_it_says_what_is_not_in_it(newsclf: Cli, archive: Path) -> None:
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    given = ("deploy", "--archive", archive, "--instance", "ml.c5.large", "--region", REGION)
    result = ran(newsclf(*given, "--export", "cloudformation"))

    template = json.loads(result.out)
    key = f"newsclf-{{}}-{REGION}/news/{digest}/model.tar.gz"
    assert f"aws s3 cp {archive} s3://{key.format('ACCOUNT')}" in result.err
    (model,) = of_type(template, "AWS::SageMaker::Model")
    assert resolved(model)["PrimaryContainer"]["ModelDataUrl"] == f"s3://{key.format(ACCOUNT)}"
    assert "AWS::S3::Bucket" not in result.out


@pytest.mark.parametrize(
    "options",
    ["--auth iam --export cloudformation --out news.json", "--export terraform --out news.tf.json"],
)
def test_the_guide_prints_what_is_printed(newsclf: Cli, archive: Path, options: str) -> None:
    command = f"newsclf deploy --instance ml.c5.large --region us-east-1 {options}"
    result = ran(newsclf(*command.split()[1:], "--archive", archive))

    assert_printed("aws.md", command, result, skip="packing|model.tar.gz|Function-")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--export", "terraform", "--ttl", "2h"), "--ttl counts from a deployment"),
        (("--export", "terraform", "--auth", "iam"), "add --out FILE"),
        (("--auth", "iam"), "--auth: only with --export"),
        (("--out", "x.json"), "--out: only with --export"),
    ],
)
def test_what_does_not_go_together_is_an_error(
    newsclf: Cli, archive: Path, options: tuple[object, ...], said: str
) -> None:
    given = ("deploy", "--archive", archive, "--instance", "ml.c5.large", "--region", REGION)
    result = newsclf(*given, *options)

    assert result.exit_code == 2
    assert said in result.err
