"""Put an API in front of an endpoint, and test that only authorised requests are answered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx

from newsclf.common.account_rules import NO_RULES, AccountRules
from newsclf.common.errors import (
    InterruptedRunError,
    RequestRejectedError,
    ServiceError,
    StateError,
    TargetError,
)
from newsclf.common.state_dir import writing
from newsclf.deploy.aws.address import address_of
from newsclf.deploy.aws.api.concurrency import within_account
from newsclf.deploy.aws.api.resources import ApiSpec, api_resources, api_undesired
from newsclf.deploy.aws.api.routes import ROUTES
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.scope import Scope
from newsclf.deploy.aws.endpoint.describe import describe_endpoint
from newsclf.deploy.aws.iam.role import check_rules
from newsclf.deploy.aws.walk.apply import ensure, remove
from newsclf.deploy.aws.walk.journal import Journal
from newsclf.deploy.client import classify
from newsclf.deploy.credentials import kept_key, key_digest
from newsclf.deploy.http_client import client_for
from newsclf.deploy.records import AwsApi, AwsDeployment
from newsclf.deploy.smoke_test import HEADLINES
from newsclf.deploy.store import Deployments

SMOKE_TEST_S = 90.0
"""How long it may take until a new host name, role and permission are known everywhere."""
_ASK_S = 35.0
_REFUSALS = (401, 403)


def wire_api(
    state_dir: Path,
    clients: Clients,
    name: str,
    spec: ApiSpec,
    *,
    rules: AccountRules = NO_RULES,
    smoke_test_s: float = SMOKE_TEST_S,
) -> AwsDeployment:
    """Create or update the API of a deployment, and wait until it answers correctly.

    What another kind of authentication needed is deleted when nothing needs it any more. With
    `api-key`, a key is created if it has no key yet, and the spec gets its hash.

    Args:
        rules: What the account demands; where they say nothing, the API's or else the deployment's
            count.
        smoke_test_s: How long the API may take until it answers correctly.

    Raises:
        StateError: there is no such deployment, its endpoint is not in service, the credentials are
            of another account, or another command is working on it.
        TargetError: AWS refused, or the API does not answer correctly.
        ServiceError: AWS can't be reached, is busy, or failed.
        InterruptedRunError: Ctrl-C; what was made is recorded.
    """
    deployments = Deployments(state_dir)
    with deployments.locked(name):
        journal = Journal(deployments, deployments.get_of(AwsDeployment, name))
        key_file = journal.deployment.key_file
        scope = _scope(clients, journal.deployment, rules)
        _require_endpoint(scope, journal.deployment)
        check_rules(scope.names)
        settings = spec.settings  # also where the account has no room for all of them today
        spec = within_account(scope, spec)
        if spec.auth == "api-key":
            deployments.files.create("run", name)
            spec = replace(spec, key_sha256=key_digest(kept_key(key_file)))
        try:
            ids = ensure(api_resources(scope, spec, journal.deployment.model_digest), journal)
            undesired = reversed(api_undesired(scope, spec))
            remove([e for e in undesired if journal.has(e) or e.exists()], journal).check()
            if spec.auth != "api-key":
                with writing(key_file):
                    key_file.unlink(missing_ok=True)
            api = AwsApi(url=ids["url"], auth=spec.auth, settings=settings, rules=scope.names.rules)
            journal.save(api=api)
            _test(clients, journal.deployment, api, smoke_test_s)
        except KeyboardInterrupt:
            raise InterruptedRunError(
                f"stopped; what was made of the API of '{name}' is there",
                hint=f"newsclf wire-api --deployment {name} resumes;"
                f" {scope.names.teardown} removes it",
            ) from None
    return journal.deployment


def _scope(clients: Clients, deployment: AwsDeployment, rules: AccountRules) -> Scope:
    """The names under which the API is made, with the rules that apply to it."""
    earlier = (deployment.api and deployment.api.rules) or deployment.spec.rules
    names = Scope.of(clients, deployment).names
    return Scope(clients, replace(names, rules=rules.over(earlier)))


def _require_endpoint(scope: Scope, deployment: AwsDeployment) -> None:
    scope.check_account()
    names = scope.names
    found = describe_endpoint(scope)
    status = found.status if found else "not there"
    if status not in ("InService", "Updating", "SystemUpdating", "RollingBack"):  # these answer
        command = "resume" if deployment.paused_since is not None else "deploy"
        raise StateError(
            f"the endpoint {names.endpoint} is {status}, and an API needs one that answers",
            hint=f"newsclf status; newsclf {command} brings it up",
        )


def _test(clients: Clients, deployment: AwsDeployment, api: AwsApi, at_most_s: float) -> None:
    problem: str | None = None

    def look() -> bool | None:
        nonlocal problem
        problem = _open_to_strangers(api) or _closed_to_us(clients, deployment, api)
        return True if problem is None else None

    if clients.clock.until(look, at_most_s=at_most_s) is None:
        raise TargetError(
            f"the API at {api.url} does not answer correctly: {problem}",
            hint=f"newsclf logs --deployment {deployment.name} --api; newsclf wire-api tries again,"
            f" newsclf teardown --deployment {deployment.name} removes it",
        )


def _open_to_strangers(api: AwsApi) -> str | None:
    """The problem if a request without a credential is not refused; None: it is."""
    if api.auth == "none":
        return None
    try:
        with client_for(api.url, timeout_s=_ASK_S) as client:
            for route in ROUTES:
                method, path = route.split()
                answer = client.request(method, f"{api.url}{path}")
                if answer.status_code not in _REFUSALS:
                    return f"{route} without a credential gives {answer.status_code}, not a refusal"
    except httpx.TransportError as error:
        return f"it cannot be reached ({type(error).__name__})"
    return None


def _closed_to_us(clients: Clients, deployment: AwsDeployment, api: AwsApi) -> str | None:
    """The problem if a request with the credential is not answered; None: it is."""
    if api.auth == "jwt":  # only the issuer has tokens
        return None
    try:
        classify(address_of(deployment, clients), HEADLINES)
    except (RequestRejectedError, ServiceError) as error:
        return error.message
    return None
