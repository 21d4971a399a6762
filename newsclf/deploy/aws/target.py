"""Deploy a model on AWS, look after it, and take it away again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from newsclf.common.account_rules import NO_RULES
from newsclf.common.errors import InterruptedRunError, NewsclfError, StateError
from newsclf.costs.prices import PriceBook
from newsclf.deploy.aws.address import endpoint_address
from newsclf.deploy.aws.api.function_model import FunctionModel
from newsclf.deploy.aws.api.resources import api_remains
from newsclf.deploy.aws.bucket import Archive, Bucket
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.errors import RefusedError, is_denied
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.endpoint.config import VARIANT
from newsclf.deploy.aws.endpoint.endpoint import Endpoint, running_count
from newsclf.deploy.aws.endpoint.failure import interrupted
from newsclf.deploy.aws.endpoint.quota import check_endpoint_quota
from newsclf.deploy.aws.iam.role import check_rules, without_replaced
from newsclf.deploy.aws.jobs.recommender import RecommenderRequest, StartedJob, recommending
from newsclf.deploy.aws.log_group import LogGroup
from newsclf.deploy.aws.metrics import EndpointMetrics
from newsclf.deploy.aws.resources import (
    endpoint_leftovers,
    endpoint_remains,
    endpoint_resources,
    endpoint_unwanted,
    model_resources,
)
from newsclf.deploy.aws.status import AwsStatus, look_at
from newsclf.deploy.aws.walk import discovery
from newsclf.deploy.aws.walk.journal import Journal
from newsclf.deploy.aws.walk.plan import Plan, Step, planned
from newsclf.deploy.aws.walk.resource import Look, Remains, Resource
from newsclf.deploy.client import Address
from newsclf.deploy.package.build import Package
from newsclf.deploy.records import AwsDeployment, AwsSpec
from newsclf.deploy.store import Deployments, is_deployment_name

_LATE_LINES_S = 30
"""SageMaker goes on writing for "some seconds" after an endpoint is gone, into a log group that it
makes anew if the role may (apache/airflow#29581)."""
Say = Callable[[str], None]
"""Is told what happens, a line at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Desired state of a deployment."""

    name: str
    package: Package
    spec: AwsSpec
    endpoint: bool = True
    """False: only the model, which costs nothing."""
    force: bool = False
    """Whether to go on with an update of the endpoint although its alarm rises."""


class AwsTarget:
    """Deployments in one account and region, recorded in a state directory."""

    def __init__(self, state_dir: Path, clients: Clients, *, say: Say = lambda _: None) -> None:
        """Nothing is called yet.

        Args:
            state_dir: Where deployments are recorded.
            clients: Of the account and region.
            say: Is told how it goes on.
        """
        self._deployments = Deployments(state_dir)
        self._clients = clients
        self._say = say

    @property
    def region(self) -> str:
        """Where."""
        return self._clients.region

    def check_credentials(self) -> None:
        """Raise CredentialsError if there are none, TargetError if AWS does not accept them.

        ServiceError: it can't be reached.
        """
        _ = self._clients.account

    def names_of(self, name: str) -> Names:
        """The names of a deployment's resources; ConfigError if it is no name."""
        known = self._deployments.find(name)
        rules = known.spec.rules if isinstance(known, AwsDeployment) else NO_RULES
        return Names(name, self._clients.account, self._clients.region, rules)

    def get(self, name: str) -> AwsDeployment:
        """A deployment; StateError if none of this name is recorded."""
        return self._deployments.get_of(AwsDeployment, name)

    def address(self, name: str) -> Address:
        """Where the endpoint of a deployment takes requests; TargetError without credentials."""
        return endpoint_address(self._clients, self.names_of(name))

    def instance_count(self, name: str) -> int:
        """How many instances a deployment has; as many as were wanted, if AWS does not tell."""
        try:
            found = Endpoint(self._clients, self.names_of(name)).find()
        except NewsclfError:  # such as without credentials, where only the API is asked, with a key
            found = None
        return running_count(found or {}) or self.get(name).spec.min_instances

    def metrics(self, name: str) -> EndpointMetrics:
        """What CloudWatch knows of the endpoint of a deployment."""
        return EndpointMetrics(self._clients, self.names_of(name).endpoint, VARIANT)

    def recommending(
        self, name: str, request: RecommenderRequest
    ) -> AbstractContextManager[StartedJob]:
        """Run SageMaker's Inference Recommender on the model of a deployment; see there."""
        return recommending(self._clients, self.get(name), request, say=self._say)

    def plan(self, request: Request) -> Plan:
        """Look at what there is, and say what would have to change; changes nothing.

        Raises:
            StateError: the name is taken by a deployment elsewhere.
            ConfigError: it can't be had like that.
            TargetError: AWS refuses a look, or the quota is too small.
            ServiceError: AWS can't be reached, is busy, or failed.
        """
        names = self.names_of(request.name)
        known = self._deployments.find_of(AwsDeployment, request.name)
        spec = _kept(request.spec, known)
        names = replace(names, rules=spec.rules)
        check_rules(names)
        here = (names.account, names.region)
        if known is not None and (known.account, known.region) != here:
            raise StateError(
                f"'{known.name}' is deployed in {known.region} of account {known.account}",
                hint=f"newsclf teardown --deployment {known.name}, or take another name",
            )
        deployment = AwsDeployment(
            name=request.name,
            target="aws",
            created=known.created if known else datetime.now(UTC).isoformat(timespec="seconds"),
            region=names.region,
            profile=self._clients.profile,
            account=names.account,
            model=request.package.source.resolve(),
            model_digest=request.package.contents.model_digest,
            folder=self._deployments.folder(request.name),
            spec=spec,
            journal=known.journal if known else (),
            api=known.api if known else None,
        )
        archive = Archive(request.package.path, request.package.sha256)
        if not request.endpoint:
            needed = model_resources(self._clients, names, spec, archive, self._say)
            return planned(deployment, without_replaced(needed, names))
        wanted = endpoint_resources(
            self._clients, names, spec, archive, self._say, force=request.force
        )
        leftovers = endpoint_leftovers(self._clients, names, wanted)
        if deployment.api is not None:
            wanted = [*wanted, FunctionModel(self._clients, names, deployment.model_digest)]
        unwanted = endpoint_unwanted(self._clients, names, spec)
        plan = planned(deployment, wanted, unwanted, leftovers)
        warning = check_endpoint_quota(self._clients, plan)
        if warning is not None:
            self._say(warning)
        return plan

    def unchecked_steps(self, name: str, spec: AwsSpec) -> Sequence[Step]:
        """What a deployment takes where there is nothing of it yet; AWS is not asked.

        The names of the resources are not the real ones: they depend on the account and the model.
        """
        names = Names(name, "ACCOUNT", self.region, spec.rules)
        wanted = endpoint_resources(
            self._clients, names, spec, Archive(Path("model.tar.gz"), ""), self._say
        )
        return [Step(each, _unchecked(each)) for each in wanted]

    def apply(self, plan: Plan) -> AwsDeployment:
        """Carry a plan out, and record each step before and after it.

        Raises:
            StateError: another command is at work on the deployment.
            TargetError: AWS refused, or the endpoint did not come up; what there is, is recorded.
            ServiceError: AWS can't be reached, is busy, or failed.
            InterruptedRunError: Ctrl-C.
        """
        name = plan.deployment.name
        with self._deployments.locked(name):
            wanted = plan.deployment
            known = self._deployments.find_of(AwsDeployment, name)
            # Until all of it is there, what is recorded is what serves.
            journal = Journal(self._deployments, known or wanted)
            try:
                self._delete(plan.removals, journal)
                self._ensure([step.resource for step in plan.steps], journal)
                journal.save(
                    model=wanted.model,
                    model_digest=wanted.model_digest,
                    spec=wanted.spec,
                    profile=wanted.profile,
                )
                self._delete(plan.leftovers, journal)
            except KeyboardInterrupt:
                raise interrupted(journal.deployment, wanted.spec) from None
        return journal.deployment

    def _delete(self, unwanted: Sequence[Remains], journal: Journal) -> None:
        for remains in unwanted:
            self._say(f"delete {remains.kind} {remains.name}")
            journal.deleting(remains)
            remains.delete()
            journal.gone(remains)

    def _ensure(self, resources: Sequence[Resource], journal: Journal) -> None:
        for resource in resources:
            look = resource.look()  # again: the steps before it may have changed what it needs
            ids = look.found
            # One that is there may still not have been seen to work.
            if look.action != "keep" or journal.is_begun(resource):
                self._say(f"{look.action} {resource.kind} {resource.name}")
                journal.creating(resource)
                ids = resource.ensure()
            journal.ready(resource, ids)

    def teardown(self, name: str) -> list[str]:
        """Delete all that a deployment has, known or not, and see that nothing is left.

        Returns:
            What was deleted; nothing if there was nothing.

        Raises:
            StateError: another command is at work on it.
            NewsclfError: something is left; it says what, and why.
            InterruptedRunError: Ctrl-C; what was not deleted yet is still there.
        """
        try:
            return self._teardown(self.names_of(name))
        except KeyboardInterrupt:
            raise InterruptedRunError(
                f"stopped; what is left of '{name}' stays, and an endpoint goes on billing",
                hint=f"newsclf teardown --deployment {name} --region {self.region} goes on;"
                " newsclf status",
            ) from None

    def _teardown(self, names: Names) -> list[str]:
        name = names.deployment
        with self._deployments.locked(name):
            known = self._deployments.find_of(AwsDeployment, name)
            journal = Journal(self._deployments, known) if known else None
            # The endpoint goes before what it needs, and all that stands before it first.
            remains = self._remains(names, journal)
            removed, problems = self._remove(list(reversed(remains)), journal)
            if f"endpoint {names.endpoint}" in removed:
                logs = [each for each in remains if isinstance(each, LogGroup)]
                self._say(f"waiting {_LATE_LINES_S} s for the endpoint's last log lines")
                self._clients.clock.sleep(_LATE_LINES_S)
                problems += self._remove(logs, journal)[1]
            left = [each for each in remains if self._is_left(each, problems)]
            stray = discovery.stray_arns(self._clients, names) if not left else []
            if left or stray:
                lines = [f"{each.kind} {each.name}" for each in left] + stray
                raise NewsclfError(
                    "\n  ".join([f"of '{name}' is left:", *lines, *problems]),
                    hint=f"newsclf teardown --deployment {name} --region {names.region}"
                    " tries it again",
                )
            for path in self._deployments.remove(name):
                self._say(f"{path} was left in place: newsclf did not write it")
        return removed

    def _remove(
        self, remains: Sequence[Remains], journal: Journal | None
    ) -> tuple[list[str], list[str]]:
        """Delete one after the other; a refusal does not keep the others from being deleted.

        But without the endpoint gone, or a job ended, nothing that it needs is touched.
        """
        removed, problems = [], []
        for each in remains:
            if journal:
                journal.deleting(each)
            try:
                if each.delete():
                    self._say(f"deleted {each.kind} {each.name}")
                    removed.append(f"{each.kind} {each.name}")
                if journal:
                    journal.gone(each)
            except NewsclfError as error:
                problems.append(error.message)
                if each.kind in {"endpoint", "recommender job", "training job"}:
                    break
        return removed, problems

    @staticmethod
    def _is_left(each: Remains, problems: list[str]) -> bool:
        try:
            return each.exists()
        except NewsclfError as error:
            problems.append(error.message)
            return True  # as long as it is not known to be gone

    def log(self, name: str, lines: int, *, api: bool) -> list[str]:
        """The last lines that the endpoint's containers wrote, or with `api` the function."""
        group = self.log_group(name, api=api)
        return LogGroup(self._clients, self.names_of(name), group).last_lines(lines)

    def log_group(self, name: str, *, api: bool) -> str:
        """The name of the log group of the endpoint's containers, or with `api` the function's."""
        names = self.names_of(name)
        return names.function_log(names.endpoint) if api else names.endpoint_log

    def status(self, prices: PriceBook) -> list[AwsStatus]:
        """Every deployment of the account and region, found by tag or recorded here."""
        here = (self._clients.account, self._clients.region)
        found, _ = self._deployments.load()
        recorded = {
            each.name: each
            for each in found
            if isinstance(each, AwsDeployment) and (each.account, each.region) == here
        }
        return [
            look_at(
                self._clients,
                self.names_of(name),
                prices,
                recorded=name in recorded,
                api=api.url if name in recorded and (api := recorded[name].api) else None,
            )
            for name in sorted(self.found(known=recorded) | set(recorded))
        ]

    def found(self, known: Collection[str] = ()) -> set[str]:
        """The names of all deployments that have anything here, recorded or not.

        Args:
            known: Names that need no proof, since they are recorded.
        """
        try:
            by_role = discovery.by_role(self._clients)
        except RefusedError as error:  # such as where the user brings a role of their own
            if not is_denied(error):
                raise
            self._say(f"a deployment of which only a role is left is not seen: {error.message}")
            by_role = set()
        by_tag = discovery.by_tag(self._clients)
        return {
            name
            for name in by_role | set(by_tag)
            if is_deployment_name(name)
            and (name in by_role or name in known or self._is_there(name, by_tag[name]))
        }

    def _is_there(self, name: str, arns: Iterable[str]) -> bool:
        """Whether anything of what carries a deployment's tag still exists."""
        if any(discovery.is_stray(arn) for arn in arns):
            return True
        remains = reversed(self._remains(self.names_of(name), None))  # the endpoint comes soon
        return any(self._is_left(each, []) for each in remains if not isinstance(each, Bucket))

    def _remains(self, names: Names, journal: Journal | None) -> Sequence[Remains]:
        """All that a deployment can have, in the order of creation.

        One with a role of the user's own has none of ours, and maybe no right to look for them,
        unless it had one before.
        """
        every: Sequence[Remains] = [
            *endpoint_remains(self._clients, names, self._say),
            *api_remains(self._clients, names),
        ]
        ours = without_replaced(every, names)
        return [each for each in every if each in ours or (journal and journal.find(each.kind))]


def _unchecked(resource: Resource) -> Look:
    wanted = resource.wanted if isinstance(resource, Endpoint) else None
    return Look("create", wanted.detail, wanted.usd_per_hour) if wanted else Look("create")


def _kept(spec: AwsSpec, known: AwsDeployment | None) -> AwsSpec:
    """A spec with the rules of the account; those that are not given are as they were."""
    if known is None:
        return spec
    return spec.model_copy(update={"rules": spec.rules.over(known.spec.rules)})
