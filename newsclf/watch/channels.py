"""Where the alerts of a watch.toml go."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from pathlib import Path

from newsclf.common.errors import ConfigError
from newsclf.deploy.credentials import read_secret
from newsclf.watch.configuration import DeliverySettings, WebhookSettings
from newsclf.watch.feeds.fetching.connections import Resolver
from newsclf.watch.signals.delivery import Channel, Command
from newsclf.watch.signals.webhook import Webhook, post_to


def make_channels(
    settings: DeliverySettings,
    *,
    folder: Path,
    environ: Mapping[str, str],
    resolver: Resolver,
    allow_private: bool,
) -> list[Channel]:
    """Make the channels besides the terminal.

    Args:
        settings: What they are.
        folder: Where watch.toml is, to which a secret_file is relative.
        environ: Environment variables.
        resolver: Resolves the webhook's host.
        allow_private: Whether the webhook may be on this machine's networks.

    Raises:
        ConfigError: The webhook's address or secret is missing, or can't be used.
    """
    channels: list[Channel] = []
    if settings.command is not None:
        channels.append(Command(name="command", arguments=settings.command, environ=environ))
    if settings.webhook is not None:
        url = _url(settings.webhook, environ)
        file = settings.webhook.secret_file
        secret = read_secret(
            environ,
            what="the webhook's secret",
            variable=settings.webhook.secret_env,
            file=folder / file if file is not None else None,
        )
        channels.append(
            Webhook(
                name="webhook",
                url=url,
                secret=secret,
                post=post_to(url, resolver, allow_private=allow_private),
                now_s=time.time,
                sleep=asyncio.sleep,
                jitter=random.random,
            )
        )
    return channels


def _url(settings: WebhookSettings, environ: Mapping[str, str]) -> str:
    if settings.url is not None:
        return settings.url
    name = settings.url_env or ""
    url = environ.get(name, "").strip()
    if not url:
        raise ConfigError(
            f"the webhook's address is missing: the environment variable {name} is empty",
            hint=f"export {name}=https://…",
        )
    return url
