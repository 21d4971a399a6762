"""CloudWatch logs of containers and functions."""

from __future__ import annotations

from moto.core.models import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.core.utils import unix_time_millis
from moto.logs.models import logs_backends


def write_log(
    region: str, group: str, lines: tuple[str, ...], *, stream: str = "AllTraffic/i-0123456789"
) -> None:
    """Append lines; creates the log group and stream as AWS does."""
    logs = logs_backends[ACCOUNT][region]
    if group not in logs.groups:
        logs.create_log_group(group, {})
    if stream not in logs.groups[group].streams:
        logs.create_log_stream(group, stream)
    now_ms = int(unix_time_millis())
    logs.put_log_events(group, stream, [{"timestamp": now_ms, "message": line} for line in lines])
