"""boto3's exceptions as errors with the next command to type."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import botocore.exceptions as aws
from botocore.parsers import ResponseParserError

from newsclf.common.errors import CredentialsError, ServiceError, TargetError

_CREDENTIALS = (
    aws.NoCredentialsError,
    aws.PartialCredentialsError,
    aws.CredentialRetrievalError,
    aws.ProfileNotFound,
    aws.SSOError,
    aws.TokenRetrievalError,
    aws.UnauthorizedSSOTokenError,
)
NO_CREDENTIALS = (
    "no AWS credentials were found, neither in the environment nor in ~/.aws nor of this machine"
)
TO_LOG_IN = "aws configure or aws sso login, or name a profile with --profile or AWS_PROFILE"
_BAD_CREDENTIALS = {
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_DENIED = {"403", "AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}
_BUSY = {
    "RequestLimitExceeded",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}
_QUOTA = {
    "ResourceLimitExceeded",
    "LimitExceeded",
    "LimitExceededException",
    "ServiceQuotaExceededException",
}
_NOT_FOUND = {
    "404",
    "NoSuchBucket",
    "NoSuchEntity",
    "NoSuchKey",
    "NoSuchResourceException",
    "NoSuchTagSet",
    "NoSuchPublicAccessBlockConfiguration",
    "NotFound",
    "NotFoundException",
    "ObjectNotFoundException",
    "ResourceNotFound",
    "ResourceNotFoundException",
    "ServerSideEncryptionConfigurationNotFoundError",
}
_ALREADY_THERE = {
    "BucketAlreadyOwnedByYou",
    "EntityAlreadyExists",
    "ResourceAlreadyExistsException",
    "ResourceInUse",
}
_SERVER_ERROR = 500
_SAID_CHARS = 600
"""Characters of AWS's words that are shown; a refusal is a few lines, never more than this."""


class RefusedError(TargetError):
    """AWS understood the call and refused it."""

    def __init__(self, message: str, *, code: str, said: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        """AWS's code, such as `ResourceLimitExceeded`."""
        self.said = said
        """AWS's words."""


def is_not_found(error: RefusedError) -> bool:
    """Whether AWS says that something does not exist, or not yet: SageMaker's reads lag behind.

    SageMaker has no code for it: it answers with a ValidationException "Could not find …" (docs of
    DescribeEndpoint, and as botocore's waiters match it), for a training job "Requested resource
    not found." (boto3#2808).
    """
    said = error.said.lower()
    return error.code in _NOT_FOUND or (
        error.code == "ValidationException"
        and ("could not find" in said or "resource not found" in said)
    )


def is_already_there(error: RefusedError) -> bool:
    """Whether AWS says that what is to be created exists, as it does when a call is repeated."""
    return error.code in _ALREADY_THERE or "already exist" in error.said.lower()


def is_denied(error: RefusedError) -> bool:
    """Whether the caller lacks a permission."""
    return error.code in _DENIED


def is_not_yet_assumable(error: RefusedError) -> bool:
    """Whether a service can't assume a role yet: a new one takes 5 to 30 s.

    Lambda also says so in another way, where a function has environment variables: their key can't
    be granted to a role that is not known everywhere (terraform-provider-aws waits on that text).
    """
    said = error.said.lower()
    return ("assume" in said and "role" in said) or "invalid for creategrant" in said


@contextmanager
def aws_errors(doing: str, *, permission: str) -> Iterator[None]:
    """Turn exceptions of boto3 into errors of newsclf.

    Args:
        doing: What is attempted, for the message, such as "reading prices".
        permission: The IAM action that it needs.

    Raises:
        CredentialsError: there are no usable credentials.
        RefusedError: AWS refused.
        ServiceError: AWS can't be reached, is busy, or failed.
    """
    try:
        yield
    except _CREDENTIALS as error:
        raise CredentialsError(_without_credentials(error), hint=TO_LOG_IN) from error
    except aws.ClientError as error:
        raise _from_client_error(error, doing, permission) from error
    except (aws.ConnectionError, aws.HTTPClientError, ResponseParserError) as error:
        raise ServiceError(
            f"{doing}: AWS can't be reached ({error})",
            hint="check the network and the region's name",
        ) from error
    except aws.BotoCoreError as error:
        raise TargetError(f"{doing} failed: {error}") from error


def _without_credentials(error: Exception) -> str:
    """The problem with the credentials, in words of ours where botocore's do not explain it."""
    if isinstance(error, aws.NoCredentialsError):
        return NO_CREDENTIALS
    if isinstance(error, aws.ProfileNotFound):
        return f"there is no AWS profile '{error.kwargs['profile']}' in ~/.aws"
    return f"the AWS credentials can't be used: {error}"


def _from_client_error(
    error: aws.ClientError, doing: str, permission: str
) -> RefusedError | ServiceError:
    code = error.response.get("Error", {}).get("Code", "")
    said = " ".join(error.response.get("Error", {}).get("Message", "").split())[:_SAID_CHARS]
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _BUSY:
        return ServiceError(f"{doing}: AWS is throttling ({code})", hint="try again in a minute")
    message, hint = f"{doing}: AWS refused ({code}: {said})", None
    if code in _DENIED:
        message = f"{doing} is not allowed: {said}"
        permission, resource = _named(permission, said)
        statement = json.dumps({"Effect": "Allow", "Action": permission, "Resource": resource})
        hint = f"allow {permission}: {statement}"
    elif code in _BAD_CREDENTIALS:
        message = f"{doing}: AWS does not accept the credentials ({code}: {said})"
        hint = (
            "aws sts get-caller-identity shows their owner, aws configure changes them; a region"
            " that the account has not enabled accepts none"
        )
    elif code in _QUOTA:
        hint = _quota_hint(said)
    elif status >= _SERVER_ERROR:
        failed = ServiceError(f"{doing}: AWS failed ({code}: {said})", hint="try again later")
        failed.code = code
        return failed
    refused = RefusedError(message, code=code, said=said, hint=hint)
    if hint is None and is_not_yet_assumable(refused):
        refused.hint = "run the command again; if AWS still refuses, check the role's trust policy"
    return refused


def _quota_hint(said: str) -> str:
    """A hint for a quota that is too small; AWS tells its name and its value."""
    limit = re.search(r"limit '([^']+)' is (\d+)", said)
    name, value = (limit[1], limit[2]) if limit else ("", "")
    instead = "use another instance"
    if "Memory size in MB per serverless" in name:
        instead = f"--memory {value}"
    elif "total concurrency" in name:
        instead = f"a smaller --concurrency; all serverless endpoints share the {value}"
    elif "number of serverless" in name:
        instead = "tear down a serverless endpoint that is not needed"
    return f"{instead}, or ask for more at https://console.aws.amazon.com/servicequotas"


def _named(permission: str, said: str) -> tuple[str, str]:
    """The action and the resource that were refused; AWS mostly names both.

    The action may differ from the call's: CreateModel also needs iam:PassRole.
    """
    action = re.search(r"not authorized to perform: ([\w-]+:\w+)", said)
    resource = re.search(r"on resource: (\S+)", said)
    return action[1] if action else permission, resource[1] if resource else "*"
