"""What serves a deployment's model, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from newsclf.deploy.server_figures import ServerFigures

ReadFigures = Callable[[str, tuple[datetime, datetime], int, Callable[[], bool]], ServerFigures]
"""Reads what the service measured: instance, window, requests sent, and whether to go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosting:
    """Where requests to a deployment are served."""

    kind: Literal["local", "url", "sagemaker", "api-gateway"]
    """What a request reaches first."""
    instance: str
    """`ml.c5.large`, `serverless` or `local`."""
    region: str | None = None
    instance_count: int = 1
    is_counted: bool = True
    """False: AWS did not tell, and the count is what was desired."""
    usd_per_hour: float = 0.0
    """Price of all instances together."""
    figures: ReadFigures | None = None
    """None: nothing but the client measures."""
