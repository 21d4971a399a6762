"""boto3's exceptions as errors with the next command to type."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import botocore.exceptions as aws
from botocore.parsers import ResponseParserError

from newsclf.core.errors import ServiceError, TargetError

_CREDENTIALS = (
    aws.NoCredentialsError,
    aws.PartialCredentialsError,
    aws.CredentialRetrievalError,
    aws.ProfileNotFound,
    aws.SSOError,
    aws.TokenRetrievalError,
    aws.UnauthorizedSSOTokenError,
)
_BAD_CREDENTIALS = {
    "ExpiredToken", "ExpiredTokenException", "IncompleteSignature", "InvalidClientTokenId",
    "InvalidSignatureException", "SignatureDoesNotMatch", "UnrecognizedClientException",
}  # fmt: skip
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}
_BUSY = {"RequestLimitExceeded", "SlowDown", "Throttling", "ThrottlingException",
         "TooManyRequestsException"}  # fmt: skip
_SERVER_ERROR = 500


@contextmanager
def aws_errors(doing: str, *, permission: str) -> Iterator[None]:
    """Turn what boto3 raises into our errors.

    Args:
        doing: What is being done, for the message, such as "reading prices".
        permission: The IAM action that it needs.

    Raises:
        TargetError: no usable credentials, or AWS refused.
        ServiceError: AWS can't be reached, is busy, or failed.
    """
    try:
        yield
    except _CREDENTIALS as error:
        raise TargetError(
            f"{doing} needs AWS credentials ({error})", hint="aws configure, or set AWS_PROFILE"
        ) from error
    except aws.ClientError as error:
        raise _from_client_error(error, doing, permission) from error
    except (aws.ConnectionError, aws.HTTPClientError, ResponseParserError) as error:
        raise ServiceError(
            f"{doing}: AWS can't be reached ({error})", hint="check the network, and try again"
        ) from error
    except aws.BotoCoreError as error:
        raise TargetError(f"{doing} failed: {error}") from error


def _from_client_error(
    error: aws.ClientError, doing: str, permission: str
) -> TargetError | ServiceError:
    code = error.response.get("Error", {}).get("Code", "")
    said = error.response.get("Error", {}).get("Message", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _BUSY:
        return ServiceError(f"{doing}: AWS is throttling ({code})", hint="try again in a minute")
    if code in _DENIED:
        return TargetError(
            f"{doing} is not allowed: {said}", hint=f"allow {permission} for these credentials"
        )
    if code in _BAD_CREDENTIALS:
        return TargetError(
            f"{doing}: AWS does not accept the credentials ({code}: {said})",
            hint="aws sts get-caller-identity shows whose they are; aws configure changes them",
        )
    if status >= _SERVER_ERROR:
        return ServiceError(f"{doing}: AWS failed ({code}: {said})", hint="try again later")
    return TargetError(f"{doing}: AWS refused ({code}: {said})")
