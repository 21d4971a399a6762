"""SageMaker's Hugging Face toolkit and its model server, the real ones, as the container runs them.

The toolkit takes the machine for its container: it writes /etc/sagemaker-mms.properties, so the
tests must be root; and it looks for its server among all processes, so there can be one at a time.
It runs in the virtual environment that `make test-dlc` makes, as root or as a user who may write
nothing but that file, as in a container of serverless inference.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tarfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

PYTHON = Path(__file__).parents[3] / ".venv-dlc" / "bin" / "python"
NOBODY = 65534
"""The id of a user without rights, home or name."""
_CONFIG = Path("/etc/sagemaker-mms.properties")
_READY_WITHIN_S = 180
_STOPS_WITHIN_S = 30
_PROBE = {"inputs": "Sales rose in the third quarter"}


@dataclass(frozen=True)
class Toolkit:
    """A running toolkit."""

    client: httpx.Client
    log_file: Path
    session: int
    """Of all its processes."""

    def post(self, body: object, **headers: str) -> httpx.Response:
        """POST bytes as they are, anything else as JSON."""
        if isinstance(body, bytes):
            kind = {"Content-Type": "application/json"}
            return self.client.post("/invocations", content=body, headers=kind | headers)
        return self.client.post("/invocations", json=body, headers=headers)

    def cpu_s(self) -> float:
        """Seconds that its processes, Java's included, have spent on a core."""
        times = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, ProcessLookupError):
                if os.getsid(process.pid) == self.session:
                    times.append(process.cpu_times())
        return sum(spent.user + spent.system for spent in times)

    def log(self) -> str:
        """What toolkit, server and workers have written so far."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")


def unpack(archive: Path, base: Path) -> None:
    """Unpack as SageMaker does, to `model` in the base folder (/opt/ml in the container)."""
    with tarfile.open(archive, "r:gz") as members:
        members.extractall(base / "model", filter="data")


@contextmanager
def running(base: Path, *, workers: int, uid: int = 0) -> Iterator[Toolkit]:
    """The toolkit over `model` in a base folder, from its own entry point to its first answer.

    The environment gives pip no way to an index. The model server's own /ping says nothing of the
    model, so what is waited for is an answer to a headline, be it a refusal.
    """
    if os.geteuid() != 0 or shutil.which("java") is None or not PYTHON.is_file():
        raise RuntimeError("needs root, java on the path, and .venv-dlc: make test-dlc")
    port = _free_port()
    log_file = base / "toolkit.log"
    _CONFIG.touch()
    os.chown(_CONFIG, uid, uid)
    scratch = base / "tmp"
    scratch.mkdir(exist_ok=True)
    os.chown(scratch, uid, uid)
    code = "from sagemaker_huggingface_inference_toolkit import serving; serving.main()"
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [*_as_user(uid), PYTHON, "-c", code],
            cwd=base,
            env=_environment(base, scratch, port, workers),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            toolkit = Toolkit(client, log_file, process.pid)
            _wait_until_answering(toolkit, process)
            yield toolkit
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOPS_WITHIN_S)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        _CONFIG.unlink(missing_ok=True)


def _as_user(uid: int) -> list[str]:
    """What makes a command run as another user, who writes nothing but may read what root may.

    The Python of the virtual environment can lie in root's home, where others may not look.
    """
    if uid == 0:
        return []
    reads = "+dac_read_search"
    user = [f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
    return ["setpriv", *user, f"--inh-caps={reads}", f"--ambient-caps={reads}"]


def _free_port() -> int:
    """A free port; the model server refuses those that the system gives out for port 0."""
    for port in range(18080, 18180):
        with suppress(OSError), socket.create_server(("0.0.0.0", port)):  # noqa: S104 - as it does
            return port
    raise RuntimeError("no port from 18080 to 18179 is free")


def _environment(base: Path, scratch: Path, port: int, workers: int) -> Mapping[str, str]:
    return {
        "PATH": f"{PYTHON.parent}:{os.environ['PATH']}",
        "HOME": "/nonexistent",
        "TEMP": str(scratch),
        "TMPDIR": str(scratch),
        "LANG": "C.UTF-8",
        "HF_HUB_OFFLINE": "1",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": "http://127.0.0.1:9/",
        "SAGEMAKER_BASE_DIR": str(base),
        "SAGEMAKER_BIND_TO_PORT": str(port),
        "SAGEMAKER_MODEL_SERVER_WORKERS": str(workers),
    }


def _wait_until_answering(toolkit: Toolkit, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < deadline:
        with suppress(httpx.TransportError):
            if toolkit.post(_PROBE).status_code in (200, 400, 500):
                return
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.5)
            break
    raise RuntimeError(f"the toolkit did not come up:\n{toolkit.log()[-4000:]}")
