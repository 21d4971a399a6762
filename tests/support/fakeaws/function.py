"""A Lambda function as moto holds it, run from its own archive."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import zipfile
from typing import Any

from newsclf.deploy.sigv4 import Credentials

FUNCTION = Credentials("AKIDFUNCTION", "secret-of-the-function")
"""As whom a function calls AWS."""
# Of the archive and the runtime's packages only: what this checkout has beside them must not help.
_HOST = """
import importlib, json, os, sys
ours = lambda path: os.path.isdir(os.path.join(path, "lambda_src"))
sys.path[:] = [sys.argv[2], *(path for path in sys.path if path and not ours(path))]
events, answers = os.fdopen(int(sys.argv[3])), os.fdopen(int(sys.argv[4]), "w")
module, name = sys.argv[1].rsplit(".", 1)
handle = getattr(importlib.import_module(module), name)
class Context:
    aws_request_id = "00000000-0000-0000-0000-000000000000"
for line in events:
    try:
        answer = handle(json.loads(line), Context())
    except Exception as error:
        print(repr(error), flush=True)
        answer = None
    answers.write(json.dumps(answer) + "\\n")
    answers.flush()
"""


class Runtime:
    """One process of a function."""

    def __init__(self, function: Any, *, region: str, endpoint_url: str) -> None:
        self._folder = tempfile.TemporaryDirectory()
        code = function.code_bytes or base64.b64decode(function.code["ZipFile"])
        with zipfile.ZipFile(io.BytesIO(code)) as archive:
            archive.extractall(self._folder.name)
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `stop`
        events, self._to = os.pipe()
        self._from, answers = os.pipe()
        bare = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PYTHONPATH"))}
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                _HOST,
                function.handler,
                self._folder.name,
                str(events),
                str(answers),
            ],
            cwd=self._folder.name,
            pass_fds=(events, answers),
            stdout=self._log,
            stderr=self._log,
            env=bare
            | function.environment_vars
            | {
                "AWS_REGION": region,
                "AWS_DEFAULT_REGION": region,
                "AWS_ACCESS_KEY_ID": FUNCTION.access_key,
                "AWS_SECRET_ACCESS_KEY": FUNCTION.secret_key,
                "AWS_ENDPOINT_URL": endpoint_url,
                "AWS_EC2_METADATA_DISABLED": "true",
            },
        )
        os.close(events)
        os.close(answers)
        self._answers = os.fdopen(self._from)
        self._lock = threading.Lock()

    def invoke(self, event: dict[str, Any]) -> dict[str, Any] | None:
        """The function's answer; None if it raised or died."""
        with self._lock:
            os.write(self._to, json.dumps(event).encode() + b"\n")
            line = self._answers.readline()
        answer: dict[str, Any] | None = json.loads(line) if line else None
        return answer

    def stop(self) -> str:
        """Stop the process; returns its output."""
        os.close(self._to)
        self._process.wait()
        self._answers.close()
        self._log.seek(0)
        text = self._log.read().decode(errors="replace")
        self._log.close()
        self._folder.cleanup()
        return text
