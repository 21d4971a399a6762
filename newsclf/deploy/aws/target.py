"""Deploy a model on AWS, report on it, and remove it again."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from newsclf.common.account_rules import NO_RULES
from newsclf.common.errors import ConfigError, InterruptedRunError, NewsclfError, StateError
from newsclf.costs.prices import PriceBook
from newsclf.deploy.aws.address import address_of
from newsclf.deploy.aws.api.function import FunctionModel
from newsclf.deploy.aws.api.resources import api_deletables, desired_api
from newsclf.deploy.aws.api.wire import wire_api
from newsclf.deploy.aws.bucket import Archive, Bucket
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.errors import RefusedError, is_denied
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.call.scope import Scope
from newsclf.deploy.aws.endpoint.describe import describe_endpoint
from newsclf.deploy.aws.endpoint.end_of_life import Schedule
from newsclf.deploy.aws.endpoint.endpoint import Endpoint
from newsclf.deploy.aws.endpoint.failure import interrupted
from newsclf.deploy.aws.endpoint.quota import check_endpoint_quota
from newsclf.deploy.aws.export.template import Template, TemplateRequest, template
from newsclf.deploy.aws.iam.role import check_rules, without_replaced
from newsclf.deploy.aws.jobs.recommender import RecommenderRequest, StartedJob, recommending
from newsclf.deploy.aws.log_group import LogGroup
from newsclf.deploy.aws.metrics import EndpointMetrics
from newsclf.deploy.aws.pause import pause, resume
from newsclf.deploy.aws.resources import (
    endpoint_deletables,
    endpoint_orphans,
    endpoint_resources,
    endpoint_undesired,
    model_resources,
)
from newsclf.deploy.aws.status import AwsStatus, status_of
from newsclf.deploy.aws.walk import discovery
from newsclf.deploy.aws.walk.apply import ensure, remove
from newsclf.deploy.aws.walk.journal import Journal
from newsclf.deploy.aws.walk.plan import Plan, Step
from newsclf.deploy.aws.walk.resource import Deletable, PlannedChange, Resource
from newsclf.deploy.client import Address
from newsclf.deploy.hosting import Hosting
from newsclf.deploy.package.build import Package
from newsclf.deploy.records import ApiRequest, AwsDeployment, AwsSpec
from newsclf.deploy.store import Deployments, is_deployment_name

log = logging.getLogger(__name__)

_LATE_LINES_S = 30
"""SageMaker writes for "some seconds" after an endpoint is gone, into a log group that it
creates again if the role may (apache/airflow#29581)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Desired state of a deployment."""

    name: str
    package: Package
    spec: AwsSpec
    endpoint: bool = True
    """False: only the model, which costs nothing."""
    force: bool = False
    """Whether an update continues although the endpoint's alarm rises."""


class AwsTarget:
    """Deployments in one account and region, recorded in a state directory."""

    def __init__(self, state_dir: Path, clients: Clients) -> None:
        """Take the state directory and the clients of the account and region; nothing is called."""
        self._deployments = Deployments(state_dir)
        self._clients = clients

    @property
    def region(self) -> str:
        """The region of the deployments."""
        return self._clients.region

    def check_credentials(self) -> None:
        """Raise CredentialsError if no credentials are found, TargetError if AWS rejects them.

        ServiceError: it can't be reached.
        """
        _ = self._clients.account

    def _scope(self, name: str) -> Scope:
        known = self._deployments.find(name)
        rules = known.spec.rules if isinstance(known, AwsDeployment) else NO_RULES
        return Scope.named(self._clients, name, rules)

    def get(self, name: str) -> AwsDeployment:
        """Record of a deployment; StateError if the name is not recorded."""
        return self._deployments.get_of(AwsDeployment, name)

    def address(
        self,
        deployment: AwsDeployment,
        *,
        direct: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Address:
        """Address of the API or the endpoint; errors are those of `address_of`."""
        return address_of(deployment, self._clients, direct=direct, headers=headers)

    def hosting(self, deployment: AwsDeployment, *, direct: bool = False) -> Hosting:
        """What serves a deployment, and what it costs.

        The instances are as many as were desired, where AWS does not tell.
        """
        spec = deployment.spec
        try:
            found = describe_endpoint(self._scope(deployment.name))
        except NewsclfError:  # such as without credentials, where a key is enough for the API
            found = None
        running = found and found.running_count
        count = running or spec.min_instances
        return Hosting(
            kind="sagemaker" if deployment.api is None or direct else "api-gateway",
            instance=spec.instance or "serverless",
            region=deployment.region,
            instance_count=count,
            is_counted=bool(running),
            usd_per_hour=count * (spec.usd_per_hour or 0.0),
            figures=self.metrics(deployment.name).read,
        )

    def metrics(self, name: str) -> EndpointMetrics:
        """The CloudWatch metrics of a deployment's endpoint."""
        return EndpointMetrics(self._clients, self._scope(name).names.endpoint)

    def wire_api(self, name: str, request: ApiRequest) -> tuple[AwsDeployment, bool]:
        """Create or update the API; errors are those of `desired_api` and `api.wire.wire_api`.

        Returns:
            The deployment, and True, since an update may have changed anything.
        """
        spec = desired_api(request, self.get(name).api)
        state_dir = self._deployments.files.path
        return wire_api(state_dir, self._clients, name, spec, rules=request.rules), True

    def recommending(
        self, name: str, request: RecommenderRequest
    ) -> AbstractContextManager[StartedJob]:
        """Run SageMaker's Inference Recommender on the model of a deployment; see there."""
        return recommending(self._scope(name), self.get(name), request)

    def plan(self, request: Request) -> Plan:
        """Compare what there is with the desired state; changes nothing.

        Raises:
            StateError: the name is taken by a deployment elsewhere.
            ConfigError: it is not possible like that.
            TargetError: AWS refuses a look, or the quota is too small.
            ServiceError: AWS can't be reached, is busy, or failed.
        """
        known = self._deployments.find_of(AwsDeployment, request.name)
        spec = request.spec
        if known is not None:  # rules that are not given stay as they were
            spec = spec.model_copy(update={"rules": spec.rules.over(known.spec.rules)})
        scope = Scope.named(self._clients, request.name, spec.rules)
        names = scope.names
        check_rules(names)
        if known is not None:
            Scope.of(self._clients, known).check_account()
        if known is not None and known.region != names.region:
            raise StateError(
                f"'{known.name}' is deployed in {known.region}",
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
            needed = model_resources(scope, spec, archive)
            return Plan(scope, deployment, _steps(without_replaced(needed, names)))
        desired = endpoint_resources(scope, spec, archive, force=request.force)
        orphans = endpoint_orphans(scope, desired)
        if deployment.api is not None:
            desired = [*desired, FunctionModel(scope, deployment.model_digest)]
        undesired = tuple(each for each in endpoint_undesired(scope, spec) if each.exists())
        plan = Plan(scope, deployment, _steps(desired), undesired, tuple(orphans))
        warning = check_endpoint_quota(self._clients, plan)
        if warning is not None:
            log.warning(warning)
        return plan

    def unchecked_steps(self, name: str, spec: AwsSpec) -> Sequence[Step]:
        """The steps of a new deployment, without a look at AWS.

        The names of the resources are not the real ones: they depend on the account and the model.
        """
        scope = Scope(self._clients, Names(name, "ACCOUNT", self.region, spec.rules))
        desired = endpoint_resources(scope, spec, Archive(Path("model.tar.gz"), ""))
        return [Step(each, _unchecked(each)) for each in desired]

    def template(self, request: TemplateRequest) -> Template:
        """What a deployment would make, as a template; see `export.template.template`."""
        return template(self._clients, request)

    def apply(self, plan: Plan) -> AwsDeployment:
        """Apply a plan, and record each step before and after it.

        Raises:
            StateError: another command is working on the deployment.
            TargetError: AWS refused, or the endpoint did not come up; what there is, is recorded.
            ServiceError: AWS can't be reached, is busy, or failed.
            InterruptedRunError: Ctrl-C.
        """
        name = plan.deployment.name
        with self._deployments.locked(name):
            desired = plan.deployment
            known = self._deployments.find_of(AwsDeployment, name)
            # Until all of it is there, what is recorded is what serves.
            journal = Journal(self._deployments, known or desired)
            plan.scope.forget_all()  # time has passed since the plan
            try:
                remove(plan.removals, journal).check()
                ensure([step.resource for step in plan.steps], journal)
                journal.save(
                    model=desired.model,
                    model_digest=desired.model_digest,
                    spec=_with_end_of_life(plan.scope, desired.spec, known),
                    profile=desired.profile,
                    paused_since=None,
                    paused_config=None,
                )
                remove(plan.orphans, journal).check()
            except KeyboardInterrupt:
                raise interrupted(journal.deployment, desired.spec) from None
        return journal.deployment

    def pause(self, name: str) -> tuple[AwsDeployment, bool]:
        """Delete the endpoint and keep the rest; errors are those of `pause.pause`."""
        return pause(self._deployments, self._clients, name)

    def resume(self, name: str) -> tuple[AwsDeployment, bool]:
        """Create a paused deployment's endpoint again; errors are those of `pause.resume`."""
        return resume(self._deployments, self._clients, name)

    def teardown(self, name: str) -> bool:
        """Delete everything that a deployment has, recorded or not, and check that nothing is left.

        Returns:
            Whether there was anything to delete, be it a record.

        Raises:
            StateError: another command is working on it, or it is in another account.
            NewsclfError: something is left; it says what, and why.
            InterruptedRunError: Ctrl-C; what was not deleted yet is still there.
        """
        scope = self._scope(name)
        known = self._deployments.find(name)
        if isinstance(known, AwsDeployment):
            Scope.of(self._clients, known).check_account()
        try:
            is_recorded = known is not None
            return bool(self._teardown(scope)) or is_recorded
        except KeyboardInterrupt:
            raise InterruptedRunError(
                f"stopped; what is left of '{name}' stays, and an endpoint is still billed",
                hint=f"{scope.names.teardown} resumes; newsclf status",
            ) from None

    def _teardown(self, scope: Scope) -> list[str]:
        name = scope.names.deployment
        with self._deployments.locked(name):
            known = self._deployments.find_of(AwsDeployment, name)
            journal = Journal(self._deployments, known) if known else None
            # The endpoint is deleted before what it needs, and what is in front of it first.
            every = self._deletables(scope, journal)
            removal = remove(reversed(every), journal)
            problems = removal.problems
            if f"endpoint {scope.names.endpoint}" in removal.deleted:
                log.info("waiting %d s for the endpoint's last log lines", _LATE_LINES_S)
                scope.clock.sleep(_LATE_LINES_S)
                problems += remove([e for e in every if isinstance(e, LogGroup)], journal).problems
            left = [each for each in every if _is_left(each, problems)]
            stray = discovery.stray_arns(scope) if not left else []
            if left or stray:
                lines = [f"{each.kind} {each.name}" for each in left] + stray
                raise NewsclfError(
                    "\n  ".join(
                        [f"of '{name}' is left:", *lines, *(each.message for each in problems)]
                    ),
                    hint=f"{scope.names.teardown} tries it again",
                )
            for path in self._deployments.remove(name):
                log.info("%s was left in place: newsclf did not write it", path)
        return removal.deleted

    def log(
        self, deployment: AwsDeployment, lines: int, *, api: bool = False, follow: bool = False
    ) -> Iterator[str]:
        """The last lines of the log of the endpoint's containers, or of the API's function.

        Raises:
            ConfigError: They are to be followed, which newsclf does not do on AWS.
        """
        scope = self._scope(deployment.name)
        names = scope.names
        group = names.function_log(names.endpoint) if api else names.endpoint_log
        if follow:
            raise ConfigError(
                f"--follow: '{deployment.name}' is on AWS, whose logs newsclf does not follow",
                hint=f"aws logs tail {group} --follow --region {deployment.region}",
            )
        return iter(LogGroup(scope, group).last_lines(lines))

    def status(self, prices: PriceBook) -> list[AwsStatus]:
        """Every deployment of the account and region, found by tag or recorded here."""
        recorded = self._recorded()
        return [
            status_of(
                Scope.of(self._clients, recorded[name])
                if name in recorded
                else Scope.named(self._clients, name),
                prices,
                known=recorded.get(name),
            )
            for name in sorted(self.found(known=recorded) | set(recorded))
        ]

    def _recorded(self) -> dict[str, AwsDeployment]:
        """The deployments of the account and region that are recorded, by name."""
        here = (self._clients.account, self._clients.region)
        every = self._deployments.load().aws
        return {each.name: each for each in every if (each.account, each.region) == here}

    def unrecorded(self) -> set[str]:
        """The names of the deployments that have anything here and are not recorded."""
        recorded = self._recorded()
        return self.found(known=recorded) - set(recorded)

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
            log.warning(
                "deployments of which only a role is left are not listed: %s", error.message
            )
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
        scope = Scope.named(self._clients, name)  # a record, if there is one, is of elsewhere
        every = reversed(self._deletables(scope, None))  # the endpoint is near the end
        return any(_is_left(each, []) for each in every if not isinstance(each, Bucket))

    @staticmethod
    def _deletables(scope: Scope, journal: Journal | None) -> Sequence[Deletable]:
        """Everything that a deployment can have, in the order of creation.

        One with a role of the user's own has none of ours, and maybe no right to look for them,
        unless it had one before.
        """
        every: Sequence[Deletable] = [*endpoint_deletables(scope), *api_deletables(scope)]
        ours = without_replaced(every, scope.names)
        return [each for each in every if each in ours or (journal and journal.find(each.kind))]


def _steps(desired: Iterable[Resource]) -> tuple[Step, ...]:
    return tuple(Step(each, each.planned()) for each in desired)


def _is_left(each: Deletable, problems: list[NewsclfError]) -> bool:
    try:
        return each.exists()
    except NewsclfError as error:
        problems.append(error)
        return True  # as long as it is not known to be gone


def _unchecked(resource: Resource) -> PlannedChange:
    desired = resource.desired if isinstance(resource, Endpoint) else None
    if desired is None:
        return PlannedChange("create")
    return PlannedChange("create", desired.detail, desired.usd_per_hour)


def _with_end_of_life(scope: Scope, spec: AwsSpec, known: AwsDeployment | None) -> AwsSpec:
    """The end of life of an earlier deployment stays on AWS, and so in the record."""
    if known is None or spec.ttl_s is not None or known.spec.ttl_s is None:
        return spec
    stays = Schedule(scope).exists()
    return spec.model_copy(update={"ttl_s": known.spec.ttl_s}) if stays else spec
