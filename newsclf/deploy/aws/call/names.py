"""The name, ARN and tags of everything that a deployment has on AWS, from the deployment's name.

Names that can be told beforehand make every step repeatable: what exists is looked up by name, and
what a lost state file knew is found again. API Gateway's and Scheduler's own ids are the exception;
those are found by name and tag.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from newsclf.common.account_rules import NO_RULES, AccountRules
from newsclf.deploy.records import AwsDeployment

PREFIX = "newsclf"
TAG = "newsclf:deployment"
TRAINING_LOG = "/aws/sagemaker/TrainingJobs"
"""The log group of all training jobs of an account and region; SageMaker makes it."""


@dataclass(frozen=True, slots=True)
class Names:
    """Of one deployment; SageMaker's have at most 63 characters, as it wants."""

    deployment: str
    """At most 40 lower-case letters, digits and hyphens."""
    account: str
    region: str
    rules: AccountRules = NO_RULES
    """What the account demands of all that is made under these names."""

    @classmethod
    def of(cls, deployment: AwsDeployment) -> Self:
        """The names of a recorded deployment."""
        rules = deployment.spec.rules
        return cls(deployment.name, deployment.account, deployment.region, rules)

    @property
    def tags(self) -> dict[str, str]:
        """What everything of the deployment carries."""
        return {**self.rules.tags, TAG: self.deployment, "newsclf:managed": "true"}

    @property
    def bucket(self) -> str:
        """Shared by all deployments of an account and region."""
        return f"{PREFIX}-{self.account}-{self.region}"

    @property
    def endpoint(self) -> str:
        """Also of the function, the API and what else there is one of."""
        return f"{PREFIX}-{self.deployment}"

    def model(self, digest: str) -> str:
        """A model of this content, so that another content is another model."""
        return f"{self.endpoint}-{digest[:12]}"

    def endpoint_config(self, digest: str) -> str:
        """A configuration of this content."""
        return f"{self.endpoint}-{digest[:12]}"

    def error_alarm(self, config: str) -> str:
        """The alarm that ends a bad update to a configuration of this name."""
        return f"{config}-errors"

    @property
    def endpoint_role(self) -> str:
        """IAM is global, so the region is in the name."""
        return f"{PREFIX}-{self.deployment}-{_short(self.region)}-ep"

    @property
    def function_role(self) -> str:
        """IAM is global, so the region is in the name."""
        return f"{PREFIX}-{self.deployment}-{_short(self.region)}-fn"

    @property
    def schedule_role(self) -> str:
        """IAM is global, so the region is in the name."""
        return f"{PREFIX}-{self.deployment}-{_short(self.region)}-ttl"

    @property
    def training_role(self) -> str:
        """IAM is global, so the region is in the name."""
        return f"{PREFIX}-{self.deployment}-{_short(self.region)}-tr"

    @property
    def is_training(self) -> bool:
        """Whether it is one of `newsclf train`, by the form of its name."""
        return re.fullmatch("train-[0-9a-f]{12}", self.deployment) is not None

    @property
    def training_job(self) -> str:
        """A managed training is a deployment of its own, with one job."""
        return self.endpoint

    @property
    def authorizer(self) -> str:
        """The function that checks API keys."""
        return f"{self.endpoint}-auth"

    @property
    def authorizer_role(self) -> str:
        """IAM is global, so the region is in the name."""
        return f"{PREFIX}-{self.deployment}-{_short(self.region)}-au"

    def role_arn(self, role: str) -> str:
        """The ARN of a role of ours, or of the user's own, which takes the place of all of ours."""
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


def _short(region: str) -> str:
    """`ap-southeast-1` as `apse1`, as AWS does: IAM role names have 64 characters at most."""
    area, direction, number = region.rsplit("-", 2)
    letters = "".join(part[0] for part in re.findall("north|south|east|west|central", direction))
    return f"{area.replace('-', '')}{letters}{number}"
