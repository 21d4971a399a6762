"""What is worth knowing before the first change: may this account have such an instance at all?"""

from __future__ import annotations

from newsclf.core.errors import NewsclfError, TargetError
from newsclf.targets.aws.clients import Clients


def check_quota(clients: Clients, instance: str, count: int) -> str | None:
    """Compare the account's quota for endpoints on an instance type with what is wanted.

    What other endpoints use of it is not counted.

    Returns:
        Why nothing can be said, if so.

    Raises:
        TargetError: the quota is too small.
    """
    wanted = f"{instance} for endpoint usage"
    doing = f"reading the quota for {instance}"
    try:
        quotas = clients.listed(
            "service-quotas", "list_service_quotas", "Quotas", doing=doing, ServiceCode="sagemaker"
        )
        found = next((quota for quota in quotas if quota["QuotaName"] == wanted), None)
    except NewsclfError as error:
        return error.message  # AWS refuses the endpoint itself if the quota is too small
    if found is None:
        return f"AWS tells no quota of the name '{wanted}'"
    if found["Value"] < count:
        raise TargetError(
            f"the quota '{wanted}' is {found['Value']:g} in {clients.region}, and {count} wanted",
            hint="aws service-quotas request-service-quota-increase --service-code sagemaker"
            f" --quota-code {found['QuotaCode']} --desired-value {count} --region {clients.region}",
        )
    return None
