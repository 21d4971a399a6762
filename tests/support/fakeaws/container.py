"""A SageMaker training machine: it runs the job's container command as a local process.

Sources: the SageMaker guide, "How Amazon SageMaker AI Processes Training Input / Output" (layout of
/opt/ml, output/failure), CreateTrainingJob's reference (channels, checkpoints, entry point).
"""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.s3.models import s3_backends

from tests.support.fakeaws.roles import allows

_ROOT = "/opt/ml"


class NotAllowedError(Exception):
    """The role does not allow what the machine must do for the job."""


@dataclass
class Container:
    """One machine of a job."""

    request: dict[str, Any]
    """As CreateTrainingJob was called."""

    def __post_init__(self) -> None:
        """Fetch what the job reads, and start it."""
        self.root = Path(tempfile.mkdtemp(prefix="opt-ml-"))
        for name in ("input/config", "input/data", "model", "output", "checkpoints"):
            (self.root / name).mkdir(parents=True)
        channels = self.request["InputDataConfig"]
        for channel in channels:
            uri = channel["DataSource"]["S3DataSource"]["S3Uri"]
            self._fetch(uri, self.root / "input/data" / channel["ChannelName"])
        self._fetch(self.request["CheckpointConfig"]["S3Uri"], self.root / "checkpoints")
        self._configure({c["ChannelName"]: {"TrainingInputMode": "File"} for c in channels})
        algorithm = self.request["AlgorithmSpecification"]
        command = [*algorithm["ContainerEntrypoint"], *algorithm["ContainerArguments"]]
        self.output = (self.root / "stdout").open("w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [self._here(word) for word in command],
            stdout=self.output,
            stderr=subprocess.STDOUT,
            cwd=self.root,
            start_new_session=True,
            env={
                # This Python has all that is asked for: pip sees that, and needs no index.
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "HOME": str(self.root),
                "OMP_NUM_THREADS": "1",
                "PIP_NO_INDEX": "1",
                "PIP_NO_DEPS": "1",
                "TRAINING_JOB_NAME": self.request["TrainingJobName"],
                **self.request.get("Environment", {}),
            },
        )
        self._read = 0

    def new_lines(self) -> list[str]:
        """Complete lines printed since the last call."""
        with (self.root / "stdout").open(encoding="utf-8") as file:
            file.seek(self._read)
            text = file.read()
        whole = text[: text.rfind("\n") + 1]
        self._read += len(whole.encode())
        return whole.splitlines()

    @property
    def has_checkpoint(self) -> bool:
        """Whether the job has written a checkpoint."""
        return (self.root / "checkpoints/state.tar").is_file()

    def is_running(self, wait_s: float) -> bool:
        """Whether the job is still running after waiting this long."""
        try:
            self.process.wait(wait_s)
        except subprocess.TimeoutExpired:
            return True
        return False

    def kill(self) -> None:
        """Kill the job, as when a spot machine is reclaimed."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def upload_checkpoints(self) -> None:
        """Copy the checkpoints to S3."""
        self._put_folder(self.root / "checkpoints", self.request["CheckpointConfig"]["S3Uri"])

    def upload_model(self) -> str:
        """Upload the model to S3; returns its URL."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for path in sorted((self.root / "model").iterdir()):
                archive.add(path, path.name)
        uri: str = self.request["OutputDataConfig"]["S3OutputPath"]
        uri += f"/{self.request['TrainingJobName']}/output/model.tar.gz"
        self._put(uri, packed.getvalue())
        return uri

    def failure(self) -> str:
        """Failure reason, in the form of FailureReason."""
        path = self.root / "output/failure"
        said = path.read_text(encoding="utf-8") if path.is_file() else ""
        return f"AlgorithmError: {said[:1024]}, exit code: {self.process.returncode}"

    def close(self) -> None:
        """Release the machine."""
        self.kill()
        self.output.close()
        shutil.rmtree(self.root)

    def _here(self, text: str) -> str:
        """There is no /opt/ml here that is ours; everything that names it gets our folder."""
        return text.replace(_ROOT, str(self.root))

    def _configure(self, channels: dict[str, Any]) -> None:
        config = {
            "resourceconfig.json": {
                "current_host": "algo-1",
                "hosts": ["algo-1"],
                "network_interface_name": "eth0",
                "current_instance_type": self.request["ResourceConfig"]["InstanceType"],
            },
            "inputdataconfig.json": channels,
            "hyperparameters.json": self.request.get("HyperParameters", {}),
        }
        for name, document in config.items():
            (self.root / "input/config" / name).write_text(json.dumps(document), encoding="utf-8")

    def _fetch(self, uri: str, folder: Path) -> None:
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        keys: Any = s3_backends[ACCOUNT]["aws"].buckets[bucket].keys
        for key in list(keys):
            if not key.startswith(prefix):
                continue
            self._check("s3:GetObject", f"arn:aws:s3:::{bucket}/{key}")
            # A prefix that is a whole key is one file, under its own name.
            target = folder / (key.removeprefix(prefix).lstrip("/") or Path(key).name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(keys[key].value)

    def _put_folder(self, folder: Path, uri: str) -> None:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self._put(f"{uri}/{path.relative_to(folder).as_posix()}", path.read_bytes())

    def _put(self, uri: str, content: bytes) -> None:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        self._check("s3:PutObject", f"arn:aws:s3:::{bucket}/{key}")
        s3_backends[ACCOUNT]["aws"].put_object(bucket, key, content)

    def _check(self, action: str, resource: str) -> None:
        if not allows(self.request["RoleArn"], action, resource):
            raise NotAllowedError(f"the role may not {action} on {resource}")
