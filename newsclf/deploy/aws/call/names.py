"""Names, ARNs and tags of everything that a deployment has on AWS, derived from its name.

Names that are known beforehand make every step repeatable: what exists is looked up by name, and
what a lost state file knew is found again. API Gateway's and Scheduler's own ids are the exception;
those are found by name and tag.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from newsclf.common.account_rules import NO_RULES, AccountRules

PREFIX = "newsclf"
TAG = "newsclf:deployment"
TRAINING_LOG = "/aws/sagemaker/TrainingJobs"
"""The log group of all training jobs of an account and region; SageMaker makes it."""
RolePurpose = Literal["endpoint", "api", "authorizer", "schedule", "training"]
_ROLES: dict[RolePurpose, str] = {
    "endpoint": "ep",
    "api": "fn",
    "authorizer": "au",
    "schedule": "ttl",
    "training": "tr",
}
"""Purpose of a role → end of its name."""


@dataclass(frozen=True, slots=True)
class Names:
    """Names of one deployment's resources; those on SageMaker have at most 63 characters."""

    deployment: str
    """At most 40 lower-case letters, digits and hyphens."""
    account: str
    region: str
    rules: AccountRules = NO_RULES
    """What the account demands of everything with these names."""

    @property
    def tags(self) -> dict[str, str]:
        """The tags of everything that the deployment has."""
        return {**self.rules.tags, TAG: self.deployment, "newsclf:managed": "true"}

    @property
    def bucket(self) -> str:
        """Shared by all deployments of an account and region."""
        return f"{PREFIX}-{self.account}-{self.region}"

    @property
    def endpoint(self) -> str:
        """The endpoint, the function, the API and whatever else there is one of."""
        return f"{PREFIX}-{self.deployment}"

    def role(self, purpose: RolePurpose) -> str:
        """A role of ours; IAM is global, so the region is in the name."""
        return f"{self.endpoint}-{short_region(self.region)}-{_ROLES[purpose]}"

    @property
    def is_training(self) -> bool:
        """Whether it belongs to `newsclf train`, by the form of its name."""
        return re.fullmatch("train-[0-9a-f]{12}", self.deployment) is not None

    @property
    def authorizer(self) -> str:
        """The function that checks API keys; deployments' names have no underscore."""
        return f"{self.endpoint}_auth"

    @property
    def teardown(self) -> str:
        """The command that removes everything of the deployment, for hints."""
        return f"newsclf teardown --deployment {self.deployment} --region {self.region}"

    def role_arn(self, role: str) -> str:
        """The ARN of a role, or of the user's own, which replaces all of ours."""
        return self.rules.role or f"arn:aws:iam::{self.account}:role/{role}"

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a regional resource, such as `endpoint/newsclf-news` of `sagemaker`."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    @property
    def endpoint_log(self) -> str:
        """The endpoint's log group, which SageMaker makes."""
        return f"/aws/sagemaker/Endpoints/{self.endpoint}"

    @property
    def api_log(self) -> str:
        """The log group of the API's access log.

        API Gateway is let in by one policy of the account, in which each log group takes some of
        its 5,120 characters for good, except below this prefix (CloudWatch Logs' guide).
        """
        return f"/aws/vendedlogs/apigateway/{self.endpoint}"

    def function_log(self, function: str) -> str:
        """The log group of a function."""
        return f"/aws/lambda/{function}"


def short_region(region: str) -> str:
    """A short name: `apse1` for `ap-southeast-1`; role names have at most 64 characters."""
    area, direction, number = region.rsplit("-", 2)
    letters = "".join(part[0] for part in re.findall("north|south|east|west|central", direction))
    return f"{area.replace('-', '')}{letters}{number}"
