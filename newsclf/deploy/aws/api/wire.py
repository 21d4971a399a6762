"""Put the API before an endpoint, and see that it lets in whom it must, and nobody else."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
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
from newsclf.common.files import write_private
from newsclf.common.state_dir import writing
from newsclf.deploy.aws.address import address_of, read_key
from newsclf.deploy.aws.api.concurrency import within_account
from newsclf.deploy.aws.api.resources import ApiSpec, api_resources, unwanted
from newsclf.deploy.aws.api.routes import ROUTES
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.endpoint.smoke import HEADLINES
from newsclf.deploy.aws.iam.role import check_rules
from newsclf.deploy.aws.walk.journal import Journal
from newsclf.deploy.client import classify
from newsclf.deploy.credentials import key_config
from newsclf.deploy.http_client import client_for
from newsclf.deploy.records import AwsApi, AwsDeployment
from newsclf.deploy.store import Deployments

_SMOKE_TEST_S = 90.0
"""So long it may take until a new host name, role and permission are known everywhere."""
_ASK_S = 35.0
_REFUSALS = (401, 403)


def wire_api(
    state_dir: Path,
    clients: Clients,
    name: str,
    spec: ApiSpec,
    *,
    say: Callable[[str], None],
    rules: AccountRules = NO_RULES,
) -> AwsDeployment:
    """Create or update the API of a deployment, and wait until it answers as it must.

    What another kind of authentication had is taken away when nothing needs it any more. With
    `api-key`, a key is made if there is none, and the spec gets its hash.

    Args:
        state_dir: Where the deployment is recorded.
        clients: Of the deployment's region and profile.
        name: The deployment's.
        spec: How the API is wanted.
        say: Is told what happens, a line at a time.
        rules: What the account demands; what they do not say is as it was, or as the deployment's.

    Raises:
        StateError: there is no such deployment, its endpoint is not in service, the credentials are
            of another account, or another command is at work on it.
        TargetError: AWS refused, or the API does not answer as it must.
        ServiceError: AWS can't be reached, is busy, or failed.
        InterruptedRunError: Ctrl-C; what was made is recorded.
    """
    deployments = Deployments(state_dir)
    with deployments.locked(name):
        journal = Journal(deployments, deployments.get_of(AwsDeployment, name))
        key_file = journal.deployment.key_file
        _require_endpoint(clients, journal.deployment)
        names = _names(journal.deployment, rules)
        check_rules(names)
        spec = within_account(clients, names, spec, say)
        if spec.auth == "api-key":
            deployments.files.create("run", name)
            spec = replace(spec, key_sha256=_key_sha256(key_file))
        try:
            url = _apply(clients, names, journal, spec, say)
            if spec.auth != "api-key":
                with writing(key_file):
                    key_file.unlink(missing_ok=True)
            api = AwsApi(url=url, auth=spec.auth, rules=names.rules)
            journal.save(api=api)
            _test(clients, journal.deployment, api)
        except KeyboardInterrupt:
            raise InterruptedRunError(
                f"stopped; what was made of the API of '{name}' is there",
                hint=f"newsclf wire-api --deployment {name} goes on;"
                f" newsclf teardown --deployment {name} removes it",
            ) from None
    return journal.deployment


def _names(deployment: AwsDeployment, rules: AccountRules) -> Names:
    """The names under which the API is made, with the rules that hold for it."""
    earlier = (deployment.api and deployment.api.rules) or deployment.spec.rules
    return replace(Names.of(deployment), rules=rules.over(earlier))


def _apply(
    clients: Clients, names: Names, journal: Journal, spec: ApiSpec, say: Callable[[str], None]
) -> str:
    """Make what is wanted, take away what is not; returns the API's address."""
    deployment = journal.deployment
    ids: dict[str, str] = {}
    for resource in api_resources(clients, names, spec, deployment.model_digest):
        look = resource.look()
        found = look.found
        if look.action != "keep":
            say(f"{look.action} {resource.kind} {resource.name}")
            journal.creating(resource)
            found = resource.ensure()
        journal.ready(resource, found)
        ids.update(found)
    for remains in reversed(unwanted(clients, names, spec)):
        if remains.exists():
            say(f"delete {remains.kind} {remains.name}")
            journal.deleting(remains)
            remains.delete()
        if journal.find(remains.kind) is not None:
            journal.gone(remains)
    return ids["url"]


def _key_sha256(key_file: Path) -> str:
    """The hash of the API key in a file, hexadecimal; a key is made if there is none."""
    try:
        key = read_key(key_file)
    except StateError:
        key = secrets.token_urlsafe(32)
        with writing(key_file):
            write_private(key_file, key_config(key))
    return hashlib.sha256(key.encode()).hexdigest()


def _require_endpoint(clients: Clients, deployment: AwsDeployment) -> None:
    if deployment.account != clients.account:
        raise StateError(
            f"'{deployment.name}' is in the account {deployment.account}, but these credentials"
            f" are of {clients.account}",
            hint="set AWS_PROFILE to the profile of that account",
        )
    names = Names.of(deployment)
    found = clients.find(
        "sagemaker",
        "describe_endpoint",
        doing=f"looking at the endpoint {names.endpoint}",
        EndpointName=names.endpoint,
    )
    status = found["EndpointStatus"] if found else "not there"
    if status not in ("InService", "Updating", "SystemUpdating", "RollingBack"):  # these answer
        raise StateError(
            f"the endpoint {names.endpoint} is {status}, and an API needs one that answers",
            hint="newsclf status; newsclf deploy brings it up",
        )


def _test(clients: Clients, deployment: AwsDeployment, api: AwsApi) -> None:
    problem: str | None = None

    def look() -> bool | None:
        nonlocal problem
        problem = _open_to_strangers(api) or _closed_to_us(clients, deployment, api)
        return True if problem is None else None

    if clients.clock.until(look, at_most_s=_SMOKE_TEST_S) is None:
        raise TargetError(
            f"the API at {api.url} does not answer as it must: {problem}",
            hint=f"newsclf logs --deployment {deployment.name} --api; newsclf wire-api tries again,"
            f" newsclf teardown --deployment {deployment.name} removes it",
        )


def _open_to_strangers(api: AwsApi) -> str | None:
    """What is wrong with the answer to somebody without a credential."""
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
    """What is wrong with the answer to somebody with the credential."""
    if api.auth == "jwt":  # only the issuer has tokens
        return None
    try:
        classify(address_of(deployment, clients), HEADLINES)
    except (RequestRejectedError, ServiceError) as error:
        return error.message
    return None
