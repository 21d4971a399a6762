"""Health of a deployment on this machine."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from newsclf.deploy.http_client import client_for
from newsclf.deploy.local import process
from newsclf.deploy.records import LocalDeployment


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Health of a deployment."""

    deployment: LocalDeployment
    running: bool
    answers: bool = False
    """Whether /ping answered at all."""
    healthy: bool = False
    """Whether /ping answered 200."""
    api_running: bool = False
    api_answers: bool = False
    """Whether the gateway answered at all."""
    uptime_s: float | None = None
    requests: int | None = None
    """Requests answered since the start, with any status."""
    original: Path | None = None
    """The folder of the deployment that the recorded server belongs to, in a copied project."""

    @property
    def url(self) -> str:
        """Address for headlines: of the API, if there is one, else of the model server."""
        if self.deployment.api is not None:
            return f"{self.deployment.api.url}/classify"
        return f"{self.deployment.server.url}/invocations"


def status_of(deployment: LocalDeployment) -> Status:
    """Check the health of a deployment; changes nothing."""
    running = process.find(deployment.server, deployment.server_log)
    if running is None:
        log = process.log_of_stranger(deployment.server, deployment.server_log)
        original = log.parent if log is not None else None
        return Status(deployment=deployment, running=False, original=original)
    answers, healthy, requests = False, False, None
    url = deployment.server.url
    with suppress(httpx.TransportError), client_for(url, timeout_s=2) as client:
        healthy = client.get(f"{url}/ping").status_code == httpx.codes.OK
        answers = True
        requests = _answered(client.get(f"{url}/metrics").text)
    api, api_running, api_answers = deployment.api, False, False
    if api is not None and process.find(api, deployment.gateway_log) is not None:
        api_running = True
        with suppress(httpx.TransportError), client_for(api.url, timeout_s=2) as client:
            client.post(f"{api.url}/health")  # refused by the gateway, so it takes no token
            api_answers = True
    return Status(
        deployment=deployment,
        running=True,
        answers=answers,
        healthy=healthy,
        api_running=api_running,
        api_answers=api_answers,
        uptime_s=time.time() - running.create_time(),
        requests=requests,
    )


def _answered(metrics: str) -> int:
    """The number of requests in the metrics of a model server."""
    from prometheus_client.parser import text_string_to_metric_families

    families = text_string_to_metric_families(metrics)
    samples = [sample for family in families for sample in family.samples]
    return int(sum(each.value for each in samples if each.name == "newsclf_requests_total"))
