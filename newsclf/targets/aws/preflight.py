"""What is worth knowing before the first change: may this account have such an instance at all?"""

from __future__ import annotations

from newsclf.core.errors import NewsclfError, TargetError
from newsclf.targets.aws.clients import Clients


def check_quota(
    clients: Clients, instance: str, count: int, *, usage: str = "endpoint usage"
) -> str | None:
    """Compare the account's quota for an instance type with what is wanted.

    What is in use of it already is not counted.

    Args:
        usage: As Service Quotas names it: `endpoint usage`, `training job usage`, `spot training
            job usage`.

    Returns:
        Why nothing can be said, if so.

    Raises:
        TargetError: the quota is too small.
    """
    wanted = f"{instance} for {usage}"
    doing = f"reading the quota for {instance}"
    try:
        quotas = clients.listed(
            "service-quotas", "list_service_quotas", "Quotas", doing=doing, ServiceCode="sagemaker"
        )
        found = next((quota for quota in quotas if quota["QuotaName"] == wanted), None)
    except NewsclfError as error:
        return error.message  # AWS refuses by itself if the quota is too small
    if found is None:
        return f"AWS tells no quota of the name '{wanted}'"
    if found["Value"] < count:
        raise TargetError(
            f"the quota '{wanted}' is {found['Value']:g} in {clients.region}, and {count} wanted",
            hint="aws service-quotas request-service-quota-increase --service-code sagemaker"
            f" --quota-code {found['QuotaCode']} --desired-value {count} --region {clients.region}",
        )
    return None
