"""Check AWS connectivity, identity and permissions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from newsclf.common.errors import CredentialsError, NewsclfError
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.iam.policy import COMMANDS, statements
from newsclf.deploy.diagnostics.machine import Check, State, check_reachable

_SHOWN = 4
"""Number of denied actions that are named; the policy names all."""


def check_aws(clients: Clients, role: str | None = None) -> Iterator[Check]:
    """Check connectivity, then credentials, then permissions, until a check fails.

    Args:
        role: ARN of a role for SageMaker; with one, most permissions on roles are not needed.
    """
    try:
        url = clients.client("sts").meta.endpoint_url
        reachable = check_reachable("AWS", url, todo="check the network; AWS needs it")
        yield reachable
        if reachable.state != "ok":
            return
        caller = clients.call("sts", "get_caller_identity", doing="asking AWS who this is")
    except NewsclfError as error:
        state: State = "absent" if isinstance(error, CredentialsError) else "wrong"
        yield Check("credentials", state, error.message, error.hint or "aws configure")
        return
    yield Check("credentials", "ok", caller["Arn"])
    yield from _permissions(clients, caller["Arn"], caller["Account"], role)


def _permissions(clients: Clients, caller: str, account: str, role: str | None) -> Iterator[Check]:
    """Check the permissions of each command with IAM's policy simulator."""
    if caller.endswith(":root"):
        detail = "the account's root may do everything"
        yield Check("permissions", "ok", detail, "better a user or a role: newsclf policy")
        return
    try:
        source = _role_of(clients, caller)
        denied = set(_denied(clients, source, account, role))
    except NewsclfError as error:
        yield Check("permissions", "unknown", error.message, error.hint or "newsclf policy")
        return
    for command in COMMANDS:
        needed = {action for each in statements([command], role=role) for action in each.actions}
        lacking = sorted(denied & needed)
        more = f" and {len(lacking) - _SHOWN} more" if len(lacking) > _SHOWN else ""
        yield Check(
            f"may {command}",
            "absent" if lacking else "ok",
            f"not {', '.join(lacking[:_SHOWN])}{more}" if lacking else "all that it needs",
            f"newsclf policy {command}{f' --role {role}' if role else ''}" if lacking else "",
        )


def _role_of(clients: Clients, caller: str) -> str:
    """ARN of the caller for the simulator: of the role itself instead of its session.

    It comes from IAM, since a session's ARN lacks the path of its role, which all SSO roles have.
    """
    session = re.fullmatch(r"arn:aws:sts::\d+:assumed-role/([^/]+)/.*", caller)
    if session is None:
        return caller
    found = clients.call(
        "iam", "get_role", doing="looking at the role of these credentials", RoleName=session[1]
    )
    return str(found["Role"]["Arn"])


def _denied(clients: Clients, source: str, account: str, role: str | None) -> Iterator[str]:
    """Actions of all commands that the simulator denies."""
    for statement in statements(COMMANDS, region=clients.region, account=account, role=role):
        results = clients.listed(
            "iam",
            "simulate_principal_policy",
            "EvaluationResults",
            doing="asking IAM what these credentials may do",
            PolicySourceArn=source,
            ActionNames=list(statement.actions),
            ResourceArns=[
                each.replace("*", "x") if each != "*" else "*" for each in statement.resources[:1]
            ],
            ContextEntries=statement.context_entries(),
        )
        yield from (r["EvalActionName"] for r in results if r["EvalDecision"] != "allowed")
