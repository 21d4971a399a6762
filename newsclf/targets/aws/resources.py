"""What a deployment on AWS consists of, in the order of creation; teardown walks it backwards.

To make a resource one has to know how it is wanted; to take it away its name is enough, which the
deployment's name tells. So there are two lists, one of the wanted and one of all that there can be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from newsclf.core.deployment import AwsSpec
from newsclf.targets.aws.clients import Clients
from newsclf.targets.aws.names import Names
from newsclf.targets.aws.resource import Remains, Resource


@dataclass(frozen=True, slots=True)
class Archive:
    """A checked `model.tar.gz`."""

    path: Path
    sha256: str
    """Of the file, in hex."""


def endpoint_resources(
    clients: Clients, names: Names, spec: AwsSpec, archive: Archive
) -> Sequence[Resource]:
    """From the bucket to the endpoint and what watches it, as they are wanted."""
    raise NotImplementedError


def endpoint_remains(clients: Clients, names: Names) -> Sequence[Remains]:
    """All that `endpoint_resources` can have made, of whatever form, in the same order."""
    raise NotImplementedError
