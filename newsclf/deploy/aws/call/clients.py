"""boto3 clients of one account and region, and the only place where they are called.

Endpoints and credentials come from boto3's own chain: AWS_ENDPOINT_URL, AWS_PROFILE and so on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import cached_property, lru_cache
from typing import Any, Final, TypeVar

import boto3
import botocore.exceptions
from botocore.config import Config

from newsclf.common.errors import ConfigError
from newsclf.common.suggestions import REGION, did_you_mean
from newsclf.deploy.aws.call.clock import Clock
from newsclf.deploy.aws.call.errors import RefusedError, aws_errors, is_already_there, is_not_found
from newsclf.deploy.aws.call.permissions import permission_of

_CONFIG = Config(
    connect_timeout=10,
    read_timeout=60,  # an invocation may take so long; everything else answers within seconds
    retries={"mode": "standard", "total_max_attempts": 5},
)
_NOT_YET_S = 60
_Made = TypeVar("_Made")
_DOING: Final = {
    "add": "adding to",
    "create": "creating",
    "delete": "deleting",
    "deregister": "deleting",
    "describe": "looking for",
    "get": "looking for",
    "head": "looking for",
    "list": "looking for",
    "put": "setting up",
    "register": "setting up",
    "remove": "removing from",
    "stop": "stopping",
    "update": "updating",
}
"""First word of an operation → how an error message says it."""


def _check_region(session: boto3.Session, region: str) -> None:
    """Raise ConfigError for no region, or one with other ARNs, as in China and GovCloud."""
    if not REGION.fullmatch(region):
        raise ConfigError(
            f"--region {region}: expected a region such as us-east-1",
            hint=did_you_mean(region, session.get_available_regions("sagemaker")) or None,
        )
    try:
        partition = session.get_partition_for_region(region)
    except botocore.exceptions.UnknownRegionError:
        return  # a newer one than this botocore
    if partition != "aws":
        raise ConfigError(
            f"--region {region}: newsclf knows AWS's commercial regions, not those of {partition}",
            hint="choose one such as us-east-1",
        )


def doing_of(operation: str, what: str) -> str:
    """What an operation does, for the message of an error: `creating the role newsclf-news-ep`."""
    return f"{_DOING.get(operation.partition('_')[0], 'changing')} {what}"


def _errors(
    service: str, operation: str, doing: str | None, arguments: Mapping[str, Any]
) -> AbstractContextManager[None]:
    """Translate the errors of a call; its first argument mostly names something."""
    noun = operation.partition("_")[2].replace("_", " ")
    name = next((value for value in arguments.values() if isinstance(value, str)), "")
    doing = doing or doing_of(operation, f"the {noun} {name}".rstrip())
    return aws_errors(doing, permission=permission_of(service, operation))


class Clients:
    """Calls AWS in one region, with the credentials of one profile."""

    def __init__(
        self, region: str | None = None, profile: str | None = None, *, clock: Clock | None = None
    ) -> None:
        """Open a session; nothing is called yet.

        Args:
            region: A region; None: AWS_REGION, or the profile's.
            profile: A profile of ~/.aws; None: as the environment says.

        Raises:
            ConfigError: no region is named anywhere.
            CredentialsError: there is no such profile.
        """
        with aws_errors("opening the AWS session", permission="sts:GetCallerIdentity"):
            # boto3 itself reads only AWS_DEFAULT_REGION and the profile's.
            region = region or os.environ.get("AWS_REGION")
            self.session = boto3.Session(profile_name=profile, region_name=region)
        if not self.session.region_name:
            raise ConfigError("no AWS region is named", hint="add --region, or set AWS_REGION")
        self.region: str = self.session.region_name
        _check_region(self.session, self.region)
        self.profile = profile
        self.clock = clock or Clock()
        self._client = lru_cache(maxsize=None)(self._new_client)

    @cached_property
    def account(self) -> str:
        """The account's number; errors are those of `call`."""
        doing = "asking AWS whose credentials these are"
        return str(self.call("sts", "get_caller_identity", doing=doing)["Account"])

    def _new_client(self, service: str, config: Config = _CONFIG) -> Any:
        try:
            return self.session.client(service, config=config)
        except ValueError as error:  # botocore's of an address that is none
            raise ConfigError(
                f"{service} cannot be called: {error}",
                hint="check AWS_ENDPOINT_URL, and endpoint_url in the settings of AWS",
            ) from error

    def client(self, service: str) -> Any:
        """The boto3 client of a service, for what `call` can't do."""
        with aws_errors(f"opening {service}", permission=f"{service}:*"):
            return self._client(service)

    def single_attempt_client(
        self, service: str, *, read_timeout_s: float, connections: int
    ) -> Any:
        """A new client that sends each request once, for calls that are billed one by one.

        Args:
            read_timeout_s: The longest silence.
            connections: How many threads may call it at once.
        """
        config = Config(
            connect_timeout=10,
            read_timeout=read_timeout_s,
            max_pool_connections=connections,
            retries={"total_max_attempts": 1},
        )
        with aws_errors(f"opening {service}", permission=f"{service}:*"):
            return self._new_client(service, config)

    def call(
        self, service: str, operation: str, *, doing: str | None = None, **arguments: Any
    ) -> dict[str, Any]:
        """Call an operation, such as `create_model` of `sagemaker`.

        Args:
            doing: What it does, for the message of an error; None: as its name and arguments say.
            arguments: The arguments of the operation.

        Raises:
            RefusedError: AWS refused; it holds AWS's code.
            CredentialsError: there are no usable credentials.
            ServiceError: AWS can't be reached, is busy, or failed.
        """
        client = self.client(service)
        with _errors(service, operation, doing, arguments):
            answer: dict[str, Any] = getattr(client, operation)(**arguments)
        return answer

    def create(
        self,
        service: str,
        operation: str,
        *,
        doing: str | None = None,
        not_yet: Callable[[RefusedError], bool] = lambda _: False,
        at_most_s: float = _NOT_YET_S,
        **arguments: Any,
    ) -> dict[str, Any] | None:
        """Call an operation that creates; None if the resource exists already.

        boto3 repeats a call whose answer was lost, which then finds what it has created.

        Args:
            not_yet: Whether a refusal is temporary, so that the call is repeated.
            at_most_s: How long it is repeated.
        """

        def attempt() -> dict[str, Any]:
            return self.call(service, operation, doing=doing, **arguments)

        return self.created(attempt, not_yet=not_yet, at_most_s=at_most_s)

    def created(
        self,
        create: Callable[[], _Made],
        *,
        not_yet: Callable[[RefusedError], bool],
        at_most_s: float = _NOT_YET_S,
    ) -> _Made | None:
        """Call a function that creates; otherwise like `create`."""
        refusals: list[RefusedError] = []

        def attempt() -> tuple[_Made | None] | None:
            try:
                return (create(),)
            except RefusedError as error:
                if is_already_there(error):
                    return (None,)
                if not not_yet(error):
                    raise
                refusals.append(error)
                return None

        made = self.clock.until(attempt, at_most_s=at_most_s)
        if made is None:
            raise refusals[-1]
        return made[0]

    def find(
        self, service: str, operation: str, *, doing: str | None = None, **arguments: Any
    ) -> dict[str, Any] | None:
        """Call an operation; None if the resource does not exist. Errors are those of `call`."""
        try:
            return self.call(service, operation, doing=doing, **arguments)
        except RefusedError as error:
            if not is_not_found(error):
                raise
        return None

    def listed(
        self, service: str, operation: str, key: str, *, doing: str | None = None, **arguments: Any
    ) -> Iterator[Any]:
        """The items of all pages of a list; none if what is listed does not exist.

        Args:
            key: The field of the answer that holds the items.
        """
        client = self.client(service)
        try:
            with _errors(service, operation, doing, arguments):
                for page in client.get_paginator(operation).paginate(**arguments):
                    yield from page.get(key, [])
        except RefusedError as error:
            if not is_not_found(error):
                raise
