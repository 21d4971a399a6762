"""Roles, boundaries and tags of the user's own: what can be named, and what of it is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from newsclf.common.account_rules import AccountRules
from newsclf.deploy.records import AwsSpec
from tests.conftest import Cli

ROLE = "arn:aws:iam::123456789012:role/teams/news/execution"
BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"


@pytest.mark.parametrize(
    "tags",
    [
        {"cost-center": "1234"},
        {"Überschrift": "naïve value / with: every = sign + that - is @ allowed_"},
        {"k" * 128: "v" * 256},
        {f"key-{i}": "" for i in range(48)},
    ],
)
def test_tags_that_every_service_takes(tags: dict[str, str]) -> None:
    assert AccountRules(tags=tags).tags == tags


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({"aws:owner": "me"}, "is reserved"),
        ({"AWS:owner": "me"}, "is reserved"),
        ({"newsclf:deployment": "other"}, "is reserved"),
        ({"k" * 129: "v"}, "too long"),
        ({"key": "v" * 257}, "too long"),
        ({"": "v"}, "too long"),
        ({"key": "semi;colon"}, "may hold letters"),
        ({"line\nbreak": "v"}, "may hold letters"),
        ({f"key-{i}": "v" for i in range(49)}, "AWS takes 48"),
    ],
)
def test_tags_that_some_service_refuses(tags: dict[str, str], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        AccountRules(tags=tags)


def test_what_is_not_said_stays_as_it_was() -> None:
    earlier = AccountRules(role=ROLE, tags={"team": "news"})

    assert AccountRules().over(earlier) == earlier
    assert AccountRules(tags={"team": "other"}).over(earlier).role == ROLE
    assert AccountRules(tags={"team": "other"}).over(earlier).tags == {"team": "other"}


def test_a_record_without_rules_is_read() -> None:
    """As versions before this one wrote them."""
    assert AwsSpec.model_validate({"image": "i"}).rules == AccountRules()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--role", "execution"], "--role execution: expected a role such as arn:aws:iam::"),
        (["--role", BOUNDARY], "expected a role such as arn:aws:iam::"),
        (["--permissions-boundary", ROLE], "expected a policy such as arn:aws:iam::"),
        (["--tag", "team"], "--tag team: expected NAME=VALUE"),
        (["--tag", "aws:team=news"], "--tag: the tag 'aws:team' is reserved"),
        (["--tag", "team=a", "--tag", "team=b"], "a key is given twice"),
    ],
)
@pytest.mark.parametrize(
    "command",
    [
        ["deploy", "--instance", "ml.c5.large"],
        ["wire-api"],
        ["loadtest"],
        ["train", "--on", "sagemaker", "--instance", "ml.m5.xlarge"],
    ],
)
def test_what_cannot_be_a_rule_is_told_by_every_command(
    newsclf: Cli, command: list[str], options: list[str], said: str
) -> None:
    result = newsclf(*command, *options)

    assert result.exit_code == 2
    assert said in result.err


def test_rules_come_from_a_settings_file_too(newsclf: Cli, tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('[aws]\nrole = "nobody"\n', encoding="utf-8")
    result = newsclf("deploy", "--instance", "ml.c5.large", "--config", file)

    assert result.exit_code == 2
    assert f"aws.role = nobody in {file}: expected a role such as" in result.err
